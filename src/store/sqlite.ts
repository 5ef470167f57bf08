/** The SQLite file behind kysely: opened and brought up to date at start, and read by the command line. */
import { existsSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { Kysely, sql, SqliteDialect } from 'kysely';
import type { SqliteDatabase } from 'kysely';
import { TandemError } from '../base/errors.ts';
import { KEPT_MS } from './change-triggers.ts';
import { migrate } from './migrate.ts';
import { textOf } from './order.ts';
import { readRows } from './read-rows.ts';
import type { Schema, SubscriberTable } from './schema.ts';
import { connect, connectToRead } from './sqlite-connection.ts';
import type { Synchronous } from './sqlite-connection.ts';
import type { Value } from './writer.ts';

/** Typed queries on our tables. */
export type Database = Kysely<Schema>;

/** Opens the file, creating it and its tables when they are missing. `db.destroy()` closes it. */
export async function open(file: string, options: { synchronous?: Synchronous } = {}): Promise<Database> {
  const db = queriesOn(opened(file, () => connect(file, options.synchronous ?? 'NORMAL')));
  try {
    await migrate(db);
    await sql`delete from changes where changed_at < unixepoch() * 1000 - ${KEPT_MS}`.execute(db);
    return db;
  } catch (error) {
    await db.destroy();
    if (error instanceof TandemError) throw error;
    throw new TandemError(
      'DATA_FOLDER',
      `the tables in ${file} cannot be brought up to date: ${textOf(error)}`,
      {
        cause: error,
        hint: 'if a newer release wrote this file, run that release, or restore the copy made before it',
      },
    );
  }
}

/** Opens a file that exists for reading alone, also while an exchange writes to it. */
export function openToRead(file: string): Database {
  if (!existsSync(file)) {
    throw new TandemError('NOT_FOUND', `no database at ${file}`, {
      hint: 'start the exchange once, or name its data folder',
    });
  }
  return queriesOn(opened(file, () => connectToRead(file)));
}

/** The secret of that name; made and kept the first time it is asked for, by whichever node is the first. */
export async function secret(db: Database, name: string, make: () => string): Promise<string> {
  const there = await secretThere(db, name);
  if (there !== undefined) return there;
  try {
    const value = make();
    await db.insertInto('secret').values({ name, value }).execute();
    return value;
  } catch (error) {
    const theirs = await secretThere(db, name);
    if (theirs !== undefined) return theirs;
    throw error;
  }
}

async function secretThere(db: Database, name: string): Promise<string | undefined> {
  const row = await db.selectFrom('secret').select('value').where('name', '=', name).executeTakeFirst();
  return row?.value;
}

/** Every account, as `new Subscribers` takes them. */
export async function readSubscribers(db: Database): Promise<readonly SubscriberRow[]> {
  const all: SubscriberRow[] = [];
  for await (const rows of readRows(db, db.selectFrom('subscriber').selectAll().orderBy('id')))
    all.push(...rows);
  return all;
}

/** A row of `subscriber` as it is read. */
export type SubscriberRow = Omit<SubscriberTable, 'email_address'> & { email_address: string | null };

function opened(file: string, how: () => DatabaseSync): DatabaseSync {
  try {
    return how();
  } catch (error) {
    throw new TandemError('DATA_FOLDER', `the database ${file} does not open: ${textOf(error)}`, {
      cause: error,
      hint: 'check that the folder exists, is writable by this user, and that the disk is not full',
    });
  }
}

function queriesOn(connection: DatabaseSync): Database {
  return new Kysely<Schema>({ dialect: new SqliteDialect({ database: asKyselyWants(connection) }) });
}

/** What our typed tables hold, and so all that kysely binds. */
type Bound = readonly Value[];

/** node:sqlite takes parameters one by one and does not say whether a statement answers rows. */
function asKyselyWants(connection: DatabaseSync): SqliteDatabase {
  return {
    close: () => connection.close(),
    prepare(sql) {
      const statement = connection.prepare(sql);
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...(parameters as Bound)),
        run: (parameters) => statement.run(...(parameters as Bound)),
        iterate: (parameters) => statement.iterate(...(parameters as Bound)),
      };
    },
  };
}
