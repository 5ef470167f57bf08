import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parallel, serial } from '../proxy/plan.ts';
import type { PoolOptions, Services } from '../route/services.ts';
import { Router, type Script, script } from '../route/router.ts';
import { assertQuiet } from '../testing/quiet.ts';
import { type Town, town, type TownOptions } from '../testing/town.ts';
import { CALL_MS } from './pool.ts';

const SERVERS = ['sip:192.0.2.21:5060', 'sip:192.0.2.22:5060', 'sip:192.0.2.23:5060'];
const PEOPLE = {
  alice: {},
  bob: {},
  s1: { host: '192.0.2.21' },
  s2: { host: '192.0.2.22' },
  s3: { host: '192.0.2.23' },
};

/** Relays every call to a pool. */
function balancer(options: Partial<PoolOptions> = {}, most = 3, fork: typeof serial = serial): Script {
  return script(({ pools }: Services) => {
    const app = new Router();
    const pool = pools.open('media', { servers: SERVERS, pick: 'least-calls', ...options });
    app.invite((c) => {
      const servers = pool.pick(c, most);
      return servers.length === 0 ? c.reply(503) : c.relay(fork(...servers), { replyMs: 2_000 });
    });
    return app;
  });
}

const open = (made: Script, settings: TownOptions['settings'] = {}, seed = 1): Promise<Town> =>
  town(made, { seed, people: PEOPLE, settings });

const counts = (t: Town): number[] => t.exchange.shared.pools.pool('media').servers.map(({ calls }) => calls);
const total = (t: Town): number => counts(t).reduce((sum, calls) => sum + calls, 0);

// [how a call ends, what is done]
const ENDS: readonly (readonly [string, (t: Town) => Promise<void>])[] = [
  [
    'the caller hangs up',
    async (t) => {
      const call = t.phone('alice').dial('sip:600@example.com');
      await t.run(2_000);
      assert.equal(total(t), 1);
      call.hangUp();
    },
  ],
  [
    'the callee hangs up',
    async (t) => {
      t.phone('alice').dial('sip:600@example.com');
      await t.run(2_000);
      assert.equal(total(t), 1);
      t.phone('s1').incoming[0]?.hangUp();
    },
  ],
  [
    'the caller gives up while it rings',
    async (t) => {
      t.phone('s1').answers = 'ring';
      const call = t.phone('alice').dial('sip:600@example.com');
      await t.run(1_000);
      assert.equal(total(t), 1);
      call.hangUp();
    },
  ],
  [
    'every server refuses',
    async (t) => {
      for (const name of ['s1', 's2', 's3']) t.phone(name).answers = { afterMs: 10, status: 486 };
      t.phone('alice').dial('sip:600@example.com');
    },
  ],
  [
    'one declines for all',
    async (t) => {
      t.phone('s1').answers = { afterMs: 10, status: 603 };
      t.phone('alice').dial('sip:600@example.com');
    },
  ],
  [
    'every server is deaf',
    async (t) => {
      for (const name of ['s1', 's2', 's3']) t.phone(name).answers = 'silent';
      t.phone('alice').dial('sip:600@example.com');
      await t.run(70_000);
    },
  ],
  [
    'the caller gives up while a deaf server is waited for',
    async (t) => {
      t.phone('s1').answers = 'silent';
      const call = t.phone('alice').dial('sip:600@example.com');
      await t.run(500);
      call.hangUp();
      await t.run(70_000);
    },
  ],
  [
    'the answer crosses the CANCEL',
    async (t) => {
      t.phone('s1').answers = 'ring';
      const call = t.phone('alice').dial('sip:600@example.com');
      await t.run(1_000);
      call.hangUp();
      t.phone('s1').incoming[0]?.answer();
      await t.run(5_000);
    },
  ],
];

for (const [how, act] of ENDS) {
  test(`${how}: the channel is free again`, async () => {
    const t = await open(balancer());

    await act(t);
    await t.run(2_000);

    assert.deepEqual(counts(t), [0, 0, 0]);
    await assertQuiet(t);
    t.stop();
  });
}

