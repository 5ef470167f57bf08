import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HEADER_LINES_MAX, OWN_LINES } from './header-index.ts';
import { parseMessage } from './parse.ts';
import { checkRequest, checkResponse } from './sanity.ts';

const LINES: Readonly<Record<string, string>> = {
  Via: 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa',
  From: '<sip:alice@example.com>;tag=1',
  To: '<sip:bob@example.com>',
  'Call-ID': 'a@b',
  CSeq: '1 INVITE',
  'Max-Forwards': '70',
};

function verdict(changes: Readonly<Record<string, string | undefined>>, start: string, extra = ''): unknown {
  const fields = Object.entries({ ...LINES, ...changes }).filter(([, value]) => value !== undefined);
  const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const message = parseMessage(`${start}\r\n${head}${extra}Content-Length: 0\r\n\r\n`);
  if (message.kind === 'bad') return message.status;
  return message.kind === 'request' ? checkRequest(message)?.status : checkResponse(message);
}

const INVITE = 'INVITE sip:bob@example.com SIP/2.0';

const requests: readonly (readonly [
  what: string,
  changes: Record<string, string | undefined>,
  status: number | undefined,
])[] = [
  ['nothing wrong', {}, undefined],
  ['no Call-ID', { 'Call-ID': undefined }, 400],
  ['no Max-Forwards', { 'Max-Forwards': undefined }, undefined],
  ['no From tag, as in RFC 2543', { From: '<sip:alice@example.com>' }, undefined],
  ['Max-Forwards with leading zeros', { 'Max-Forwards': '0068' }, undefined],
  ['Max-Forwards of 255', { 'Max-Forwards': '255' }, undefined],
  ['Max-Forwards of 256', { 'Max-Forwards': '256' }, 400],
  ['Max-Forwards of a word', { 'Max-Forwards': 'x' }, 400],
  ['CSeq of 2^31 - 1', { CSeq: '2147483647 INVITE' }, undefined],
  ['CSeq of 2^31', { CSeq: '2147483648 INVITE' }, 400],
  ['CSeq of another method', { CSeq: '1 BYE' }, 400],
  ['CSeq without a method', { CSeq: '1' }, 400],
  ['CSeq without a blank', { CSeq: '1INVITE' }, 400],
  ['a Call-ID in two pieces', { 'Call-ID': 'a b' }, 400],
  ['a Via without a host', { Via: 'SIP/2.0/UDP ;branch=z9hG4bKa' }, 400],
  ['an empty second Via', { Via: 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa, ' }, 400],
  ['two good Vias in one line', { Via: 'SIP / 2.0 / UDP a ;branch= x,SIP/2.0/TCP [::1]:5070' }, undefined],
  ['a Route that is no address', { Route: 'sip:a b' }, 400],
  ['a Contact that removes all', { Contact: '*' }, undefined],
  ['an overlarge Expires', { Expires: '9'.repeat(100) }, undefined],
  ['a Date with a bad zone', { Date: 'Fri, 01 Jan 2010 16:00:00 EST' }, undefined],
  ['a To of an unknown scheme', { To: 'isbn:2983792873' }, undefined],
];

for (const [what, changes, status] of requests) {
  test(`request with ${what}: ${String(status ?? 'goes on')}`, () =>
    assert.equal(verdict(changes, INVITE), status));
}

test('as many header lines as leave room for ours go on; one more is refused', () => {
  const more = HEADER_LINES_MAX - OWN_LINES - Object.keys(LINES).length - 1; // Content-Length

  assert.equal(verdict({}, INVITE, 'X: y\r\n'.repeat(more)), undefined);
  assert.equal(verdict({}, INVITE, 'X: y\r\n'.repeat(more + 1)), 400);
});

test('a field that may stand once stands twice: 400', () => {
  assert.equal(verdict({}, INVITE, 'From: <sip:eve@example.com>;tag=2\r\n'), 400);
});

const uris: readonly (readonly [uri: string, status: number | undefined])[] = [
  ['tel:+1201', undefined],
  ['<sip:bob@example.com>', 400],
  ['sip:bob@example.com?Route=%3Csip:x%3E', 400],
  ['soap.beep://192.0.2.103:3002', 416],
];

for (const [uri, status] of uris) {
  test(`Request-URI ${uri}: ${status ?? 'goes on'}`, () => {
    assert.equal(verdict({}, `INVITE ${uri} SIP/2.0`), status);
  });
}

test('a response is discarded for what concerns its way back only', () => {
  assert.equal(verdict({}, 'SIP/2.0 200 OK'), undefined);
  assert.equal(verdict({ Contact: 'sip:a b' }, 'SIP/2.0 200 OK'), undefined);
  assert.equal(typeof verdict({ CSeq: '9292394834772304023312 INVITE' }, 'SIP/2.0 200 OK'), 'string');
  assert.equal(typeof verdict({ Via: undefined }, 'SIP/2.0 200 OK'), 'string');
});
