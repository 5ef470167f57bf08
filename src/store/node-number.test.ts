import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type NamedNode, nodeNumber } from './node-number.ts';
import { open } from './sqlite.ts';

const folder = await mkdtemp(join(tmpdir(), 'tandem-node-number-'));
after(() => rm(folder, { recursive: true }));

const named = (name: string, startedAt = 1, nodesMax = 4): NamedNode => ({ name, startedAt, nodesMax });

test('each node has a number of its own, and the same one at every start', async () => {
  const db = await open(join(folder, 'own.db'));
  const first = [await nodeNumber(db, named('one')), await nodeNumber(db, named('two'))];
  const again = [await nodeNumber(db, named('two', 2)), await nodeNumber(db, named('one', 3))];
  await db.destroy();

  assert.deepEqual(
    [first, again],
    [
      [0, 1],
      [1, 0],
    ],
  );
});

test('nodes that start at the same moment get different numbers', async () => {
  const file = join(folder, 'race.db');
  const dbs = [await open(file), await open(file), await open(file), await open(file)];

  const numbers = await Promise.all(dbs.map((db, i) => nodeNumber(db, named(`n${i}`))));
  await Promise.all(dbs.map((db) => db.destroy()));

  assert.deepEqual(
    numbers.toSorted((a, b) => a - b),
    [0, 1, 2, 3],
  );
});

test('when all numbers are given, the one goes on whose node started longest ago', async () => {
  const db = await open(join(folder, 'full.db'));
  for (const [name, startedAt] of [
    ['a', 30],
    ['b', 10],
    ['c', 20],
    ['d', 40],
  ] as const)
    await nodeNumber(db, named(name, startedAt));

  const fifth = await nodeNumber(db, named('e', 50));
  const back = await nodeNumber(db, named('b', 60));
  await db.destroy();

  assert.deepEqual([fifth, back], [1, 2]);
});
