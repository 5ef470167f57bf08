import { test } from 'node:test';
import assert from 'node:assert/strict';
import { callMachine } from './call-machine.ts';

test('every state of a record can be reached, and only `ended` has no way out', () => {
  const ways = Object.entries(callMachine).map(
    ([from, cells]) => [from, new Set(Object.values(cells).flatMap((cell) => cell.next ?? []))] as const,
  );
  const reached = new Set<string>(['open', ...ways.flatMap(([, to]) => [...to])]);

  assert.deepEqual([...reached].toSorted(), Object.keys(callMachine).toSorted());
  assert.deepEqual(
    ways.filter(([, to]) => to.size === 0).map(([from]) => from),
    ['ended'],
  );
});