test('a call holds the server that answered, and none of those before it', async () => {
  const t = await open(balancer({ pick: 'priority' }));
  t.phone('s1').answers = 'silent';
  t.phone('s2').answers = { afterMs: 10, status: 500 };

  const call = t.phone('alice').dial('sip:600@example.com');
  await t.run(8_000);

  assert.equal(call.state, 'talking');
  assert.deepEqual(counts(t), [0, 0, 1]);
  const { servers } = t.exchange.shared.pools.pool('media');
  assert.deepEqual(
    servers.map(({ sent, failed }) => [sent, failed]),
    [
      [1, 1],
      [1, 1],
      [1, 0],
    ],
  );
  t.stop();
});

test('of a parallel plan the winner alone keeps its channel', async () => {
  const t = await open(balancer({}, 3, parallel));
  t.phone('s1').answers = 'ring';
  t.phone('s3').answers = 'ring';

  const call = t.phone('alice').dial('sip:600@example.com');
  await t.run(500);
  assert.deepEqual(counts(t), [1, 1, 1]);
  await t.run(3_000);

  assert.deepEqual(counts(t), [0, 1, 0]);
  call.hangUp();
  await t.run(500);
  assert.equal(total(t), 0);
  t.stop();
});

test('the last channel goes to one call, the next to another server, then to nobody', async () => {
  const resources = { calls: 1 };
  const t = await open(balancer({ servers: SERVERS.slice(0, 2).map((uri) => ({ uri, resources })) }));

  const calls = [1, 2, 3].map(() => t.phone('alice').dial('sip:600@example.com'));
  await t.run(3_000);

  assert.deepEqual(
    calls.map(({ status }) => status).toSorted((a, b) => a - b),
    [200, 200, 503],
  );
  assert.deepEqual(counts(t), [1, 1]);
  t.stop();
});

test('counted without call records too', async () => {
  const t = await open(balancer(), { calls: { records: false } });

  const calls = [1, 2, 3, 4].map(() => t.phone('alice').dial('sip:600@example.com'));
  await t.run(2_000);
  assert.equal(total(t), 4);
  calls[0]?.hangUp();
  calls[1]?.hangUp();
  await t.run(1_000);
  assert.equal(total(t), 2);
  t.phone('s1').incoming.forEach((call) => call.hangUp());
  t.phone('s2').incoming.forEach((call) => call.hangUp());
  t.phone('s3').incoming.forEach((call) => call.hangUp());
  await t.run(1_000);

  assert.equal(total(t), 0);
  t.stop();
});

test('a BYE that never comes leaks nothing: the channel is free after four hours', async () => {
  const t = await open(balancer());
  t.phone('alice').dial('sip:600@example.com');
  await t.run(2_000);
  t.phone('alice').close();
  t.phone('s1').close();

  await t.run(CALL_MS - 3_000);
  assert.equal(total(t), 1);
  await t.run(3_000);

  assert.equal(total(t), 0);
  assert.equal(t.exchange.shared.pools.calls.count, 0);
  t.stop();
});

test('a script that is loaded again finds health, calls and counts as they were', async () => {
  const t = await open(balancer());
  const call = t.phone('alice').dial('sip:600@example.com');
  await t.run(2_000);
  t.exchange.shared.pools.server('media', SERVERS[2]!).disable();

  await t.world.until(t.exchange.replaceScript(balancer({ servers: SERVERS.slice(0, 3).toReversed() })));

  const { servers } = t.exchange.shared.pools.pool('media');
  assert.deepEqual(
    servers.map(({ state, calls, sent }) => [state, calls, sent]),
    [
      ['disabled', 0, 0],
      ['up', 0, 0],
      ['up', 1, 1],
    ],
  );
  call.hangUp();
  await t.run(1_000);
  assert.equal(total(t), 0);
  t.stop();
});

test('a script that does not start changes no pool', async () => {
  const t = await open(balancer());
  const broken = script(({ pools }) => {
    pools.open('media', { servers: [] });
    pools.open('other', { servers: SERVERS });
    throw new Error('it does not start');
  });

  await assert.rejects(t.world.until(t.exchange.replaceScript(broken)));

  const { pools } = t.exchange.shared;
  assert.deepEqual(
    pools.list().map(({ name, servers }) => [name, servers.length]),
    [['media', 3]],
  );
  t.stop();
});

