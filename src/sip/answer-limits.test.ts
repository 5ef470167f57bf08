import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AnswerTexts,
  BODY_BYTES_MAX,
  checkAnswerLength,
  LINES_BYTES_MAX,
  REASON_BYTES_MAX,
  reasonBytes,
} from './answer-limits.ts';
import { EDITED_BYTES_MAX } from './body.ts';
import { replyTo } from './build.ts';
import { parseMessage } from './parse.ts';

/** What UDP carries over IPv4. */
const DATAGRAM_BYTES_MAX = 65_507;

function options(callId = 'c') {
  const fields = ['Via: SIP/2.0/UDP a', 'From: <sip:a@h>;tag=f', 'To: <sip:b@h>', `Call-ID: ${callId}`];
  const parsed = parseMessage(
    ['OPTIONS sip:b@h SIP/2.0', ...fields, 'CSeq: 1 OPTIONS', 'X: y', '', ''].join('\r\n'),
  );
  assert.ok(parsed.kind === 'request');
  return parsed;
}

const x = (length: number): string => 'x'.repeat(length);

// [what, the longest, one byte more]
const rows: readonly (readonly [what: string, (more: number) => AnswerTexts, most: number])[] = [
  ['the reason of an answer', (more) => ({ reason: x(REASON_BYTES_MAX + more) }), REASON_BYTES_MAX],
  [
    'the header lines of an answer',
    (more) => ({ headers: [['A', x(LINES_BYTES_MAX - 5 + more)]] }),
    LINES_BYTES_MAX,
  ],
  ['the body of an answer', (more) => ({ body: x(BODY_BYTES_MAX + more) }), BODY_BYTES_MAX],
  ['the body of an answer', (more) => ({ body: '\u20ac'.repeat(BODY_BYTES_MAX / 3 + more) }), BODY_BYTES_MAX],
];

for (const [what, texts, most] of rows) {
  test(`${what} may have ${most} bytes and none more`, () => {
    const message = new RegExp(`^${what}: ${most} bytes at most expected, not `);

    checkAnswerLength(options(), texts(0));
    assert.throws(() => checkAnswerLength(options(), texts(1)), { code: 'INVALID', message });
  });
}

test('an answer that passes leaves room in a datagram for what we add, whatever it repeats', () => {
  const body = x(BODY_BYTES_MAX);
  const repeated = replyTo(options(''), 200).length - 'SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n'.length;
  const longest = EDITED_BYTES_MAX - BODY_BYTES_MAX - repeated;

  checkAnswerLength(options(x(longest)), { body });
  assert.throws(() => checkAnswerLength(options(x(longest + 1)), { body }), /an answer with what it repeats/);
  assert.ok(replyTo(options(x(longest)), 200, { body, toTag: x(32) }).length < DATAGRAM_BYTES_MAX - 2_048);
});

test('who asks at length makes no script fail that says little', () => {
  checkAnswerLength(options(x(60_000)), {
    reason: 'Not Found',
    headers: [['Retry-After', 5]],
    body: 'sorry',
  });
});

test('the reason of a reply that goes through is bounded, too', () => {
  const parsed = parseMessage('SIP/2.0 404 No\r\nVia: SIP/2.0/UDP a\r\n\r\n');
  assert.ok(parsed.kind === 'response');

  parsed.setStatus(480, x(REASON_BYTES_MAX));
  assert.throws(
    () => (parsed.reason = x(REASON_BYTES_MAX + 1)),
    /the reason of an answer: 4096 bytes at most/,
  );
  assert.equal(parsed.status, 480);
  assert.equal(reasonBytes(undefined), 0);
});
