import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simWorld } from '../testing/sim-world.ts';
import { TimerRings } from './timers.ts';

test('timers fire when their time is over, in the order they are due', async () => {
  const world = simWorld(1);
  const fired: string[] = [];
  const rings = new TimerRings(world.clock, (owner, generation, code) => {
    fired.push(`${Math.round(world.clock.now())} ${owner}.${generation}/${code}`);
  });
  const start = world.clock.now();

  rings.start(500, 1, 7, 2);
  rings.start(200, 2, 8, 3);
  rings.start(500, 3, 9, 4);
  await world.run(600);

  assert.deepEqual(fired, [`${start + 200} 2.8/3`, `${start + 500} 1.7/2`, `${start + 500} 3.9/4`]);
});

test('a ring keeps its order when it grows', async () => {
  const world = simWorld(1);
  const fired: number[] = [];
  const rings = new TimerRings(world.clock, (owner) => fired.push(owner));

  for (let i = 0; i < 700; i++) rings.start(100, i, 1, 1);
  await world.run(150);
  for (let i = 700; i < 5000; i++) rings.start(100, i, 1, 1);
  await world.run(150);

  assert.deepEqual(
    fired,
    Array.from({ length: 5000 }, (_, i) => i),
  );
});

test('a timer set while timers fire is not lost', async () => {
  const world = simWorld(1);
  let fired = 0;
  const rings = new TimerRings(world.clock, () => {
    if (++fired < 5) rings.start(50, 1, 1, 1);
  });

  rings.start(50, 1, 1, 1);
  await world.run(1000);

  assert.equal(fired, 5);
});

test('any delay may be asked for: each timer fires at its time, also in a ring taken over', async () => {
  const world = simWorld(1);
  const fired: string[] = [];
  const rings = new TimerRings(world.clock, (owner) => fired.push(`${world.clock.now()} ${owner}`));
  const expected: string[] = [];

  for (let i = 0; i < 100; i++) {
    const delay = 3_000 - i * 20; // Never near 500: what is due within 10 ms fires together.
    rings.start(delay, i, 1, 1);
    rings.start(500, 1_000 + i, 1, 1);
    expected.push(`${world.clock.now() + 500} ${1_000 + i}`, `${world.clock.now() + delay} ${i}`);
    await world.run(4_000);
  }

  const byTime = (lines: string[]): string[] =>
    lines.toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  assert.deepEqual(fired, byTime(expected));
});
