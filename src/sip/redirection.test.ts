/** Where a redirection leads, whatever stands beside it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTACTS_MAX } from './contacts.ts';
import type { SipResponse } from './message.ts';
import { parseMessage } from './parse.ts';
import { redirectedTo } from './redirection.ts';
import { printUri } from './uri.ts';

function moved(...contacts: readonly string[]): SipResponse {
  const lines = [
    'SIP/2.0 302 Moved',
    'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1',
    'From: <sip:a@example.com>;tag=1',
    'To: <sip:b@example.com>;tag=2',
    'Call-ID: 1',
    'CSeq: 1 INVITE',
    ...contacts.map((value) => `Contact: ${value}`),
  ];
  const message = parseMessage(`${lines.join('\r\n')}\r\n\r\n`);
  assert.ok(message.kind === 'response');
  return message;
}

// What stands in Contact, and what of it can be tried.
const rows: readonly (readonly [contacts: readonly string[], tried: readonly string[]])[] = [
  [['<sip:c@h>, <mailto:x@y>'], ['sip:c@h']],
  [['<mailto:x@y>, <sip:c@h>'], ['sip:c@h']],
  [['<mailto:x@y>', '<sip:c@h>'], ['sip:c@h']],
  [['"Doe, J" <sip:c@h>;q=0.5, <http://h/,x>, <sips:d@h>'], ['sip:c@h', 'sips:d@h']],
  [['<sip:c@h>, <sip:>, <sip:d@h'], ['sip:c@h']],
  [['<tel:112>, <sip:c@h>;q=0.1;q=0.2, <sip:d@h>'], ['sip:d@h']],
  [['*'], []],
  [['<mailto:x@y>'], []],
];
for (const [contacts, tried] of rows) {
  test(`of the Contacts ${contacts.join(' | ')} these can be tried: ${tried.join(' ')}`, () => {
    assert.deepEqual(
      redirectedTo(moved(...contacts)).map(({ uri }) => printUri(uri)),
      tried,
    );
  });
}

for (const [before, tried] of [
  [CONTACTS_MAX - 1, 1],
  [CONTACTS_MAX, 0],
] as const) {
  test(`behind ${before} that cannot be tried ${tried} is`, () => {
    const others = Array.from({ length: before }, () => '<mailto:x@y>');

    assert.equal(redirectedTo(moved([...others, '<sip:c@h>'].join(', '))).length, tried);
  });
}
