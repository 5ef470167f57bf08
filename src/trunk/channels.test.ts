/** Channels where a plan, a server or a reload goes another way than most. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Plan, parallel, serial } from '../proxy/plan.ts';
import type { RelayOptions } from '../route/decision.ts';
import { Router, type Script, script } from '../route/router.ts';
import type { PoolOptions } from '../route/services.ts';
import type { Target } from '../proxy/plan.ts';
import { type Town, town } from '../testing/town.ts';

const A = 'sip:192.0.2.21:5060';
const B = 'sip:192.0.2.22:5060';
const C = 'sip:192.0.2.23:5060';
const CARRIERS = { one: '192.0.2.21', two: '192.0.2.22', three: '192.0.2.23' };

interface Way {
  readonly plan?: (servers: readonly Target[]) => Plan;
  readonly relay?: RelayOptions<{}>;
}

/** Relays calls to a pool, along the plan that is made of its servers. */
function using(options: PoolOptions, { plan = (servers) => serial(...servers), relay }: Way = {}): Script {
  return script(({ pools }) => {
    const pool = pools.open('gateways', { pick: 'priority', ...options });
    return new Router().invite((c) => c.relay(plan(pool.pick(c)), { replyMs: 1_000, ...relay }));
  });
}

const open = (made: Script): Promise<Town> => town(made, { people: { alice: {} }, carriers: CARRIERS });
const counts = (t: Town): number[] =>
  t.exchange.shared.pools.pool('gateways').servers.map(({ calls }) => calls);
const dial = (t: Town): ReturnType<ReturnType<Town['phone']>['dial']> =>
  t.phone('alice').dial('sip:600@example.com');

//    how the same servers stand in the plan twice, what they do, channels while they are talking
const TWICE: readonly [string, (servers: readonly Target[]) => Plan, readonly number[]][] = [
  ['one after the other, all silent', (servers) => serial(...servers, ...servers), [0, 0]],
  ['at once, answered', ([first]) => parallel(first!, first!), [1, 0]],
  ['at once, before others', ([first, second]) => serial(parallel(first!, first!), second!), [1, 0]],
];

for (const [how, plan, talking] of TWICE) {
  test(`the same servers twice in a plan, ${how}: every channel is given back`, async () => {
    const t = await open(using({ servers: [A, B] }, { plan }));
    t.carrier('one').does(talking[0] === 0 ? 'silent' : 'rings');
    t.carrier('two').does('silent');

    const call = dial(t);
    await t.run(500);
    if (talking[0] === 1) t.carrier('one').phone.incoming[0]?.answer();
    await t.run(10_000);
    assert.deepEqual(counts(t), talking);
    call.hangUp();
    await t.run(40_000);

    assert.deepEqual(counts(t), [0, 0]);
    t.stop();
  });
}

//    how the first server's branch ends, without an answer of its own
const SPENT: readonly [string, (t: Town) => void, Way][] = [
  ['is silent', (t) => void t.carrier('one').does('silent'), {}],
  [
    'gets no request, which an edit breaks',
    () => {},
    {
      relay: {
        onBranch: (b) => {
          if (b.index === 0) b.req.headers.remove('Call-ID');
          return b.send();
        },
      },
    },
  ],
];

for (const [how, act, way] of SPENT) {
  test(`a server that ${how} has its channel back while the next one rings`, async () => {
    const t = await open(using({ servers: [A, B] }, way));
    act(t);
    t.carrier('two').does('rings');

    const call = dial(t);
    await t.run(3_000);
    assert.deepEqual([call.state, counts(t)], ['ringing', [0, 1]]);
    call.hangUp();
    await t.run(40_000);

    assert.deepEqual(counts(t), [0, 0]);
    t.stop();
  });
}

test('a server that was given up and answers all the same has the call, and carries it', async () => {
  const t = await open(using({ servers: [{ uri: A, resources: { calls: 1 } }, B] }));
  t.carrier('one').does('silent');
  t.carrier('two').does('rings');

  const call = dial(t);
  await t.run(2_000);
  t.carrier('one').phone.incoming[0]?.answer();
  await t.run(2_000);
  assert.deepEqual([call.state, counts(t)], ['talking', [1, 0]]);
  call.hangUp();
  await t.run(2_000);

  assert.deepEqual(counts(t), [0, 0]);
  t.stop();
});

test('a server that was given up and answers when the call is over has no call', async () => {
  const t = await open(using({ servers: [A, B] }));
  t.carrier('one').does('silent');

  const call = dial(t);
  await t.run(3_000);
  assert.deepEqual([call.state, counts(t)], ['talking', [0, 1]]);
  call.hangUp();
  await t.run(1_000);
  t.phone('alice').close(); // Nobody is there to hang up on it.
  t.carrier('one').phone.incoming[0]?.answer();
  await t.run(1_000);

  assert.deepEqual(counts(t), [0, 0]);
  t.stop();
});

