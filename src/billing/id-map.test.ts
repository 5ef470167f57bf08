import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CallNumbers, NODES_MAX } from './call-number.ts';
import { IdMap } from './id-map.ts';

test('a key that is not there answers -1', () => {
  const map = new IdMap();
  map.set(1, 10);
  map.delete(2);

  assert.deepEqual([map.get(1), map.get(2), map.get(1_025), map.get(0), map.size], [10, -1, -1, -1, 1]);
});

test('it answers as a Map does, whatever is set and deleted', () => {
  // So few places that most keys collide, at the end of the table and over it.
  const key = fc.oneof(
    fc.integer({ min: 1, max: 12 }),
    fc.integer({ min: 1_020, max: 1_040 }),
    fc.constant(2 ** 52),
    fc.integer({ min: 1, max: 12 }).map((call) => 2 ** 50 + call * NODES_MAX),
  );
  const change = fc.record({ key, value: fc.option(fc.nat({ max: 2 ** 31 - 1 }), { nil: undefined }) });

  fc.assert(
    fc.property(fc.array(change, { maxLength: 80 }), (changes) => {
      const map = new IdMap(8);
      const model = new Map<number, number>();
      for (const { key: k, value } of changes) {
        if (value === undefined) {
          map.delete(k);
          model.delete(k);
        } else {
          map.set(k, value);
          model.set(k, value);
        }
      }
      assert.equal(map.size, model.size);
      for (const { key: k } of changes) assert.equal(map.get(k), model.get(k) ?? -1);
    }),
  );
});

test('it grows, and forgets what came and went', () => {
  const map = new IdMap();
  for (let id = 1; id <= 5_000; id++) map.set(id, id * 2);
  for (let id = 1; id <= 4_000; id++) map.delete(id);

  assert.equal(map.size, 1_000);
  assert.equal(map.get(4_000), -1);
  for (let id = 4_001; id <= 5_000; id++) assert.equal(map.get(id), id * 2);
});

test('the numbers of one node spread over all places', () => {
  const numbers = new CallNumbers(7);
  const map = new IdMap(1_024);
  const places = new Set<number>();
  for (let call = 0; call < 500; call++) places.add(map.homeOf(numbers.next(Date.UTC(2026, 10, 21) + call)));

  assert.ok(places.size > 350, `${places.size} places for 500 numbers`);
});
