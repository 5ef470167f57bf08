import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMessage } from '../sip/parse.ts';
import { topVia } from '../sip/via.ts';
import { transactionKey } from './key.ts';
import { KeyTable } from './key-table.ts';

const RFC3261 = 'SIP/2.0/UDP 192.0.2.11:5062;branch=z9hG4bKabc';
const RFC2543 = 'SIP/2.0/UDP 192.0.2.11:5062';

interface Message {
  readonly method: string;
  readonly via?: string;
  readonly uri?: string;
  readonly fromTag?: string;
  readonly toTag?: string;
  readonly callId?: string;
  readonly cseq?: number;
  /** The method of the transaction that is looked for. */
  readonly of?: string;
}

function keyOf(message: Message) {
  const {
    method,
    via = RFC3261,
    uri = 'sip:bob@h',
    fromTag = 'f',
    toTag = '',
    callId = 'c',
    cseq = 1,
  } = message;
  const fields = [
    `Via: ${via}`,
    `From: <sip:a@h>;tag=${fromTag}`,
    `To: <sip:b@h>${toTag}`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} ${method}`,
  ];
  const request = parseMessage([`${method} ${uri} SIP/2.0`, ...fields, '', ''].join('\r\n'));
  assert.ok(request.kind === 'request');
  const span = topVia(request.headers);
  assert.ok(span !== undefined);
  return transactionKey(request, span, message.of ?? method);
}

// RFC 3261 §17.2.3. [what, the request, whether it belongs to the INVITE transaction of a new and of an old peer]
const cases: readonly [string, Omit<Message, 'via'>, boolean, boolean][] = [
  ['the INVITE again', { method: 'INVITE' }, true, true],
  ['its CANCEL', { method: 'CANCEL', of: 'INVITE' }, true, true],
  ['the ACK of its refusal', { method: 'ACK', of: 'INVITE', toTag: ';tag=t' }, true, true],
  ['another method with its branch', { method: 'OPTIONS' }, false, false],
  ['another Request-URI', { method: 'INVITE', uri: 'sip:carol@h' }, true, false],
  ['another From tag', { method: 'INVITE', fromTag: 'g' }, true, false],
  ['another Call-ID', { method: 'INVITE', callId: 'd' }, true, false],
  ['another CSeq', { method: 'INVITE', cseq: 2 }, true, false],
];

for (const [peer, via, column] of [
  ['RFC 3261', RFC3261, 2],
  ['RFC 2543', RFC2543, 3],
] as const) {
  for (const row of cases) {
    test(`a peer of ${peer}: ${row[0]} is ${row[column] ? 'the same' : 'another'} transaction`, () => {
      const table = new KeyTable(7);
      table.add(keyOf({ method: 'INVITE', via }), 5);

      assert.equal(table.find(keyOf({ ...row[1], via })) === 5, row[column]);
    });
  }
}

// [Via, whether it is the same as that of the new peer above]
const vias: readonly [string, boolean][] = [
  ['SIP/2.0/UDP 192.0.2.11:5062 ; rport ; branch=z9hG4bKabc', true],
  ['SIP/2.0/UDP 192.0.2.11:5062;branch=z9hG4bKabd', false],
  ['SIP/2.0/UDP 192.0.2.11:5063;branch=z9hG4bKabc', false],
  ['SIP/2.0/UDP 192.0.2.12:5062;branch=z9hG4bKabc', false],
  ['SIP/2.0/UDP 192.0.2.11:5062;branch=abc', false],
  ['SIP/2.0/UDP 192.0.2.11:5062;branch=z9hG4bK', false],
];

for (const [via, same] of vias) {
  test(`${via} is ${same ? 'the same' : 'another'} branch`, () => {
    const table = new KeyTable(7);
    table.add(keyOf({ method: 'INVITE' }), 5);

    assert.equal(table.find(keyOf({ method: 'INVITE', via })) === 5, same);
  });
}
