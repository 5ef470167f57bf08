/** Calls of phones that are reached by the path they came by alone. RFC 3581, RFC 5626 §5.3, RFC 7118 §5 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Call } from '../../src/testing/phone-call.ts';
import type { PhoneTransport } from '../../src/testing/phone-wire.ts';
import type { SimNat } from '../../src/testing/sim-nat.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { type Town, town, type TownOptions } from '../../src/testing/town.ts';
import { registrarProxy } from '../../src/testing/town-scripts.ts';
import { compare } from './flow.ts';

const [ALICE, BOB] = ['10.0.0.2', '10.0.1.2'];
/** Connections without a message are closed after this. */
const IDLE = { sip: { idle_timeout_ms: 5_000 } };

/** Alice and Bob, each behind a router of their own. */
async function behindNats(
  transports: readonly [PhoneTransport, PhoneTransport],
  settings: TownOptions['settings'] = {},
): Promise<Town & { routers: { alice: SimNat; bob: SimNat } }> {
  const [alice, bob] = transports;
  const t = await town(registrarProxy, {
    people: { alice: { host: ALICE, transport: alice }, bob: { host: BOB, transport: bob } },
    settings,
  });
  const routers = {
    alice: t.net.nat({ public: '198.51.100.7', inside: [ALICE] }),
    bob: t.net.nat({ public: '203.0.113.8', inside: [BOB] }),
  };
  await t.phone('alice').register();
  await t.phone('bob').register();
  return Object.assign(t, { routers });
}

/** The two ends of a call that stands. */
async function talking(t: Town): Promise<{ alice: Call; bob: Call }> {
  const alice = t.phone('alice').dial('sip:bob@example.com');
  await t.run(3_000);
  const [bob] = t.phone('bob').incoming;
  assert.ok(bob !== undefined, 'it rings at bob');
  assert.deepEqual([alice.state, bob.state], ['talking', 'talking']);
  return { alice, bob };
}

async function over(t: Town): Promise<void> {
  await assertQuiet(t);
  t.stop();
}

const pairs: readonly (readonly [PhoneTransport, PhoneTransport])[] = [
  ['udp', 'udp'],
  ['tcp', 'tcp'],
  ['tls', 'tls'],
  ['ws', 'ws'],
  ['wss', 'udp'],
  ['udp', 'wss'],
  ['tcp', 'udp'],
];
for (const pair of pairs) {
  for (const who of ['alice', 'bob'] as const) {
    test(`both behind NATs, ${pair.join(' and ')}: ${who} asks within the call and hangs up`, async () => {
      const t = await behindNats(pair);
      const call = await talking(t);
      const [here, there] = who === 'alice' ? [call.alice, call.bob] : [call.bob, call.alice];

      const statuses = [
        await t.world.until(here.reinvite()),
        await t.world.until(here.request('INFO')),
        await t.world.until(here.request('UPDATE')),
      ];
      await t.run(500);
      here.hangUp();
      await t.run(1_000);

      assert.deepEqual(statuses, [200, 200, 200]);
      assert.deepEqual(
        there.received.map(({ method }) => method).filter((method) => method !== 'ACK'),
        ['INVITE', 'INFO', 'UPDATE', 'BYE'],
      );
      assert.equal(there.received.filter(({ method }) => method === 'ACK').length, who === 'alice' ? 2 : 1);
      assert.deepEqual([here.byeStatus, there.endedBy], [200, 'them']);
      await over(t);
    });
  }
}

test('the whole of a call between two NATs', async () => {
  const t = await behindNats(['udp', 'udp']);
  const { bob } = await talking(t);
  bob.hangUp();
  await t.run(1_000);

  await over(t);
  compare('nat-both-sides', `Both phones are behind NATs, and the callee hangs up\n\n${t.ladder()}`);
});

