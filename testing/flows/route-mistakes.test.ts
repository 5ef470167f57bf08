/** What a script may do wrong, and what comes of it: one call ends, and log, steps, record and counts tell why. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  parseUri,
  type RequestContext,
  type RequestDecision,
  RouteError,
  serial,
  type Uri,
} from '../../src/index.ts';
import { b2bTo } from '../../src/agent/b2b.ts';
import { at } from './flow.ts';
import { outcome } from './route-outcome.ts';

function fault(): never {
  throw new Error('a mistake in the script');
}

const later = Promise.resolve();
const nothing = undefined as unknown as RequestDecision; // As from a script whose types nobody checked.
const nonsense = { do: 'fly' } as unknown as RequestDecision;
/** What a script whose types nobody checked may do. */
const anything = (value: unknown): never => value as never;
/** A mistake that has no frame of the script is told with the line where the route was named. */
const NAMED = /(?:route-mistakes\.test|route-outcome)\.ts","line":\d+/;

function throwing(thrown: unknown): () => never {
  return () => {
    // oxlint-disable-next-line typescript/only-throw-error -- that is what it is about
    throw thrown;
  };
}

const LONG = 'x'.repeat(70_000);
const target = (more: object): never => anything({ ...at('bob'), ...more });

// what, the route, status, what the log has, the last step
const mistakes: readonly [
  string,
  (c: RequestContext) => RequestDecision | Promise<RequestDecision>,
  number,
  RegExp,
  string,
][] = [
  [
    'throws',
    () => fault(),
    500,
    /a route failed.*"route":"request".*route-mistakes\.test\.ts","line":\d/,
    'request throws',
  ],
  ['throws later', () => later.then(fault), 500, /a route failed.*"line":\d/, 'request throws'],
  [
    'throws a status',
    () => {
      throw new RouteError(484, 'Too Short');
    },
    484,
    /Too Short.*"line":\d/,
    'request throws',
  ],
  [
    'parses what is no URI',
    (c) => c.relay({ uri: parseUri('bob at home') }),
    500,
    /parseUri: a text such as .* expected, not 'bob at home'.*"line":\d/,
    'request throws',
  ],
  [
    'parses what is no text',
    (c) => c.relay({ uri: parseUri(undefined as unknown as string) }),
    500,
    /parseUri: a text .*"line":\d/,
    'request throws',
  ],
  [
    'parses what is no SIP, later',
    async (c) => c.relay({ uri: parseUri(await Promise.resolve('https://pbx.example.com')) }),
    500,
    /parseUri: a text .*"line":\d/,
    'request throws',
  ],
  [
    'has a failure route that parses what is no URI',
    (c) => c.relay(at('bob'), { onFailure: (f) => f.relay({ uri: parseUri('mailbox') }) }),
    500,
    /"route":"failure".*parseUri.*"line":\d/,
    'failure throws',
  ],
  ['answers nothing', () => nothing, 500, /returned nothing/, 'request throws'],
  ['answers nothing later', async () => nothing, 500, /returned nothing/, 'request throws'],
  ['answers nonsense', () => nonsense, 500, /no decision.*fly/, 'request throws'],
  ['answers nonsense later', async () => nonsense, 500, /no decision.*fly/, 'request throws'],
  ['replies 180', (c) => c.reply(180), 500, /200 to 699 .*c\.progress.*"line":\d/, 'request throws'],
  ['replies 700', (c) => c.reply(700), 500, /200 to 699 expected, not 700.*"line":\d/, 'request throws'],
  ['replies half a status', (c) => c.reply(480.5), 500, /not 480\.5.*"line":\d/, 'request throws'],
  ['replies a broken line', (c) => c.reply(480, 'a\r\nb'), 500, /line break/, 'request throws'],
  [
    'replies a broken field',
    (c) => c.reply(480, 'a', { X: 'a\r\nb: c' }),
    500,
    /line break.* of X/,
    'request throws',
  ],
  ['rings with 200', (c) => (c.progress(200), c.reply(480)), 500, /100 to 199.*"line":\d/, 'request throws'],
  [
    'redirects with a q of 2',
    (c) => c.redirect({ uri: c.uri, q: 2 }),
    500,
    /q from 0 to 1/,
    'request throws',
  ],
  [
    'forwards an INVITE',
    (c) => c.forward({ transport: 'udp', host: '192.0.2.12', port: 5060 }),
    500,
    /relayed, not forwarded.*"line":\d/,
    'request throws',
  ],
  [
    'has a failure route that throws',
    (c) => c.relay(at('bob'), { onFailure: () => fault() }),
    500,
    /"route":"failure".*"line":\d/,
    'failure throws',
  ],
  [
    'has one that throws later',
    (c) => c.relay(at('bob'), { onFailure: () => later.then(fault) }),
    500,
    /"route":"failure".*"line":\d/,
    'failure throws',
  ],
  [
    'has one that answers nothing',
    (c) => c.relay(at('bob'), { onFailure: () => nothing as never }),
    500,
    /returned nothing/,
    'failure throws',
  ],
];

