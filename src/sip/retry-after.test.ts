import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SipResponse } from './message.ts';
import { parseMessage } from './parse.ts';
import { RETRY_AFTER_MAX_MS, retryAfterMs } from './retry-after.ts';

const REST = [
  'Via: SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKtheirs',
  'From: <sip:alice@example.com>;tag=a',
  'To: <sip:bob@carrier.test>;tag=b',
  'Call-ID: c1',
  'CSeq: 1 INVITE',
  '\r\n',
].join('\r\n');

function unavailable(retryAfter: string): SipResponse {
  const field = retryAfter === '' ? '' : `Retry-After: ${retryAfter}\r\n`;
  const response = parseMessage(`SIP/2.0 503 Busy\r\n${field}${REST}`);
  assert.ok(response.kind === 'response');
  return response;
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
