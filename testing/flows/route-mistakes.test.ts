/** What a script may do wrong, and what comes of it: one call ends, and log, steps, record and counts tell why. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RequestContext, type RequestDecision, RouteError, Router, script } from '../../src/index.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { town } from '../../src/testing/town.ts';
import { at } from './flow.ts';

const BOB = 'sip:bob@example.com';

function fault(): never {
  throw new Error('a mistake in the script');
}

/** What a caller hears from a route, what the log says, and which steps were taken. */
async function outcome(
  route: (c: RequestContext) => RequestDecision | Promise<RequestDecision>,
  runMs = 100,
) {
  const t = await town(
    script(() => new Router().invite(route)),
    { people: { alice: { host: '192.0.2.11' }, bob: { host: '192.0.2.12' } } },
  );
  t.phone('bob').answers = { afterMs: 0, status: 486 };
  const steps: string[] = [];
  t.exchange.dispatcher.onStep = (step) => steps.push(`${step.route} ${step.decision}`);
  const call = t.phone('alice').dial(BOB);
  await t.run(runMs);
  const { status } = call;
  const logged = t.world.logged.filter(({ level }) => level === 'error' || level === 'warn');
  const { scriptErrors } = t.exchange.dispatcher.counters;
  const { slowRoutes } = t.exchange.dispatcher;
  const [record] = t.cdrs();
  await t.run(40_000);
  await assertQuiet(t);
  t.stop();
  return { call, status, logged, steps, scriptErrors, slowRoutes, recorded: record?.status };
}

const never = new Promise<never>(() => {});
const later = Promise.resolve();
const nothing = undefined as unknown as RequestDecision; // As from a script whose types nobody checked.
const nonsense = { do: 'fly' } as unknown as RequestDecision;

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

for (const [what, route, kind] of [
  ['request', () => never, 'request'],
  ['failure', (c: RequestContext) => c.relay(at('bob'), { onFailure: () => never }), 'failure'],
] as const) {
  test(`a ${what} route that takes more than five seconds is answered 500, logged and counted`, async () => {
    const seen = await outcome(route, 6_500);

    assert.deepEqual([seen.status, seen.recorded, seen.slowRoutes, seen.scriptErrors], [500, 500, 1, 0]);
    assert.equal(seen.steps.at(-1), `${kind} throws`);
    assert.match(JSON.stringify(seen.logged), new RegExp(`"level":"warn".*"route":"${kind}"`));
  });
}

test('a branch and a reply route that throw are counted too', async () => {
  const seen = await outcome((c) => c.relay(at('bob'), { onBranch: () => fault(), onReply: () => fault() }));

  assert.deepEqual([seen.status, seen.scriptErrors], [486, 2]);
});

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
