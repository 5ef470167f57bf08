/** Whose tables a database has: ours, nobody's, or those of another program that calls some of them as we do. */
import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import { DEFAULT_MIGRATION_TABLE } from 'kysely/migration';
import { TandemError } from '../base/errors.ts';
import { watchedTables } from './change-triggers.ts';
import { dialectOf } from './dialect.ts';
import type { Schema } from './schema.ts';

/** Tables that OpenSIPS has too, with other columns. */
const SHARED: ReadonlySet<string> = new Set(['location', ...Object.keys(watchedTables)]);

/** Whether our tables are there. */
export async function hasOurTables(db: Kysely<Schema>): Promise<boolean> {
  return (await tablesIn(db)).has(DEFAULT_MIGRATION_TABLE);
}

/**
 * Throws DATABASE when tables of our names are there that we did not make: an OpenSIPS database would be spoilt, and
 * would not do.
 */
export async function refuseForeignTables(db: Kysely<Schema>): Promise<void> {
  const tables = await tablesIn(db);
  if (tables.has(DEFAULT_MIGRATION_TABLE)) return;
  const theirs = [...tables].filter((name) => SHARED.has(name)).sort();
  if (theirs.length === 0) return;
  throw new TandemError('DATABASE', `this database has tables of another program: ${theirs.join(', ')}`, {
    hint:
      'name an empty database in [data]; what an OpenSIPS one has is taken over with\n' +
      'tandem import opensips --from mysql://opensips@db.example.com/opensips --dry-run',
  });
}

/** Without views, and without those of other schemas. */
async function tablesIn(db: Kysely<Schema>): Promise<ReadonlySet<string>> {
  const all = await db.introspection.getTables({ withInternalKyselyTables: true });
  const here = dialectOf(db) === 'postgres' ? await currentSchema(db) : undefined;
  const ours = all.filter(({ isView, schema }) => !isView && (here === undefined || schema === here));
  return new Set(ours.map(({ name }) => name));
}

async function currentSchema(db: Kysely<Schema>): Promise<string | undefined> {
  const { rows } = await sql<{ schema: string }>`select current_schema() as schema`.execute(db);
  return rows[0]?.schema;
}
