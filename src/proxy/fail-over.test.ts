import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withOurs, withoutOurs } from './fail-over.ts';

const BEFORE = 'INVITE sip:bob@carrier.test SIP/2.0\r\n';
const OLD_VIA = 'Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours1\r\n';
const OLD_ROUTE = 'Record-Route: <sip:192.0.2.1:5060;lr;d=a1>\r\n';
const NEW_VIA = 'Via: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKours2\r\n';
const NEW_ROUTE = 'Record-Route: <sip:192.0.2.1:5060;transport=tcp;lr;d=a1>\r\n';
const REST = [
  'Max-Forwards: 69',
  'Via: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKtheirs',
  'Record-Route: <sip:192.0.2.9;lr>',
  'From: <sip:alice@example.com>;tag=a',
  'To: <sip:bob@carrier.test>',
  'Call-ID: c1',
  'CSeq: 1 INVITE',
  'Content-Length: 4',
  '',
  'body',
].join('\r\n');

for (const [what, recordRoute, other] of [
  ['with our Record-Route', OLD_ROUTE, NEW_ROUTE],
  ['without', '', ''],
] as const) {
  test(`a request for another hop, ${what}, differs in what is ours alone`, () => {
    const text = BEFORE + OLD_VIA + recordRoute + REST;

    const bare = withoutOurs({ text, recordRoute, response: undefined });

    assert.equal(bare?.text, BEFORE + REST);
    assert.equal(withOurs(bare, NEW_VIA, other), BEFORE + NEW_VIA + other + REST);
  });
}
