/** One door to the database, whichever it is: opened and brought up to date, read, and written to. */
import { existsSync } from 'node:fs';
import { TandemError } from '../base/errors.ts';
import { placeName } from './database-place.ts';
import type { DatabasePlace, ServerPlace } from './database-place.ts';
import type { BatchWriterOptions } from './batch-writer.ts';
import { migrate } from './migrate.ts';
import { textOf } from './order.ts';
import { hasOurTables } from './ownership.ts';
import { ServerWriter } from './server-writer.ts';
import { openServer } from './server-database.ts';
import { open, openToRead } from './sqlite.ts';
import type { Database } from './sqlite.ts';
import { SqliteWriter } from './sqlite-writer.ts';
import type { DurableWriter } from './writer.ts';

/** Opens the database, and makes its tables when they are missing. `db.destroy()` closes it. */
export async function openDatabase(place: DatabasePlace): Promise<Database> {
  if (place.dialect === 'sqlite') return open(place.file, { synchronous: place.synchronous });
  const db = await openServer(place);
  try {
    await migrate(db);
    return db;
  } catch (error) {
    await db.destroy();
    throw unusable(place, error);
  }
}

/** Opens a database that has our tables, for reading. */
export async function openDatabaseToRead(place: DatabasePlace): Promise<Database> {
  if (place.dialect === 'sqlite') return openToRead(place.file);
  const db = await openServerIfOurs(place);
  if (db !== undefined) return db;
  throw new TandemError('DATABASE', `the database ${placeName(place)} has no tables of ours`, {
    hint: 'start the exchange once, which makes them',
  });
}

/** The same; undefined when there is no such database yet, or none of our tables in it. */
export async function openDatabaseIfThere(place: DatabasePlace): Promise<Database | undefined> {
  if (place.dialect === 'sqlite') return existsSync(place.file) ? openToRead(place.file) : undefined;
  return openServerIfOurs(place);
}

async function openServerIfOurs(place: ServerPlace): Promise<Database | undefined> {
  const db = await openServer(place);
  try {
    if (await hasOurTables(db)) return db;
    await db.destroy();
    return undefined;
  } catch (error) {
    await db.destroy();
    throw unusable(place, error);
  }
}

/** The one way to write to it while the exchange runs; it must have been opened once before. */
export function openWriter(place: DatabasePlace, options: BatchWriterOptions): DurableWriter {
  return place.dialect === 'sqlite'
    ? new SqliteWriter({ ...options, file: place.file, synchronous: place.synchronous })
    : new ServerWriter({ ...options, dialect: place.dialect, url: place.url });
}

function unusable(place: DatabasePlace, error: unknown): TandemError {
  if (error instanceof TandemError) return error;
  return new TandemError('DATABASE', `the database ${placeName(place)} cannot be used: ${textOf(error)}`, {
    cause: error,
    hint: 'check that the server runs, the user may log in and make tables, and no newer release was here',
  });
}
