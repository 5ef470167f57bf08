import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SipError } from '../base/errors.ts';
import type { SipResponse } from './message.ts';
import { parseMessage } from './parse.ts';

function response(first: string): SipResponse {
  const parsed = parseMessage([first, 'Via: SIP/2.0/UDP a', 'Content-Length: 0', '', ''].join('\r\n'));
  assert.ok(parsed.kind === 'response');
  return parsed;
}

// [what came, the new status, the new reason, what leaves; undefined: refused]
const changes: readonly (readonly [string, number, string | undefined, string | undefined])[] = [
  ['SIP/2.0 183 Session Progress', 180, undefined, 'SIP/2.0 180 Ringing'],
  ['SIP/2.0 180', 183, 'Early', 'SIP/2.0 183 Early'],
  ['SIP/2.0 200 OK', 202, undefined, 'SIP/2.0 202 Accepted'],
  ['SIP/2.0 404 Not Found', 603, 'Nein', 'SIP/2.0 603 Nein'],
  ['SIP/2.0 603 Decline', 486, undefined, 'SIP/2.0 486 Busy Here'],
  ['SIP/2.0 302 Moved', 480, '', 'SIP/2.0 480 '],
  ['SIP/2.0 404 Not Found', 499, undefined, 'SIP/2.0 499 Bad Request'],
  ['SIP/2.0 180 Ringing', 100, undefined, undefined],
  ['SIP/2.0 180 Ringing', 200, undefined, undefined],
  ['SIP/2.0 200 OK', 486, undefined, undefined],
  ['SIP/2.0 200 OK', 180, undefined, undefined],
  ['SIP/2.0 486 Busy Here', 200, undefined, undefined],
  ['SIP/2.0 486 Busy Here', 183, undefined, undefined],
  ['SIP/2.0 486 Busy Here', 700, undefined, undefined],
  ['SIP/2.0 486 Busy Here', 486.5, undefined, undefined],
  ['SIP/2.0 486 Busy Here', NaN, undefined, undefined],
  ['SIP/2.0 486 Busy Here', 480, 'a\r\nX: 1', undefined],
];

for (const [came, status, reason, leaves] of changes) {
  test(`${came} as ${status} ${JSON.stringify(reason)}: ${leaves ?? 'refused'}`, () => {
    const edited = response(came);
    const { text, status: before } = edited;

    if (leaves === undefined) {
      assert.throws(() => edited.setStatus(status, reason), SipError);
      assert.deepEqual([edited.text, edited.status], [text, before]);
      return;
    }
    edited.setStatus(status, reason);

    assert.equal(edited.text.slice(0, edited.text.indexOf('\r\n')), leaves);
    assert.equal(edited.status, status);
    const again = parseMessage(edited.text);
    assert.deepEqual([again.kind, 'status' in again && again.status], ['response', status]);
  });
}

test('a reason is set alone, in UTF-8 where it needs that', () => {
  const edited = response('SIP/2.0 486 Busy Here');

  edited.reason = 'zajęty';

  assert.equal(Buffer.from(edited.reason, 'latin1').toString(), 'zajęty');
  assert.equal(edited.status, 486);
  assert.equal(edited.headers.get('Via'), 'SIP/2.0/UDP a');
});
