import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SipResponse } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { RETRY_AFTER_MAX_MS, retryAfterMs, withOurs, withoutOurs } from './fail-over.ts';

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

function unavailable(retryAfter: string): SipResponse {
  const field = retryAfter === '' ? '' : `Retry-After: ${retryAfter}\r\n`;
  const response = parseMessage(`SIP/2.0 503 Busy\r\n${field}${REST.replace('Max-Forwards: 69\r\n', '')}`);
  assert.equal(response.kind, 'response');
  return response as SipResponse;
}

const max = RETRY_AFTER_MAX_MS;
// oxfmt-ignore
const retries: [value: string, ms: number][] = [
  ['',                              0],
  ['0',                             0],
  ['1',                             1_000],
  ['120 (lunch)',                   120_000],
  ['18000;duration=3600',           max],
  [String(max / 1_000),             max],
  [String(max / 1_000 + 1),         max],
  ['99999999999999999999999999999', max],
  ['-5',                            0],
  ['soon',                          0],
];
for (const [value, ms] of retries) {
  test(`Retry-After: ${value || 'none'} is ${ms} ms`, () => {
    assert.equal(retryAfterMs(unavailable(value)), ms);
  });
}
