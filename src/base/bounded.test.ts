import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BoundedMap } from './bounded.ts';

test('a full map refuses a new key, takes a new value for an old one, and has room after a delete', () => {
  const map = new BoundedMap<string, number>(2);

  assert.deepEqual(
    [map.set('a', 1), map.set('b', 2), map.set('c', 3), map.set('a', 4)],
    [true, true, false, true],
  );
  assert.deepEqual([map.size, map.get('a'), map.get('c')], [2, 4, undefined]);
  assert.deepEqual([map.delete('b'), map.delete('b'), map.set('c', 3)], [true, false, true]);
  assert.deepEqual([...map.values()], [4, 3]);
});