for (const [what, route, status, why, last] of mistakes) {
  test(`a route that ${what} ends its call with ${status}, in log, steps, record and count`, async () => {
    const seen = await outcome(route);

    assert.deepEqual([seen.status, seen.recorded, seen.steps.at(-1)], [status, status, last]);
    assert.match(JSON.stringify(seen.logged[0]), why);
    assert.deepEqual([seen.logged.length, seen.scriptErrors], [1, 1]);
  });
}

// what, the route, why
const unsaid: readonly [string, (c: RequestContext) => RequestDecision | Promise<RequestDecision>, RegExp][] =
  [
    ['returns null', () => anything(null), /the route returned nothing: return c\.reply/],
    ['returns null later', async () => anything(null), /the route returned nothing: return c\.reply/],
    ['returns a text', () => anything('hello'), /no decision here: 'hello'; return c\.reply/],
    ['passes', () => anything({ do: 'pass' }), /no decision here: \{ do: 'pass' \}/],
    ['throws a text', throwing('a string'), /"why":"a string"/],
    ['throws nothing', throwing(undefined), /"why":"undefined was thrown, which is no Error"/],
    ['throws an object', throwing({ status: 404 }), /\{ status: 404 \} was thrown, which is no Error/],
    ['replies a broken field', (c) => c.reply(404, 'a', { X: 'b\r\nc: d' }), /line break.* of X/],
    ['replies a broken name', (c) => c.reply(404, 'a', { 'X: y\r\nZ': 'b' }), /not a header name/],
    [
      'has a negative replyMs',
      (c) => c.relay(at('bob'), { replyMs: -1 }),
      /replyMs: milliseconds .*, not -1/,
    ],
    ['has a ringMs that is none', (c) => c.relay(at('bob'), { ringMs: NaN }), /ringMs: .*, not NaN/],
    ['rings a target for no time', (c) => c.relay(target({ ringMs: 0 })), /ringMs: .*, not 0/],
    ['follows less than nothing', (c) => c.relay(at('bob'), { recurse: -1 }), /recurse: .*, not -1/],
    [
      'misspells an option of a relay',
      (c) => c.relay(at('bob'), { ringMS: 5_000 } as object),
      /options of c\.relay: replyMs, ringMs, .* expected, not 'ringMS'/,
    ],
    [
      'names an option as every object has one',
      (c) => c.relay(at('bob'), { toString: 1 } as object),
      /options of c\.relay: .* expected, not 'toString'/,
    ],
    ['gives no options', (c) => c.relay(at('bob'), anything(null)), /options of c\.relay: .*, not null/],
    [
      'asks for Record-Route by a text',
      (c) => c.relay(at('bob'), { recordRoute: anything('no') }),
      /recordRoute of c\.relay: a boolean expected, not 'no'/,
    ],
    [
      'misspells what Path is to be',
      (c) => c.relay(at('bob'), { path: anything('requires') }),
      /path of c\.relay: one of require expected, not 'requires'/,
    ],
    [
      'gives a decision for a route',
      (c) => c.relay(at('bob'), { onReply: anything({ do: 'pass' }) }),
      /onReply of c\.relay: a function expected, not \{ do: 'pass' \}/,
    ],
    [
      'relays to a port that is none',
      (c) => c.relay(serial(at('bob'), target({ uri: { ...at('bob').uri, port: 99_999 } }))),
      /a port from 1 to 65535 expected, not 99999/,
    ],
    ['relays to a hop that is none', (c) => c.relay(target({ hop: { port: 0 } })), /a port from 1 .*, not 0/],
    ['relays to nobody', (c) => c.relay(serial(anything(undefined))), /a target expected, not undefined/],
    [
      'relays to a URI that is a text',
      (c) => c.relay(serial(at('bob'), target({ uri: 'sip:bob@192.0.2.12' }))),
      /the uri of a target: a Uri, .* expected, not 'sip:bob@192\.0\.2\.12'/,
    ],
    [
      'redirects to a text',
      (c) => c.redirect(anything('sip:bob@192.0.2.12')),
      /where c\.redirect leads: a Uri, .* expected, not 'sip:bob@192\.0\.2\.12'/,
    ],
    [
      'relays to a number with blanks',
      (c) => c.relay({ uri: { ...c.uri, user: '+49 30 123456' } }),
      /the user in the uri of a target: .*numbers\.e164.* expected, not '\+49 30 123456'/,
    ],
    [
      'relays to a text with blanks',
      (c) => c.relay(target({ uriText: 'sip:a b@192.0.2.12' })),
      /the uriText of the uri of a target: a URI as text expected, not 'sip:a b@192\.0\.2\.12'/,
    ],
    [
      'redirects to two at once',
      (c) => c.redirect({ ...c.uri, user: 'a>, <sip:evil' }),
      /the user in where c\.redirect leads: .* expected, not 'a>, <sip:evil'/,
    ],
    [
      'sets a Request-URI with a blank',
      (c) => ((c.uri = { ...c.uri, user: 'a b' }), c.relay()),
      /the user in the Request-URI: .* expected, not 'a b'/,
    ],
    [
      'sets the Request-URI to a text',
      (c) => ((c.uri = anything('sip:a@b')), c.relay()),
      /the Request-URI: a Uri, as c\.uri is .* expected, not 'sip:a@b'/,
    ],
    [
      'gives b2b.to what cannot be sent',
      (c) => c.answer(b2bTo({ serial: [at('bob'), { uri: { ...c.uri, host: 'a b' } }] })),
      /the host in the plan of b2b\.to: .* expected, not 'a b'/,
    ],
    [
      'answers with a body that is too long',
      (c) => c.reply(480, 'No', { 'Content-Type': 'text/plain' }, LONG),
      /the body of an answer: 49152 bytes at most expected, not 70000/,
    ],
    [
      'answers with a reason that is too long',
      (c) => c.reply(480, LONG),
      /the reason of an answer: 4096 bytes/,
    ],
    ['rings with one', (c) => (c.progress(183, LONG), c.reply(404)), /the reason of an answer: 4096 bytes/],
    [
      'answers with fields that are too long',
      (c) => c.reply(480, 'No', { X: LONG }),
      /the header lines of an/,
    ],
    [
      'redirects to more than anybody tries',
      (c) => c.redirect(...Array<Uri>(3_000).fill(c.uri)),
      /c\.redirect: 100 contacts at most expected, not 3000/,
    ],
    [
      'redirects to too long URIs',
      (c) => c.redirect(...Array<Uri>(100).fill({ ...c.uri, user: 'x'.repeat(200) })),
      /the header lines of an answer: 16384 bytes at most/,
    ],
    [
      'throws a long RouteError',
      async () => Promise.reject(new RouteError(404, LONG)),
      /the reason of an answer:/,
    ],
    [
      'has a failure route that drops',
      (c) => c.relay(at('bob'), { onFailure: () => anything({ do: 'drop' }) }),
      /no decision here: \{ do: 'drop' \}; return f\.pass/,
    ],
    [
      'has a failure route that returns null',
      (c) => c.relay(at('bob'), { onFailure: () => anything(null) }),
      /the route returned nothing: return f\.pass/,
    ],
  ];

for (const [what, route, why] of unsaid) {
  test(`a route that ${what} is told with its line, and its call has a record`, async () => {
    const seen = await outcome(route);

    assert.deepEqual([seen.status, seen.recorded, seen.scriptErrors], [500, 500, 1]);
    assert.match(JSON.stringify(seen.logged[0]), why);
    assert.match(JSON.stringify(seen.logged[0]), NAMED);
  });
}

test('a redirection tells how much each contact is preferred, where that is known', async () => {
  const { call, recorded } = await outcome((c) =>
    c.redirect(
      { ...at('bob'), q: 0.8 },
      { ...at('carol'), q: 0.33333 },
      { ...at('carol').uri, user: 'desk' },
    ),
  );

  const contact = call.responses.at(-1)?.headers.get('Contact');
  assert.deepEqual(
    [recorded, contact],
    [302, '<sip:bob@192.0.2.12:5060>;q=0.8, <sip:carol@192.0.2.13:5060>;q=0.333, <sip:desk@192.0.2.13:5060>'],
  );
});
