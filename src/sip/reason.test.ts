import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMessage } from './parse.ts';
import { REASON_LENGTH_MAX, reasonOf } from './reason.ts';

const long = (length: number): string => `SIP;text="${'x'.repeat(length - 'SIP;text=""'.length)}"`;

// [what, the lines of the request, what they say]
const rows: readonly [string, string[], string][] = [
  ['none', [], ''],
  ['one', ['Reason: SIP;cause=200'], 'SIP;cause=200'],
  ['two lines', ['Reason: SIP;cause=200', 'reason: Q.850;cause=26'], 'SIP;cause=200, Q.850;cause=26'],
  ['folded', ['Reason: SIP;cause=200;', ' text="a"'], 'SIP;cause=200; text="a"'],
  ['as long as may be', [`Reason: ${long(REASON_LENGTH_MAX)}`], long(REASON_LENGTH_MAX)],
  ['longer by one', [`Reason: ${long(REASON_LENGTH_MAX + 1)}`], ''],
];

for (const [what, lines, reason] of rows) {
  test(`the reason of a CANCEL: ${what}`, () => {
    const fields = [
      'Via: SIP/2.0/UDP h;branch=z9hG4bK1',
      'From: <sip:a@h>;tag=1',
      'To: <sip:b@h>',
      'Call-ID: 1',
    ];
    const message = parseMessage(
      ['CANCEL sip:b@h SIP/2.0', ...fields, 'CSeq: 1 CANCEL', ...lines, '', ''].join('\r\n'),
    );
    assert.ok(message.kind === 'request');

    assert.equal(reasonOf(message), reason);
  });
}
