import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ackFor, buildRequest, cancelFor, replyTo } from './build.ts';
import type { SipRequest } from './message.ts';
import { parseMessage } from './parse.ts';

const INVITE = [
  'INVITE sip:bob@192.0.2.12 SIP/2.0',
  'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa',
  'v: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bKb',
  'Route: <sip:192.0.2.9;lr>',
  'Max-Forwards: 68',
  'Timestamp: 54',
  'From: "A" <sip:alice@example.com>;tag=f',
  't: <sip:bob@example.com>',
  'i: call',
  'CSeq: 314 INVITE',
  'Record-Route: <sip:192.0.2.1;lr>',
  'Content-Type: application/sdp',
  'Content-Length: 4',
  '',
  'v=0\n',
].join('\r\n');

function request(text: string): SipRequest {
  const message = parseMessage(text);
  assert.ok(message.kind === 'request');
  return message;
}

const copied = INVITE.split('\r\n').filter((line) => /^(Via|v|From|i|CSeq):/.test(line));
const [topVia = '', nextVia = '', from = '', callId = '', cseq = ''] = copied;

test('a response copies Via, From, To, Call-ID and CSeq, and tags To', () => {
  const text = replyTo(request(INVITE), 486, { toTag: 'ours' });

  assert.deepEqual(text.split('\r\n'), [
    'SIP/2.0 486 Busy Here',
    topVia,
    nextVia,
    from,
    't: <sip:bob@example.com>;tag=ours',
    callId,
    cseq,
    'Content-Length: 0',
    '',
    '',
  ]);
});

test('a 100 has the Timestamp and no tag of ours', () => {
  const lines = replyTo(request(INVITE), 100, { toTag: 'ours' }).split('\r\n');

  assert.ok(lines.includes('Timestamp: 54'));
  assert.ok(lines.includes('t: <sip:bob@example.com>'));
});

test('a To that has a tag keeps it', () => {
  const text = replyTo(
    request(INVITE.replace('t: <sip:bob@example.com>', 't: <sip:bob@h>;tag=theirs')),
    200,
    { toTag: 'x' },
  );

  assert.match(text, /^t: <sip:bob@h>;tag=theirs\r$/m);
});

test('reason, header fields and body of a response', () => {
  const text = replyTo(request(INVITE), 302, {
    reason: 'Over There',
    headers: [
      ['Contact', '<sip:x@y>'],
      ['Retry-After', '5'],
    ],
    body: 'hello',
  });

  assert.match(text, /^SIP\/2\.0 302 Over There\r\n/);
  assert.ok(text.endsWith('Contact: <sip:x@y>\r\nRetry-After: 5\r\nContent-Length: 5\r\n\r\nhello'));
});

test('a status without a phrase is called as its class', () => {
  assert.match(replyTo(request(INVITE), 699), /^SIP\/2\.0 699 Decline\r\n/);
});

test('the ACK of a refusal: branch, Route and CSeq number of the INVITE, To of the response', () => {
  const response = parseMessage(replyTo(request(INVITE), 486, { toTag: 'theirs' }));
  assert.ok(response.kind === 'response');

  assert.deepEqual(ackFor(INVITE, response.headers).split('\r\n'), [
    'ACK sip:bob@192.0.2.12 SIP/2.0',
    topVia,
    'Route: <sip:192.0.2.9;lr>',
    from,
    't: <sip:bob@example.com>;tag=theirs',
    callId,
    'CSeq: 314 ACK',
    'Max-Forwards: 70',
    'Content-Length: 0',
    '',
    '',
  ]);
});

test('the CANCEL of an INVITE: its own To, and why', () => {
  const lines = cancelFor(INVITE, 'SIP;cause=200').split('\r\n');

  assert.deepEqual(lines.slice(0, 7), [
    'CANCEL sip:bob@192.0.2.12 SIP/2.0',
    topVia,
    'Route: <sip:192.0.2.9;lr>',
    from,
    't: <sip:bob@example.com>',
    callId,
    'CSeq: 314 CANCEL',
  ]);
  assert.ok(lines.includes('Reason: SIP;cause=200'));
  assert.ok(!cancelFor(INVITE).includes('Reason'));
});

test('a request of our own says how long its body is', () => {
  const made = buildRequest({
    method: 'MESSAGE',
    uri: 'sip:bob@h',
    headers: [
      ['Call-ID', 'c'],
      ['CSeq', '1 MESSAGE'],
      ['Max-Forwards', 70],
    ],
    body: 'hello',
    contentType: 'text/plain',
  });

  assert.deepEqual(
    [made.method, made.uriText, made.callId, made.body],
    ['MESSAGE', 'sip:bob@h', 'c', 'hello'],
  );
  assert.equal(made.headers.get('Content-Length'), '5');
  assert.equal(request(made.text).text, made.text);
});