test('a script that opens a pool no more closes it; its calls end as usual', async () => {
  const t = await open(balancer({ probe: { everyMs: 1_000 } }));
  const call = t.phone('alice').dial('sip:600@example.com');
  await t.run(2_500);
  const probes = t.phone('s1').received.length;

  await t.world.until(t.exchange.replaceScript(script(() => new Router())));
  await t.run(5_000);

  assert.deepEqual(t.exchange.shared.pools.list(), []);
  assert.ok(t.phone('s1').received.length <= probes + 1); // One may have been on its way.
  call.hangUp();
  await t.run(1_000);
  assert.equal(t.exchange.shared.pools.calls.count, 0);
  t.stop();
});

test('a pool of the settings stays; a script may use it but not open it', async () => {
  const using = script(({ pools }) => {
    const app = new Router();
    const pool = pools.get('media');
    app.invite((c) => c.relay(serial(...pool.pick(c))));
    return app;
  });
  const t = await open(using, {
    trunk: { pools: [{ name: 'media', servers: [SERVERS[0]!, { uri: SERVERS[1]!, weight: 5 }] }] },
  });

  await assert.rejects(t.world.until(t.exchange.replaceScript(balancer())), /use pools\.get/);
  const missing = script(({ pools }) => (pools.get('medai'), new Router()));
  await assert.rejects(t.world.until(t.exchange.replaceScript(missing)), /no pool medai/);

  assert.deepEqual(
    t.exchange.shared.pools.pool('media').servers.map(({ weight }) => weight),
    [1, 5],
  );
  t.stop();
});

test('events tell of servers that go and come, and of the last one', async () => {
  const heard: string[] = [];
  const listening = script((services) => {
    const app = new Router();
    services.pools.open('media', {
      servers: SERVERS.slice(0, 1),
      probe: { everyMs: 1_000, downAfter: 2, upAfter: 1 },
    });
    app.event('pool.down', ({ server, status }) => void heard.push(`down ${server} ${status}`));
    app.event('pool.up', ({ server }) => void heard.push(`up ${server}`));
    app.event('pool.empty', ({ pool }) => void heard.push(`empty ${pool}`));
    return app;
  });
  const t = await open(listening);
  await t.run(3_000);
  assert.deepEqual(heard, []);
  t.net.cut('192.0.2.1', '192.0.2.21');
  await t.run(6_000);
  t.net.heal('192.0.2.1', '192.0.2.21');
  await t.run(2_000);

  assert.deepEqual(heard, [`down ${SERVERS[0]} 408`, 'empty media', `up ${SERVERS[0]}`]);
  t.stop();
});

for (const seed of [1, 2, 3]) {
  test(`calls of every kind over a bad network are counted exactly: seed ${seed}`, async () => {
    const servers = SERVERS.map((uri) => ({ uri, resources: { calls: 4, recording: 2 } }));
    const t = await open(balancer({ servers, pick: 'most-free' }), {}, seed);
    t.net.loss(0.05);
    const { random } = t.world;
    const names = ['s1', 's2', 's3'] as const;
    for (let i = 0; i < 60; i++) {
      const answers = [
        { afterMs: random.below(1_500) },
        { afterMs: random.below(300), status: 486 },
        { afterMs: 5, status: 503 },
        'ring',
        'silent',
      ] as const;
      for (const name of names) t.phone(name).answers = answers[random.below(answers.length)]!;
      t.phone(random.below(2) === 0 ? 'alice' : 'bob').dial('sip:600@example.com');
      for (const name of ['alice', 'bob', ...names]) {
        for (const call of t.phone(name).calls) if (random.below(12) === 0) call.hangUp();
      }
      await t.run(random.below(700));
      assert.ok(
        counts(t).every((calls) => calls <= 4),
        String(counts(t)),
      );
    }
    for (const name of ['alice', 'bob', ...names]) for (const call of t.phone(name).calls) call.hangUp();
    t.net.loss(0);
    await t.run(240_000);

    const { pools } = t.exchange.shared;
    assert.deepEqual(counts(t), [0, 0, 0]);
    assert.deepEqual([pools.pool('media').calls, pools.calls.count, pools.pool('media').overdue], [0, 0, 0]);
    await assertQuiet(t);
    t.stop();
  });
}
