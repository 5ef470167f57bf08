import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Contact } from '../location/contact.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { contactDocument } from './control-documents.ts';

const CONTACT = {
  aor: 'bob@example.com',
  uriText: 'sip:bob@192.0.2.12',
  q: 1,
  expiresAt: 60_000,
  callId: 'c',
  cseq: 1,
  params: '',
};

// oxfmt-ignore
const agents: readonly [sent: string, shown: string][] = [
  ['Phone 1.0 (b\u00fcro)',       'Phone 1.0 (b\u00fcro)'],
  ['\x1b]0;owned\x07\x1b[2J',     '?]0;owned??[2J'],
  ['a\tb\x7f\x9b31m',             'a?b??31m'],
];
for (const [sent, shown] of agents) {
  test(`a phone that calls itself ${JSON.stringify(sent)} does not steer the terminal of the operator`, () => {
    const document = contactDocument(new Contact({ ...CONTACT, userAgent: sent }), new SimClock());

    assert.equal(document.userAgent, shown);
  });
}
