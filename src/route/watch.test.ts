import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimClock } from '../testing/sim-clock.ts';
import type { Incoming } from './incoming.ts';
import { ROUTE_MS, RouteWatch } from './watch.ts';

/** A watch, and what it was told, with the time. */
function watched() {
  const clock = new SimClock();
  const said: string[] = [];
  const watch = new RouteWatch(clock, (incoming, error) => {
    said.push(`${clock.now()} ${nameOf(incoming)} ${error instanceof Error ? error.message : String(error)}`);
  });
  return { clock, said, watch };
}

// The watch only tells them apart.
const request = (name: string): Incoming => ({ name }) as unknown as Incoming;
const nameOf = (incoming: Incoming): string => (incoming as unknown as { name: string }).name;
const after = (clock: SimClock, ms: number): Promise<string> =>
  new Promise((resolve) => void clock.after(ms, () => resolve('decided')));

test('a decision in time is passed on, and nothing is counted', async () => {
  const { clock, said, watch } = watched();
  watch.watch(after(clock, ROUTE_MS - 1), request('a'), (value) => said.push(`${clock.now()} ${value}`));
  await clock.run(20_000);

  assert.deepEqual([said, watch.timedOut], [['4999 decided'], 0]);
});

test('a route that takes longer than five seconds fails, and its decision comes too late', async () => {
  const { clock, said, watch } = watched();
  watch.watch(after(clock, 10_000), request('a'), (value) => said.push(value));
  await clock.run(20_000);

  assert.deepEqual([said, watch.timedOut], [['5000 a the route took longer than five seconds'], 1]);
});

test('each request has its own five seconds', async () => {
  const { clock, said, watch } = watched();
  for (const name of ['a', 'b', 'c']) {
    watch.watch(name === 'b' ? after(clock, 100) : new Promise(() => {}), request(name), () =>
      said.push(`${name} done`),
    );
    await clock.run(1_500);
  }
  await clock.run(20_000);

  assert.deepEqual(
    said.map((line) => line.replace(/ the route.*/, '')),
    ['b done', '5000 a', '8000 c'],
  );
});

test('a route that throws fails at once; so does one whose decision cannot be performed', async () => {
  const { clock, said, watch } = watched();
  watch.watch(Promise.reject(new Error('mistake')), request('a'), () => {});
  watch.watch(Promise.resolve(1), request('b'), () => {
    throw new Error('impossible');
  });
  await clock.run(10_000);

  assert.deepEqual([said, watch.timedOut], [['0 a mistake', '0 b impossible'], 0]);
});
