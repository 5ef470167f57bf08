/** Routes that wait where they may not, or for ever, and applications that fail. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestContext, RequestDecision } from '../../src/index.ts';
import { at } from './flow.ts';
import { outcome } from './route-outcome.ts';

function fault(): never {
  throw new Error('a mistake in the script');
}

const never = new Promise<never>(() => {});
const later = Promise.resolve();
/** As from a script whose types nobody checked. */
const anything = (value: unknown): never => value as never;
/** A mistake that has no frame of the script is told with the line where the route was named. */
const NAMED = /(?:waiting-routes\.test|route-outcome)\.ts","line":\d+/;

for (const [what, options, why] of [
  [
    'waiting branch route',
    { onBranch: anything(async () => ({ do: 'pass' })) },
    /no decision here: a promise \(/,
  ],
  ['branch route without an answer', { onBranch: () => anything(null) }, /returned nothing: return c\.pass/],
  [
    'waiting reply route',
    { onReply: anything(async () => ({ do: 'pass' })) },
    /no decision here: a promise \(/,
  ],
  [
    'waiting advanceOn',
    { advanceOn: anything(async () => false) },
    /yes or no is expected here, not a promise/,
  ],
] as const) {
  test(`a ${what} is a mistake that is told with its line, and skips nobody`, async () => {
    const seen = await outcome((c) => c.relay(at('bob'), options));

    assert.deepEqual([seen.status, seen.scriptErrors], [486, 1]);
    assert.match(JSON.stringify(seen.logged[0]), why);
    assert.match(JSON.stringify(seen.logged[0]), NAMED);
  });
}

test('a waiting mayRecurse follows nothing, and is told', async () => {
  const elsewhere = (c: RequestContext): RequestDecision =>
    c.relay(at('bob'), { recurse: true, mayRecurse: anything(async () => true) });

  const seen = await outcome(elsewhere, 100, {
    afterMs: 0,
    status: 302,
    headers: [['Contact', '<sip:x@192.0.2.9>']],
  });

  assert.deepEqual([seen.status, seen.scriptErrors], [302, 1]);
  assert.match(JSON.stringify(seen.logged[0]), NAMED);
});

test('an application that throws is a mistake of the script: log, count, record and verdict say so', async () => {
  const app = { name: 'mailbox', run: () => later.then(fault) };
  const seen = await outcome((c) => c.answer(app));

  assert.deepEqual([seen.status, seen.recorded, seen.endedBy, seen.scriptErrors], [500, 500, 'us', 1]);
  assert.match(JSON.stringify(seen.logged[0]), /an application failed.*"app":"mailbox".*test\.ts","line":\d/);
  assert.match(
    seen.why ?? '',
    /^The script failed at waiting-routes\.test\.ts:\d+: a mistake in the script\.$/,
  );
});

for (const [what, route, kind] of [
  ['request', () => never, 'request'],
  ['failure', (c: RequestContext) => c.relay(at('bob'), { onFailure: () => never }), 'failure'],
] as const) {
  test(`a ${what} route that takes more than five seconds is answered 500, logged and counted`, async () => {
    const seen = await outcome(route, 6_500);

    assert.deepEqual([seen.status, seen.recorded, seen.slowRoutes, seen.scriptErrors], [500, 500, 1, 0]);
    assert.equal(seen.steps.at(-1), `${kind} throws`);
    assert.match(JSON.stringify(seen.logged), new RegExp(`"level":"warn".*"route":"${kind}"`));
    assert.match(JSON.stringify(seen.logged), NAMED);
  });
}

test('a branch and a reply route that throw are counted too', async () => {
  const seen = await outcome((c) => c.relay(at('bob'), { onBranch: () => fault(), onReply: () => fault() }));

  assert.deepEqual([seen.status, seen.scriptErrors], [486, 2]);
});
