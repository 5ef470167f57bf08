import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimClock } from '../testing/sim-clock.ts';
import { DEAD_TARGETS_MAX, DeadTargets } from './dead-targets.ts';
import type { Hop } from './transports.ts';

const hop = (host: string): Hop => ({ transport: 'udp', host, port: 5060 });
const ONE = hop('192.0.2.51');

test('a dead target is passed over until its time is over, and then one request may try it', async () => {
  const clock = new SimClock();
  const dead = new DeadTargets(clock);
  dead.mark('carrier.test', ONE, 30_000);

  assert.equal(dead.passesOver('carrier.test', ONE), true);
  await clock.run(29_999);
  assert.equal(dead.passesOver('carrier.test', ONE), true);
  await clock.run(1);
  assert.deepEqual(
    [dead.passesOver('carrier.test', ONE), dead.passesOver('carrier.test', ONE)],
    [false, true],
    'the others go on passing it over',
  );
  dead.revive('carrier.test', ONE);
  assert.equal(dead.passesOver('carrier.test', ONE), false);
  assert.equal(dead.size, 0);
});

// oxfmt-ignore
const others: [what: string, domain: string, other: Hop][] = [
  ['domain',    'evil.test',    ONE],
  ['address',   'carrier.test', hop('192.0.2.52')],
  ['port',      'carrier.test', { ...ONE, port: 5070 }],
  ['transport', 'carrier.test', { ...ONE, transport: 'tcp' }],
];
for (const [what, domain, other] of others) {
  test(`a dead target says nothing of one with another ${what}`, () => {
    const dead = new DeadTargets(new SimClock());
    dead.mark('carrier.test', ONE, 30_000);

    assert.equal(dead.passesOver(domain, other), false);
  });
}

test('no time is no mark', () => {
  const dead = new DeadTargets(new SimClock());
  dead.mark('carrier.test', ONE, 0);

  assert.equal(dead.size, 0);
});

test(`${DEAD_TARGETS_MAX} are remembered; one more pushes out the first`, () => {
  const dead = new DeadTargets(new SimClock());
  for (let i = 0; i < DEAD_TARGETS_MAX; i++) dead.mark(`d${i}.test`, ONE, 30_000);
  assert.equal(dead.passesOver('d0.test', ONE), true);

  dead.mark('more.test', ONE, 30_000);

  assert.equal(dead.size, DEAD_TARGETS_MAX);
  assert.deepEqual([dead.passesOver('d0.test', ONE), dead.passesOver('d1.test', ONE)], [false, true]);
});
