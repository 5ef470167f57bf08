import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textIn } from './dialect.ts';
import type { Dialect } from './dialect.ts';
import { manyUpdates } from './many-updates.ts';
import { serverPlace } from './database-place.ts';

const UPSERT = 'insert into t (a, b) values (?, ?) on conflict (a) do update set b = excluded.b';

const texts: [what: string, dialect: Dialect, statement: string, rows: number, expected: string][] = [
  ['SQLite takes it as it is', 'sqlite', UPSERT, 1, UPSERT],
  [
    'PostgreSQL counts its values',
    'postgres',
    UPSERT,
    2,
    'insert into t (a, b) values ($1, $2), ($3, $4) on conflict (a) do update set b = excluded.b',
  ],
  [
    'MariaDB has a word of its own',
    'mysql',
    UPSERT,
    2,
    'insert into t (a, b) values (?, ?), (?, ?) on duplicate key update b = values(b)',
  ],
  [
    'doing nothing is a change to the same',
    'mysql',
    "insert into t (a, s) values (?, 'x') on conflict (a) do nothing",
    1,
    "insert into t (a, s) values (?, 'x') on duplicate key update a = a",
  ],
  [
    'an id of somebody else is refused',
    'mysql',
    'insert into t (id, a, b) values (?, ?, ?) on conflict (a) do update set b = excluded.b',
    1,
    'insert into t (id, a, b) values (?, ?, ?) on duplicate key update b = if(a = values(a), values(b), null)',
  ],
];

for (const [what, dialect, statement, rows, expected] of texts) {
  test(what, () => {
    assert.equal(textIn(dialect, statement, rows), expected);
  });
}

test('many updates are one statement, their values in its order', () => {
  const many = manyUpdates("update t set a = coalesce(a, ?), b = ?, s = 'x' where id = ? and s = 'y'");

  assert.equal(
    many?.text(2),
    'update t set a = case when (id = ?) then coalesce(a, ?) when (id = ?) then coalesce(a, ?) end, ' +
      "b = case when (id = ?) then ? when (id = ?) then ? end, s = 'x' " +
      "where ((id = ?) or (id = ?)) and s = 'y'",
  );
  assert.deepEqual(
    many.values([
      ['a1', 'b1', 1],
      ['a2', 'b2', 2],
    ]),
    [1, 'a1', 2, 'a2', 1, 'b1', 2, 'b2', 1, 2],
  );
});

test('many removals are one statement', () => {
  const many = manyUpdates('delete from t where a = ? and b = ?');

  assert.equal(many?.text(2), 'delete from t where ((a = ? and b = ?) or (a = ? and b = ?))');
  assert.deepEqual(
    many.values([
      ['a', 1],
      ['b', 2],
    ]),
    ['a', 1, 'b', 2],
  );
});

for (const statement of ['delete from t where at <= ?', 'insert into t (a) values (?)']) {
  test(`not together: ${statement}`, () => {
    assert.equal(manyUpdates(statement), undefined);
  });
}

test('a server without the name of a database is refused', () => {
  assert.throws(() => serverPlace('postgres://db.test/'), { code: 'SETTINGS_INVALID', hint: /postgres:/ });
});
