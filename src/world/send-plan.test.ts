import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { limits } from './limits.ts';
import { SendPlan } from './send-plan.ts';

interface Datagram {
  readonly port: number;
  readonly length: number;
  readonly order: number;
}

function groupsOf(datagrams: readonly Datagram[], plan = new SendPlan()): number[][] {
  for (const { port, length, order } of datagrams) plan.add(1, port, length, order);
  plan.arrangeGrouped();
  const groups = Array.from({ length: plan.groups }, (_, g) => [
    ...plan.sequence.subarray(plan.startOf(g), plan.ends[g]),
  ]);
  plan.clear();
  return groups;
}

const row = (port: number, length: number, order: number): Datagram => ({ port, length, order });
const many = (count: number, one: (i: number) => Datagram): Datagram[] =>
  Array.from({ length: count }, (_, i) => one(i));

// oxfmt-ignore
const cases: [what: string, datagrams: Datagram[], sizes: number[]][] = [
  ['equal size, one peer, many calls',  many(10, (i) => row(5060, 400, i)),                   [10]],
  ['one call: never grouped',           many(4, () => row(5060, 400, 1)),                     [1, 1, 1, 1]],
  ['two sizes',                         many(6, (i) => row(5060, 400 + (i % 2), i)),          [3, 3]],
  ['two peers',                         many(6, (i) => row(5060 + (i % 2), 400, i)),          [3, 3]],
  ['two waves of three calls',          many(6, (i) => row(5060, 400, i % 3)),                [3, 3]],
  ['more than 64 segments',             many(65, (i) => row(5060, 100, i)),                   [64, 1]],
  ['more than 65,000 bytes',            many(51, (i) => row(5060, 1_300, i)),                 [50, 1]],
  ['segments a path may not carry',     many(2, (i) => row(5060, 1_301, i)),                  [1, 1]],
  ['empty datagrams',                   many(2, (i) => row(5060, 0, i)),                      [1, 1]],
];

for (const [what, datagrams, sizes] of cases) {
  test(`grouping: ${what}`, () => {
    const groups = groupsOf(datagrams);

    assert.deepEqual(
      groups.map((group) => group.length),
      sizes,
    );
  });
}

test('each datagram leaves once, a call keeps its order, and a group is one GSO send', () => {
  const datagram = fc.record({
    port: fc.constantFrom(5060, 5062),
    length: fc.constantFrom(0, 100, 101, 1_300, 1_301),
    order: fc.oneof(fc.constantFrom(1, 2, 3), fc.integer()),
  });
  const plan = new SendPlan();

  fc.assert(
    fc.property(fc.array(datagram, { minLength: 1, maxLength: limits.sendBatch }), (datagrams) => {
      const groups = groupsOf(datagrams, plan);
      const leaving = groups.flat();
      assert.deepEqual(
        leaving.toSorted((a, b) => a - b),
        datagrams.map((_, i) => i),
      );
      const last = new Map<string, number>();
      for (const i of leaving) {
        const key = `${datagrams[i]?.port} ${datagrams[i]?.order}`;
        assert.ok(i > (last.get(key) ?? -1));
        last.set(key, i);
      }
      for (const group of groups) {
        assert.equal(new Set(group.map((i) => `${datagrams[i]?.port} ${datagrams[i]?.length}`)).size, 1);
        assert.equal(new Set(group.map((i) => datagrams[i]?.order)).size, group.length);
      }
    }),
    { numRuns: 200, seed: 1 },
  );
});

test('a group that is broken up leaves in the same order', () => {
  const plan = new SendPlan();
  for (let i = 0; i < 6; i++) plan.add(1, 5060, i < 2 ? 100 : 200, i);
  plan.arrangeGrouped();

  plan.split(1);

  assert.deepEqual([...plan.ends.subarray(0, plan.groups)], [2, 3, 4, 5, 6]);
});
