import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sql } from 'kysely';
import { open, openToRead, readSubscribers, secret } from './sqlite.ts';
import { statementNames, statements } from './statements.ts';

const folder = await mkdtemp(join(tmpdir(), 'tandem-sqlite-'));
after(() => rm(folder, { recursive: true }));

test('a new file gets every table, and opening it again changes nothing', async () => {
  const file = join(folder, 'new.db');
  const first = await open(file);
  await first.destroy();

  const db = await open(file);
  const tables = await db.introspection.getTables();
  await db.destroy();

  const expected =
    'address calls changes dbaliases domain forwarding globalblacklist grp location node number ring_group ' +
    'ring_group_member schedule secret speed_dial subscriber userblacklist usr_preferences writer_batch';
  assert.equal(
    tables
      .map((table) => table.name)
      .sort()
      .join(' '),
    expected,
  );
});

test('tables of another program are refused, and left as they are', async () => {
  const file = join(folder, 'opensips.db');
  const theirs = new DatabaseSync(file);
  theirs.exec('create table subscriber (username char(64)); create table version (table_name char(32))');
  const schema = (): unknown => theirs.prepare('select name, sql from sqlite_schema').all();
  const before = schema();

  await assert.rejects(open(file), { code: 'DATABASE', message: /another program: subscriber/ });

  assert.deepEqual(schema(), before);
  theirs.close();
});

test('a migration that fails leaves nothing behind, and the next start does it', async () => {
  const file = join(folder, 'half.db');
  const broken = new DatabaseSync(file);
  broken.exec('create view calls as select 1 as id');
  broken.close();
  await assert.rejects(open(file), { code: 'DATA_FOLDER' });

  const mended = new DatabaseSync(file);
  const left = mended.prepare("select count(*) as n from sqlite_schema where type = 'table'").get();
  mended.exec('drop view calls');
  mended.close();
  await (await open(file)).destroy();

  assert.equal(left?.n, 0);
});

test('every statement is valid on the tables', async () => {
  const db = await open(join(folder, 'statements.db'));

  for (const name of statementNames) {
    await sql.raw(`explain ${statements[name]}`).execute(db);
  }
  await db.destroy();
});

const pragmas: [string, 'NORMAL' | 'FULL', unknown][] = [
  ['journal_mode', 'NORMAL', 'wal'],
  ['synchronous', 'NORMAL', 1],
  ['synchronous', 'FULL', 2],
  ['foreign_keys', 'NORMAL', 1],
  ['busy_timeout', 'NORMAL', 5_000],
];

for (const [pragma, synchronous, expected] of pragmas) {
  test(`a connection opened with ${synchronous} has ${pragma} ${String(expected)}`, async () => {
    const db = await open(join(folder, `pragma-${synchronous}.db`), { synchronous });

    const { rows } = await sql.raw<Record<string, unknown>>(`pragma ${pragma}`).execute(db);
    await db.destroy();

    assert.deepEqual(Object.values(rows[0]!), [expected]);
  });
}

test('the file is for its owner alone', async () => {
  const file = join(folder, 'mode.db');
  const db = await open(file);
  await db.destroy();

  assert.equal((await stat(file)).mode & 0o777, 0o600);
});

test('a secret is made once', async () => {
  const db = await open(join(folder, 'secret.db'));

  const first = await secret(db, 'nonce', () => 'one');
  const second = await secret(db, 'nonce', () => 'two');
  await db.destroy();

  assert.deepEqual([first, second], ['one', 'one']);
});

test('a reader sees what is there and may change nothing', async () => {
  const file = join(folder, 'reader.db');
  const db = await open(file);
  const reader = openToRead(file);

  assert.deepEqual(await readSubscribers(reader), []);
  await assert.rejects(reader.insertInto('secret').values({ name: 'a', value: 'b' }).execute(), /readonly/);
  await reader.destroy();
  await db.destroy();
});

test('a file that cannot be opened is an error with its code and a hint', async () => {
  await assert.rejects(open(join(folder, 'no/such/folder.db')), { code: 'DATA_FOLDER', hint: /writable/ });
  assert.throws(() => openToRead(join(folder, 'none.db')), { code: 'NOT_FOUND' });
});

test('a file of a newer release is refused', async () => {
  const file = join(folder, 'newer.db');
  const db = await open(file);
  await sql`insert into kysely_migration (name, timestamp) values ('999-of-tomorrow', '2099')`.execute(db);
  await db.destroy();

  await assert.rejects(open(file), { code: 'DATA_FOLDER', hint: /newer release/ });
});
