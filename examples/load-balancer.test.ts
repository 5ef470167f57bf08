import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertQuiet } from '../src/testing/quiet.ts';
import { type Town, town } from '../src/testing/town.ts';
import loadBalancer from './load-balancer.ts';

const SERVERS = ['media1', 'media2', 'media3'] as const;

async function open(): Promise<Town> {
  const people = {
    alice: {},
    media1: { host: '192.0.2.21' },
    media2: { host: '192.0.2.22' },
    media3: { host: '192.0.2.23' },
  };
  return town(loadBalancer, { people });
}

const carried = (t: Town): number[] => SERVERS.map((name) => t.phone(name).incoming.length);
const counted = (t: Town): number[] =>
  t.exchange.shared.pools.pool('media').servers.map(({ calls }) => calls);

test('calls are spread by free channels, counted while they last, and given back when they end', async () => {
  const t = await open();

  const calls = Array.from({ length: 25 }, () => t.phone('alice').dial('sip:600@example.com'));
  await t.run(3_000);

  assert.ok(calls.every(({ state }) => state === 'talking'));
  assert.deepEqual(carried(t), [10, 10, 5]);
  assert.deepEqual(counted(t), [10, 10, 5]);
  calls.slice(0, 12).forEach((call) => call.hangUp());
  for (const call of t.phone('media1').incoming) if (call.state === 'talking') call.hangUp();
  await t.run(2_000);
  assert.equal(
    counted(t).reduce((sum, n) => sum + n, 0),
    calls.filter(({ state }) => state === 'talking').length,
  );
  calls.forEach((call) => call.hangUp());
  await t.run(2_000);

  assert.deepEqual(counted(t), [0, 0, 0]);
  t.stop();
});

test('a server that dies is passed over, left out once its probes fail, and used when it is back', async () => {
  const t = await open();
  t.net.cut('192.0.2.1', '192.0.2.21');

  const during = t.phone('alice').dial('sip:600@example.com');
  await t.run(10_000);
  assert.equal(during.state, 'talking');
  const pool = t.exchange.shared.pools.pool('media');
  assert.deepEqual([pool.up, pool.servers[0]?.state], [2, 'down']);

  t.net.heal('192.0.2.1', '192.0.2.21');
  await t.run(6_000);
  assert.equal(pool.up, 3);
  during.hangUp();
  await t.run(1_000);
  assert.deepEqual(counted(t), [0, 0, 0]);
  t.stop();
});

test('one that answers 503 is marked down, and the next one takes the call', async () => {
  const t = await open();
  t.phone('media1').answers = { afterMs: 10, status: 503 };

  const call = t.phone('alice').dial('sip:600@example.com');
  await t.run(2_000);

  assert.equal(call.state, 'talking');
  assert.deepEqual(carried(t), [1, 1, 0]);
  assert.deepEqual(counted(t), [0, 1, 0]);
  call.hangUp();
  await t.run(500);
  t.stop();
});

test('none left: the caller is told when to come again', async () => {
  const t = await open();
  for (const server of t.exchange.shared.pools.pool('media').servers) server.disable();

  const call = t.phone('alice').dial('sip:600@example.com');
  await t.run(1_000);

  assert.equal(call.status, 503);
  assert.equal(await t.phone('alice').request('OPTIONS', 'sip:192.0.2.1'), 503);
  await assertQuiet(t);
  t.stop();
});
