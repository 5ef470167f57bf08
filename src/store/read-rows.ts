/** Reading many rows in parts, so that neither side holds them all: what a start does. */
import { sql } from 'kysely';
import type { Kysely, SelectQueryBuilder } from 'kysely';
import { dialectOf } from './dialect.ts';

/** Rows of one part. */
export const PART_ROWS = 2_000;

/** The rows of a query, part by part. */
export async function* readRows<Tables, Table extends keyof Tables, Row>(
  db: Kysely<Tables>,
  query: SelectQueryBuilder<Tables, Table, Row>,
): AsyncGenerator<readonly Row[]> {
  if (dialectOf(db) === 'postgres') return yield* fetchRows(db, query);
  let part: Row[] = [];
  for await (const row of query.stream(PART_ROWS)) {
    part.push(row);
    if (part.length < PART_ROWS) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}

/** PostgreSQL answers all rows at once unless it is asked by a cursor. */
async function* fetchRows<Tables, Table extends keyof Tables, Row>(
  db: Kysely<Tables>,
  query: SelectQueryBuilder<Tables, Table, Row>,
): AsyncGenerator<readonly Row[]> {
  const transaction = await db.startTransaction().setAccessMode('read only').execute();
  try {
    await sql`declare part_cursor no scroll cursor for ${query}`.execute(transaction);
    for (;;) {
      const { rows } = await sql<Row>`fetch ${sql.lit(PART_ROWS)} from part_cursor`.execute(transaction);
      if (rows.length > 0) yield rows;
      if (rows.length < PART_ROWS) break;
    }
  } finally {
    await transaction.rollback().execute();
  }
}