test('two servers answer together: the one that the caller stays with holds its channel until the end', async () => {
  const t = await open(using({ servers: [A, B] }, { plan: (servers) => parallel(...servers) }));
  t.carrier('one').phone.answers = { afterMs: 1_000 };
  t.carrier('two').phone.answers = { afterMs: 1_002 };

  const call = dial(t);
  await t.run(20_000);
  assert.deepEqual([call.state, counts(t)], ['talking', [1, 0]]);
  t.carrier('one').phone.incoming[0]?.hangUp();
  await t.run(2_000);

  assert.deepEqual(counts(t), [0, 0]);
  t.stop();
});

test('a server whose first host says 503 and whose second answers carries the call', async () => {
  const t = await open(using({ servers: ['sip:gateway.example.net', B] }));
  const host = (
    priority: number,
    target: string,
  ): { priority: number; weight: 1; port: 5060; target: string } => ({
    priority,
    weight: 1,
    port: 5060,
    target,
  });
  const { names } = t.world;
  names.service('_sip._udp.gateway.example.net', host(1, 'a.example.net'), host(2, 'b.example.net'));
  names.address('a.example.net', CARRIERS.one);
  names.address('b.example.net', CARRIERS.three);
  t.carrier('one').does(503);

  const call = dial(t);
  await t.run(3_000);
  assert.deepEqual([call.state, counts(t)], ['talking', [1, 0]]);
  call.hangUp();
  await t.run(2_000);

  assert.deepEqual(counts(t), [0, 0]);
  t.stop();
});

test('a server, or the whole pool, that a script leaves out and takes in again is as it was', async () => {
  const both = using({ servers: [A, B] });
  const t = await open(both);
  const call = dial(t);
  await t.run(2_000);
  t.exchange.shared.pools.server('gateways', B).disable();

  for (const meanwhile of [using({ servers: [C] }), script(() => new Router())]) {
    await t.world.until(t.exchange.replaceScript(meanwhile));
    await t.world.until(t.exchange.replaceScript(both));
    const { servers } = t.exchange.shared.pools.pool('gateways');
    assert.deepEqual(
      servers.map(({ calls, state }) => [calls, state]),
      [
        [1, 'up'],
        [0, 'disabled'],
      ],
    );
  }
  call.hangUp();
  await t.run(2_000);

  assert.deepEqual(counts(t), [0, 0]);
  t.stop();
});

test('a call that rings while its pool is closed is given back when it ends', async () => {
  const t = await open(using({ servers: [A] }));
  t.carrier('one').does('rings');
  const call = dial(t);
  await t.run(500);

  await t.world.until(t.exchange.replaceScript(script(() => new Router())));
  t.carrier('one').phone.incoming[0]?.answer();
  await t.run(1_000);
  assert.deepEqual([call.state, t.exchange.shared.pools.calls.count], ['talking', 1]);
  call.hangUp();
  await t.run(1_000);

  assert.equal(t.exchange.shared.pools.calls.count, 0);
  t.stop();
});

//    what the plan comes to, what the caller is told, what a failure route sees
const FULL: readonly (readonly [string, 'rings' | 486, number, number])[] = [
  ['the others are full', 486, 486, 486],
  ['every one of them is full', 'rings', 503, 503],
];

for (const [what, first, told, seen] of FULL) {
  test(`picked servers are full when they are to be sent to, and ${what}: the caller is told ${told}`, async () => {
    const heard: number[] = [];
    let late: (() => void) | undefined;
    const t = await open(
      script(({ pools }) => {
        const one = { uri: A, resources: { calls: 1 } };
        const pool = pools.open('gateways', {
          servers: [one, { uri: B, resources: { calls: 1 } }],
          pick: 'priority',
        });
        return new Router().invite(async (c) => {
          const picked = pool.pick(c);
          await new Promise<void>((go) => (late = go));
          return c.relay(serial(...picked), {
            onFailure: (f) => {
              heard.push(f.status);
              return f.pass();
            },
          });
        });
      }),
    );
    t.carrier('one').does(first);
    t.carrier('two').does('rings');
    const taken = first === 'rings' ? [A, B] : [B];

    const call = dial(t);
    await t.run(100);
    const { pools } = t.exchange.shared;
    for (const server of taken) pools.pool('gateways').occupy(pools.server('gateways', server), []);
    late?.();
    await t.run(1_000);

    assert.deepEqual([call.status, heard], [told, [seen]]);
    t.stop();
  });
}

test('a server that is full or out when its turn comes is passed over, and the steps say so', async () => {
  const t = await open(
    using({ servers: [A, { uri: B, resources: { calls: 1 } }] }, { relay: { ringMs: 2_000 } }),
  );
  t.carrier('one').does('rings');
  const call = dial(t);
  await t.run(500);

  t.exchange.shared.pools.server('gateways', B).disable();
  await t.run(10_000);

  const steps = await t.steps(call.callId);
  const asked = steps.flatMap((step) => (step.kind === 'service' ? [`${step.service} ${step.inputs}`] : []));
  assert.deepEqual(asked, ['pool.pick gateways']);
  assert.deepEqual(
    steps.flatMap((step) => (step.kind === 'branch' ? [[step.target, step.status]] : [])),
    [
      ['sip:600@192.0.2.21:5060', 408],
      ['sip:600@192.0.2.22:5060', 0],
    ],
  );
  t.stop();
});
