import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fakes } from '../testing/fakes.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { GAPS_MAX, POLL_MS, watchChanges } from './changes.ts';
import type { RowChange, Watch, WatchedTable } from './changes.ts';
import { openDatabase } from './database.ts';
import type { Database } from './sqlite.ts';

const folder = await mkdtemp(join(tmpdir(), 'tandem-changes-'));
after(() => rm(folder, { recursive: true }));
let files = 0;

interface Trial {
  readonly db: Database;
  readonly watch: Watch;
  readonly clock: SimClock;
  readonly told: RowChange[];
  end(): Promise<void>;
}

async function begin(...tables: WatchedTable[]): Promise<Trial> {
  const place = { dialect: 'sqlite', file: join(folder, `${files++}.db`), synchronous: 'NORMAL' } as const;
  const db = await openDatabase(place);
  await db.insertInto('domain').values(domain('before.test')).execute();
  const clock = new SimClock();
  const told: RowChange[] = [];
  const { log } = fakes();
  const watch = await watchChanges(place, tables, (change) => told.push(change), { clock, log });
  const end = async (): Promise<void> => {
    await watch.close();
    await db.destroy();
  };
  return { db, watch, clock, told, end };
}

const domain = (name: string) => ({ domain: name, accept_subdomain: 0, last_modified: 1 });

test('what another program changes is told, what was there before is not', async () => {
  const { db, watch, told, end } = await begin('domain', 'number');

  await db.insertInto('domain').values(domain('a.test')).execute();
  await db.updateTable('domain').set({ attrs: 'x' }).where('domain', '=', 'a.test').execute();
  await db.updateTable('domain').set({ domain: 'b.test' }).where('domain', '=', 'a.test').execute();
  await db.deleteFrom('domain').where('domain', '=', 'b.test').execute();
  await db.insertInto('globalblacklist').values({ prefix: '1', whitelist: 0 }).execute();
  await watch.look();
  await end();

  assert.deepEqual(
    told.map(({ table, key }) => `${table} ${key?.join()}`),
    ['a.test', 'a.test', 'a.test', 'b.test', 'b.test'].map((name) => `domain ${name}`),
  );
});

test('a key of several columns is told in its parts', async () => {
  const { db, watch, told, end } = await begin('grp');

  await db
    .insertInto('grp')
    .values({ username: 'alice', domain: 'a.test', grp: 'int', last_modified: 1 })
    .execute();
  await watch.look();
  await end();

  assert.deepEqual(told, [{ table: 'grp', key: ['alice', 'a.test', 'int'] }]);
});

test('it looks by itself', async () => {
  const { db, clock, told, watch, end } = await begin('domain');

  await db.insertInto('domain').values(domain('a.test')).execute();
  await clock.run(POLL_MS - 1);
  assert.deepEqual(told, []);
  await clock.run(1);
  await watch.look();
  await end();

  assert.equal(told.length, 1);
});

for (const [gap, everything] of [
  [GAPS_MAX, false],
  [GAPS_MAX + 1, true],
] as const) {
  test(`${gap} missing numbers ${everything ? 'mean that all may have changed' : 'are waited for'}`, async () => {
    const { db, watch, told, end } = await begin('domain');
    const [last] = await db.selectFrom('changes').select('id').orderBy('id', 'desc').limit(1).execute();
    const row = { table_name: 'domain', row_key: 'late.test', changed_at: 1 };

    await db
      .insertInto('changes')
      .values({ ...row, id: (last?.id ?? 0) + 1 + gap })
      .execute();
    await watch.look();
    await end();

    const expected: RowChange[] = [{ table: 'domain', key: ['late.test'] }];
    if (everything) expected.unshift({ table: 'domain', key: undefined });
    assert.deepEqual(told, expected);
  });
}
