/** One door to the database, whichever it is: opened and brought up to date, read, and written to. */
import { TandemError } from '../base/errors.ts';
import { placeName } from './database-place.ts';
import type { DatabasePlace } from './database-place.ts';
import type { BatchWriterOptions } from './batch-writer.ts';
import { migrate } from './migrate.ts';
import { textOf } from './order.ts';
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
  const db = await openServer(place);
  try {
    await db.selectFrom('secret').select('name').limit(1).execute();
    return db;
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
  return new TandemError('DATABASE', `the database ${placeName(place)} cannot be used: ${textOf(error)}`, {
    cause: error,
    hint: 'check that the server runs, the user may log in and make tables, and no newer release was here',
  });
}
