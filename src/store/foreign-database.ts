/** The database of another program, read and never written: tables whose columns are known only when they are seen. */
import type { Kysely } from 'kysely';
import { TandemError } from '../base/errors.ts';
import { isServerUrl, placeName, serverPlace } from './database-place.ts';
import { textOf } from './order.ts';
import { readRows } from './read-rows.ts';
import { openServer } from './server-database.ts';
import { openToRead } from './sqlite.ts';

/** A row of a table that is not ours. */
export type ForeignRow = Readonly<Record<string, unknown>>;

/** Its tables, to read. */
export interface ForeignDatabase {
  readonly tables: ReadonlySet<string>;
  /** The rows of one, in parts. */
  rows(table: string): AsyncIterable<readonly ForeignRow[]>;
  close(): Promise<void>;
}

type ForeignTables = Record<string, ForeignRow>;

/** Opens `postgres://…`, `mysql://…`, or an SQLite file. Rejects with DATABASE or NOT_FOUND. */
export async function openForeign(from: string, password = ''): Promise<ForeignDatabase> {
  const isServer = isServerUrl(from);
  const place = isServer ? serverPlace(from, password) : undefined;
  const name = place === undefined ? from.replace(/^sqlite:(\/\/)?/, '') : placeName(place);
  const opened = place === undefined ? openToRead(name) : await openServer(place);
  // The same connection; only what is known of its tables differs.
  const db = opened as unknown as Kysely<ForeignTables>;
  try {
    const tables = new Set((await db.introspection.getTables()).map((table) => table.name));
    return {
      tables,
      rows: (table) => readRows(db, db.selectFrom(table).selectAll()),
      close: () => db.destroy(),
    };
  } catch (error) {
    await db.destroy();
    throw new TandemError('DATABASE', `the database ${name} cannot be read: ${textOf(error)}`, {
      cause: error,
      hint: 'check that the server runs and that this user may read its tables',
    });
  }
}
