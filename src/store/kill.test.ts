import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acknowledgedBefore, IDS_A_WRITER, KILLS } from '../testing/killed-writer.ts';
import { open } from './sqlite.ts';

const folder = await mkdtemp(join(tmpdir(), 'tandem-kill-'));
after(() => rm(folder, { recursive: true }));

for (const kill of [1, 17, 100, 333, 1_000]) {
  test(`killed after ${kill} acknowledged rows: every one of them is there`, async () => {
    const file = join(folder, `${kill}.db`);
    await (await open(file)).destroy();

    const acknowledged = await acknowledgedBefore(kill, { dialect: 'sqlite', file, synchronous: 'NORMAL' });

    assert.ok(acknowledged.length >= kill);
    assert.deepEqual(await missingOf(file, acknowledged), []);
  });
}

test('killed twenty times on one file: everything acknowledged is there', async () => {
  const file = join(folder, 'twenty.db');
  await (await open(file)).destroy();
  const acknowledged: number[] = [];

  // Four at a time: writers that wait for one another's lock are killed too.
  const place = { dialect: 'sqlite', file, synchronous: 'NORMAL' } as const;
  for (let from = 0; from < KILLS.length; from += 4) {
    const four = KILLS.slice(from, from + 4).map((kill, i) =>
      acknowledgedBefore(kill, place, 1 + (from + i) * IDS_A_WRITER),
    );
    acknowledged.push(...(await Promise.all(four)).flat());
  }

  assert.deepEqual(await missingOf(file, acknowledged), []);
});

async function missingOf(file: string, acknowledged: readonly number[]): Promise<readonly number[]> {
  const db = await open(file);
  const rows = await db.selectFrom('subscriber').select('id').execute();
  await db.destroy();
  const there = new Set(rows.map((row) => row.id));
  return acknowledged.filter((id) => !there.has(id));
}