/** A router that restarts forgets its mappings: what comes from inside then has another port. */
const moves: readonly (readonly [string, 'alice' | 'bob', 'reinvite' | 'UPDATE'])[] = [
  ['the caller moves by a re-INVITE', 'alice', 'reinvite'],
  ['the callee moves by a re-INVITE', 'bob', 'reinvite'],
  ['the caller moves by an UPDATE', 'alice', 'UPDATE'],
  ['the callee moves by an UPDATE', 'bob', 'UPDATE'],
];
for (const [what, who, by] of moves) {
  test(`${what} from another port of its router, and is found there`, async () => {
    const t = await behindNats(['udp', 'udp']);
    const { alice, bob } = await talking(t);
    const [mover, other] = who === 'alice' ? [alice, bob] : [bob, alice];

    t.routers[who].restart();
    const lost = await t.world.until(other.request('INFO'));
    const moved = await t.world.until(by === 'reinvite' ? mover.reinvite() : mover.request(by));
    const found = await t.world.until(other.request('INFO'));
    other.hangUp();
    await t.run(1_000);

    assert.deepEqual([lost, moved, found], [408, 200, 200]);
    assert.equal(mover.endedBy, 'them');
    await over(t);
  });
}

for (const transport of ['tcp', 'tls', 'ws'] as const) {
  test(`a ${transport} connection that came back is used once a re-INVITE has come by it`, async () => {
    const t = await behindNats([transport, 'udp'], IDLE);
    const { alice, bob } = await talking(t);

    await t.run(10_000);
    const moved = await t.world.until(alice.reinvite());
    bob.hangUp();
    await t.run(1_000);

    assert.deepEqual([moved, bob.byeStatus, alice.endedBy], [200, 200, 'them']);
    await over(t);
  });
}

test('a browser that came back is known by the name that it made up', async () => {
  const t = await behindNats(['ws', 'udp'], IDLE);
  const { alice, bob } = await talking(t);

  await t.run(10_000);
  await t.phone('alice').register();
  bob.hangUp();
  await t.run(1_000);

  assert.deepEqual([bob.byeStatus, alice.endedBy], [200, 'them']);
  await over(t);
});

for (const transport of ['tcp', 'tls', 'ws'] as const) {
  test(`whose ${transport} connection is gone cannot be told, and the record ends all the same`, async () => {
    const t = await behindNats([transport, 'udp'], IDLE);
    const { bob } = await talking(t);

    await t.run(10_000);
    bob.hangUp();
    await t.run(1_000);

    assert.equal(bob.byeStatus, 430);
    assert.deepEqual(
      t.cdrs().map(({ status, endedBy }) => [status, endedBy]),
      [[200, 'callee']],
    );
    await over(t);
  });
}

test('two phones behind one router reach each other through us', async () => {
  const t = await town(registrarProxy, { people: { alice: { host: ALICE }, bob: { host: BOB } } });
  t.net.nat({ public: '198.51.100.7', inside: [ALICE, BOB] });
  await t.phone('alice').register();
  await t.phone('bob').register();
  const { alice, bob } = await talking(t);

  alice.hangUp();
  await t.run(1_000);

  assert.deepEqual([alice.byeStatus, bob.endedBy], [200, 'them']);
  await over(t);
});

/** Where phones are → whether a token stands in the Record-Route that they got. */
const needs: readonly (readonly [string, TownOptions['people'], boolean])[] = [
  ['at public addresses', {}, false],
  ['at private addresses of our own network', { alice: { host: ALICE }, bob: { host: BOB } }, false],
  [
    'with connections that they listen for, too',
    { alice: { transport: 'tcp' }, bob: { transport: 'tcp' } },
    false,
  ],
  ['with TLS', { alice: { transport: 'tls' }, bob: { transport: 'tls' } }, true],
];
for (const [where, people, needed] of needs) {
  test(`phones ${where} ${needed ? 'are' : 'are not'} bound to their flows`, async () => {
    const t = await town(registrarProxy, { people: { alice: {}, bob: {}, ...people } });
    await t.phone('alice').register();
    await t.phone('bob').register();
    const { alice } = await talking(t);
    const routes = t.net.trace.entries.filter(({ text }) => /^Record-Route: <sip:[^>]*@/m.test(text));

    assert.equal(routes.length > 0, needed);
    alice.hangUp();
    await t.run(1_000);
    await over(t);
  });
}

test('with [sip] nat = "off" a request goes where the Contact says', async () => {
  const t = await behindNats(['udp', 'udp'], { sip: { nat: 'off' } });
  const alice = t.phone('alice').dial('sip:bob@example.com');
  await t.run(1_500);

  alice.hangUp();
  await t.run(40_000);

  assert.equal(alice.byeStatus, 408);
  const { entries } = t.net.trace;
  assert.ok(entries.some(({ to, text }) => to === `${BOB}:5060` && text.startsWith('BYE')));
  t.stop();
});
