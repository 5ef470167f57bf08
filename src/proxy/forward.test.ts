import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { HEADER_LINES_MAX } from '../sip/header-index.ts';
import { callOrder, forwardText, loopHash } from './forward.ts';
import { viewRoutes } from './loose-route.ts';

const own = { isOwn: (host: string) => host === '192.0.2.1', prefixes: [] };
const LENGTH = 'Content-Length: 4';
const VIA = 'Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours\r\n';

function request(lines: readonly string[], uri = 'sip:bob@example.com'): SipRequest {
  const message = parseMessage([`INVITE ${uri} SIP/2.0`, ...lines, LENGTH, '', 'body'].join('\r\n'));
  assert.ok(message.kind === 'request');
  return message;
}

function forwarded(lines: readonly string[], more: { recordRoute?: string; path?: string } = {}): string[] {
  const from = request(lines);
  const route = viewRoutes(from.headers, own);
  const parts = {
    uriText: 'sip:b@192.0.2.12',
    via: VIA,
    recordRoute: more.recordRoute ?? '',
    path: more.path,
    route,
  };
  return forwardText(from, parts).split('\r\n');
}

const head = ['INVITE sip:b@192.0.2.12 SIP/2.0', VIA.trimEnd()];
const US = 'Route: <sip:192.0.2.1;lr>';

// [what, lines that came, lines that leave]
const cases: readonly [string, string[], string[]][] = [
  ['Max-Forwards is one less', ['X: 1', 'Max-Forwards: 70', 'Y: 2'], ['X: 1', 'Max-Forwards: 69', 'Y: 2']],
  ['Max-Forwards is the first field', ['Max-Forwards: 10', 'Y: 2'], ['Max-Forwards: 9', 'Y: 2']],
  ['Max-Forwards is written oddly', ['X: 1', 'max-forwards :1'], ['X: 1', 'max-forwards :0']],
  ['Max-Forwards 71 is one less', ['Max-Forwards: 71'], ['Max-Forwards: 70']],
  ['Max-Forwards of more than 70 leaves as 70', ['X: 1', 'Max-Forwards: 255'], ['X: 1', 'Max-Forwards: 70']],
  ['a request without it gets 70', ['X: 1'], ['Max-Forwards: 70', 'X: 1']],
  [
    'our Route above Max-Forwards is left out',
    [US, 'Max-Forwards: 70', 'X: 1'],
    ['Max-Forwards: 69', 'X: 1'],
  ],
  [
    'our Route below Max-Forwards is left out',
    ['Max-Forwards: 70', 'X: 1', US],
    ['Max-Forwards: 69', 'X: 1'],
  ],
  [
    'our Route is left out when there is no Max-Forwards',
    ['X: 1', US, 'Y: 2'],
    ['Max-Forwards: 70', 'X: 1', 'Y: 2'],
  ],
  [
    'of a line with ours and a foreign one the foreign one is left',
    ['Max-Forwards: 70', 'Route: <sip:192.0.2.1;lr>, <sip:192.0.2.9;lr>'],
    ['Max-Forwards: 69', 'Route: <sip:192.0.2.9;lr>'],
  ],
];

for (const [what, lines, left] of cases) {
  test(`forwarding: ${what}`, () => {
    assert.deepEqual(forwarded(lines), [...head, ...left, LENGTH, '', 'body']);
  });
}

function markOf(of: SipRequest): number {
  return loopHash(of, callOrder(of));
}

test('forwarding: Record-Route and Path stand on top, in this order', () => {
  const recordRoute = 'Record-Route: <sip:192.0.2.1;lr>\r\n';
  const lines = forwarded(['Max-Forwards: 2', 'Route: <sip:192.0.2.9;lr>'], {
    recordRoute,
    path: '<sip:edge;lr>',
  });

  assert.deepEqual(lines.slice(2, -3), [
    'Record-Route: <sip:192.0.2.1;lr>',
    'Route: <sip:edge;lr>',
    'Max-Forwards: 1',
    'Route: <sip:192.0.2.9;lr>',
  ]);
});

test('forwarding: what nobody knows leaves as it came, byte for byte', () => {
  const odd = ['x-ODD:  two  blanks ', 'Subject: folded,\r\n  twice\r\n\tover', 'X-Bytes: \xff\xfe'];

  assert.ok(forwarded(odd).join('\r\n').includes(odd.join('\r\n')));
});

test('the loop mark: nine digits, the same for the same request, another for a spiral', () => {
  const lines = ['From: <sip:a@h>;tag=a', 'To: <sip:b@h>', 'Call-ID: c', 'CSeq: 1 INVITE'];
  const mark = markOf(request(lines));

  assert.match(String(mark), /^\d{9}$/);
  assert.equal(markOf(request([...lines, 'Via: SIP/2.0/UDP h;branch=z9hG4bKx', 'Max-Forwards: 1'])), mark);
  const spirals = [
    request(lines, 'sip:carol@example.com'),
    request([...lines, 'Route: <sip:192.0.2.9;lr>']),
    request(lines.with(0, 'From: <sip:a@h>;tag=b')),
    request(lines.with(1, 'To: <sip:b@h>;tag=t')),
    request(lines.with(2, 'Call-ID: d')),
    request(lines.with(3, 'CSeq: 2 INVITE')),
  ];
  for (const spiral of spirals) assert.notEqual(markOf(spiral), mark);
});

test('messages of one call have one order', () => {
  const order = callOrder(request(['Call-ID: a@b']));

  assert.equal(callOrder(request(['X: y', 'i : a@b'])), order);
  assert.notEqual(callOrder(request(['Call-ID: a@c'])), order);
});

/** A request with so many header lines, forwarded with all that we may put in. */
function forwardedWith(lines: number): string {
  const more = Array.from({ length: lines - 1 }, (_, i) => `X-${i}: y`); // Content-Length is one of them.
  const recordRoute = 'Record-Route: <sip:192.0.2.1;lr>\r\n'.repeat(2);
  return forwarded(more, { recordRoute, path: '<sip:192.0.2.9;lr>' }).join('\r\n');
}

test('what goes out can be read by ourselves; one line more is not sent', () => {
  const most = parseMessage(forwardedWith(HEADER_LINES_MAX - 5));

  assert.ok(most.kind === 'request');
  assert.equal(most.headers.index.length / 4, HEADER_LINES_MAX);
  assert.throws(() => forwardedWith(HEADER_LINES_MAX - 4), { status: 500 });
});
