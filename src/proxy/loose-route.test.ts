import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SipError } from '../base/errors.ts';
import { parseMessage } from '../sip/parse.ts';
import { printUri } from '../sip/uri.ts';
import { viewRoutes } from './loose-route.ts';

const own = {
  isOwn: (host: string, port: number | undefined) =>
    /^(192\.0\.2\.1|\[?2001:db8::1\]?)$/.test(host) && (port ?? 5060) === 5060,
  prefixes: [Buffer.from('<sip:192.0.2.1:5060;lr;d=')],
};

/** A request with these lines between Via and From. */
function headersOf(lines: readonly string[]) {
  const all = [
    'BYE sip:bob@192.0.2.12 SIP/2.0',
    'Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bKa',
    ...lines,
    'From: <sip:a@h>;tag=a',
    'To: <sip:b@h>;tag=b',
    'Call-ID: c',
    'CSeq: 1 BYE',
    '',
    '',
  ];
  const message = parseMessage(all.join('\r\n'));
  assert.ok(message.kind === 'request');
  return message.headers;
}

/** What is left of the Route lines when the cut is left out. */
function leftOf(lines: readonly string[]) {
  const headers = headersOf(lines);
  const { cutFrom, cutTo, token, next } = viewRoutes(headers, own);
  const text = headers.text.substring(0, cutFrom) + headers.text.substring(cutTo);
  const left = text.split('\r\n').filter((line) => /^(r?route|x)\s*:/i.test(line));
  return [token, next === undefined ? undefined : printUri(next), left];
}

const US = '<sip:192.0.2.1:5060;lr;d=7.mark>';
const US_TCP = '<sip:192.0.2.1:5060;transport=tcp;lr;d=7.mark>';
const OTHER_MARK = '<sip:192.0.2.1:5060;lr;d=8.mark>';
const FAR = '<sip:192.0.2.9;lr>';
const far = 'sip:192.0.2.9;lr';

// [what stands there, lines, the mark, where it goes next, the Route lines left]
const cases: readonly [string, string[], string | undefined, string | undefined, string[]][] = [
  ['no Route', [], undefined, undefined, []],
  ['ours alone', [`Route: ${US}`], '7.mark', undefined, []],
  ['ours without a mark', ['Route: <sip:192.0.2.1;lr>'], undefined, undefined, []],
  ['a foreign one alone', [`Route: ${FAR}`], undefined, far, [`Route: ${FAR}`]],
  [
    'another port of our host',
    ['Route: <sip:192.0.2.1:9;lr>'],
    undefined,
    'sip:192.0.2.1:9;lr',
    ['Route: <sip:192.0.2.1:9;lr>'],
  ],
  [
    'a foreign one above ours',
    [`Route: ${FAR}`, `Route: ${US}`],
    undefined,
    far,
    [`Route: ${FAR}`, `Route: ${US}`],
  ],
  ['ours, then a foreign one on the line', [`Route: ${US}, ${FAR}`], '7.mark', far, [`Route: ${FAR}`]],
  [
    'ours, then a foreign one on the next line',
    [`Route: ${US}`, `Route: ${FAR}`],
    '7.mark',
    far,
    [`Route: ${FAR}`],
  ],
  ['two of ours on one line', [`Route: ${US},${US_TCP}`], '7.mark', undefined, []],
  ['two of ours on two lines', [`Route: ${US}`, `Route: ${US_TCP}`], '7.mark', undefined, []],
  [
    'two of ours and a foreign one on one line',
    [`Route: ${US_TCP}, ${US}, ${FAR}`],
    '7.mark',
    far,
    [`Route: ${FAR}`],
  ],
  [
    'two of ours, a foreign one behind the second',
    [`Route: ${US}`, `Route: ${US_TCP}, ${FAR}`],
    '7.mark',
    far,
    [`Route: ${FAR}`],
  ],
  [
    'two of ours on one line, a foreign one on the next',
    [`Route: ${US}, ${US_TCP}`, `Route: ${FAR}`],
    '7.mark',
    far,
    [`Route: ${FAR}`],
  ],
  [
    'two of ours with another field between',
    [`Route: ${US}`, 'X: y', `Route: ${FAR}`],
    '7.mark',
    far,
    ['X: y', `Route: ${FAR}`],
  ],
  [
    'three of ours: a third is for the next time',
    [`Route: ${US}, ${US}, ${US}`],
    '7.mark',
    US.slice(1, -1),
    [`Route: ${US}`],
  ],
  [
    'a second one with another mark: a spiral',
    [`Route: ${US}, ${OTHER_MARK}`],
    '7.mark',
    OTHER_MARK.slice(1, -1),
    [`Route: ${OTHER_MARK}`],
  ],
  ['no blank after the colon', [`Route:${US},${FAR}`], '7.mark', far, [`Route:${FAR}`]],
  ['blanks around colon and comma', [`ROUTE :  ${US}  ,   ${FAR}`], '7.mark', far, [`ROUTE :  ${FAR}`]],
  [
    'a display name with a comma',
    [`Route: "Us, the \\"exchange\\"" ${US}, ${FAR}`],
    '7.mark',
    far,
    [`Route: ${FAR}`],
  ],
  ['parameters in another order', [`Route: <sip:192.0.2.1;d=9.x;lr>;hidden`], '9.x', undefined, []],
  ['an IPv6 address of ours', ['Route: <sip:[2001:db8::1]:5060;lr;d=7.mark>'], '7.mark', undefined, []],
  [
    'a foreign IPv6 address',
    ['Route: <sip:[2001:db8::2];lr>'],
    undefined,
    'sip:[2001:db8::2];lr',
    ['Route: <sip:[2001:db8::2];lr>'],
  ],
];

