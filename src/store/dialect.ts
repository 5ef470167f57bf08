/** What differs between the databases: the name of the dialect, and the text of each statement in it. */
import { MysqlAdapter, PostgresAdapter } from 'kysely';
import type { Kysely } from 'kysely';
import { namesIn } from './statement-shape.ts';

/** `mysql` stands for MariaDB and MySQL. */
export type Dialect = 'sqlite' | 'postgres' | 'mysql';

/** Of an open database. */
export function dialectOf<T>(db: Kysely<T>): Dialect {
  const { adapter } = db.getExecutor();
  if (adapter instanceof PostgresAdapter) return 'postgres';
  return adapter instanceof MysqlAdapter ? 'mysql' : 'sqlite';
}

const TUPLE = /\bvalues (\([^)]*\))/;
const CONFLICT = /\bon conflict \(([^)]*)\) do (nothing|update set)/;
const COLUMNS = /\binsert into \w+ \(([^)]*)\)/;

/**
 * The text of a statement for so many rows at once. More than one is for an insert alone, and no two of its rows may
 * have the same key: see `keyOf`.
 */
export function textIn(dialect: Dialect, statement: string, rows = 1): string {
  const tuple = TUPLE.exec(statement)?.[1] ?? '';
  const whole = statement.replace(TUPLE, `values ${Array.from({ length: rows }, () => tuple).join(', ')}`);
  switch (dialect) {
    case 'sqlite':
      return whole;
    case 'postgres': {
      let place = 0;
      return whole.replace(/\?/g, () => `$${++place}`);
    }
    case 'mysql':
      return withDuplicateKey(whole);
    default:
      throw new Error(`no dialect ${String(dialect satisfies never)}`);
  }
}

/**
 * `on conflict (…) do update set a = excluded.a` → `on duplicate key update a = values(a)`. MariaDB's means any unique
 * key, not the one that is named: an insert that brings its own id could change the row of somebody else. So the first
 * column, which takes no null, is set to null when it is another row: then the statement fails, as it does elsewhere.
 */
function withDuplicateKey(statement: string): string {
  const [, columns = '', action] = CONFLICT.exec(statement) ?? [];
  if (action === undefined) return statement;
  const key = namesIn(columns);
  const instead = action === 'nothing' ? `update ${key[0]} = ${key[0]}` : 'update';
  const text = statement
    .replace(CONFLICT, `on duplicate key ${instead}`)
    .replace(/\bexcluded\.(\w+)/g, 'values($1)');
  const bringsId = namesIn(COLUMNS.exec(statement)?.[1]).includes('id') && !key.includes('id');
  if (!bringsId) return text;
  const isSame = key.map((name) => `${name} = values(${name})`).join(' and ');
  return text.replace(/= values\((\w+)\)/, `= if(${isSame}, values($1), null)`);
}