for (const [what, lines, token, next, left] of cases) {
  test(`route set: ${what}`, () => {
    assert.deepEqual(leftOf(lines), [token, next, left]);
  });
}

test('route set: a folded line is read over the fold', () => {
  const [token, next] = leftOf([`Route: ${US},\r\n ${FAR}`]);

  assert.deepEqual([token, next], ['7.mark', far]);
});

test('a malformed value is refused with 400', () => {
  for (const lines of [
    ['Route: <sip:192.0.2.9'],
    [`Route: ${US}, <nonsense>`],
    [`Route: ${US}`, 'Route: <sip:>'],
  ]) {
    assert.throws(
      () => viewRoutes(headersOf(lines), own),
      (error) => error instanceof SipError,
    );
  }
});

test('a value that only begins like ours is parsed to the end', () => {
  const [token] = leftOf(['Route: <sip:192.0.2.1:5060;lr;d=7.mark;extra=1>']);

  assert.equal(token, '7.mark');
});

// ─── told without parsing ───────────────────────────────────────────────────────────────────────

const FLOW = 'AbC-_09'.repeat(6);
const parsed = { ...own, prefixes: [] };
const told = {
  ...own,
  prefixes: [
    '<sip:192.0.2.1:5060;lr;d=',
    '<sip:192.0.2.1:5060;transport=tls;lr;d=',
    '<sips:192.0.2.1:5060;lr;d=',
  ].map((text) => Buffer.from(text)),
};
const values: readonly string[] = [
  '<sip:192.0.2.1:5060;lr;d=7.mark>',
  `<sip:${FLOW}@192.0.2.1:5060;lr;d=7.mark>`,
  `<sip:${FLOW}@192.0.2.1:5060;transport=tls;lr;d=7.mark>`,
  `<sips:${FLOW}@192.0.2.1:5060;lr;d=7.mark>`,
  `<SIP:${FLOW}@192.0.2.1:5060;lr;d=7.mark>`,
  `<sip:${FLOW}@192.0.2.1:5060;lr;d=7.mark;x=y>`,
  `<sip:${FLOW}@192.0.2.1:5060;lr;d=7.mark>;x=y`,
  `<sip:${FLOW}@192.0.2.1:5060;lr;d=7.mark>, <sip:192.0.2.9;lr>`,
  `<sip:${FLOW}@192.0.2.9:5060;lr;d=7.mark>`,
  `<sip:${FLOW.slice(1)}@192.0.2.1:5060;lr;d=7.mark>`,
  `<sip:${FLOW}x@192.0.2.1:5060;lr;d=7.mark>`,
  `<sip:%41${FLOW.slice(3)}@192.0.2.1:5060;lr;d=7.mark>`,
  `<sip:a:${FLOW.slice(2)}@192.0.2.1:5060;lr;d=7.mark>`,
  `<sip:${FLOW.slice(6)}@a.example@192.0.2.1:5060;lr;d=7.mark>`,
  '<sip:someone@192.0.2.1:5060;lr;d=7.mark>',
];
for (const value of values) {
  test(`${value} says the same as when it is parsed`, () => {
    const view = (from: typeof own) => {
      try {
        return { ...viewRoutes(headersOf([`Route: ${value}`]), from) };
      } catch (error) {
        return error instanceof SipError ? error.message : error;
      }
    };

    assert.deepEqual(view(told), view(parsed));
  });
}

test('a value that ends with the message says nothing of a longer one before', () => {
  headersOf([`Route: <sip:${FLOW}@192.0.2.1:5060;lr;d=7.mark>`, `X: ${'x'.repeat(200)}@`]);

  const { token, user } = viewRoutes(headersOf([`Route: <sip:${FLOW}@192.0.2.1:5060;lr>`]), told);

  assert.deepEqual([token, user], [undefined, FLOW]);
});
