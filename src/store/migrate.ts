/** Brings tables up to date, once, however many nodes start at the same moment. */
import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import { dialectOf } from './dialect.ts';
import { migrationProvider } from './migrations.ts';
import { textOf } from './order.ts';
import { refuseForeignTables } from './ownership.ts';
import type { Schema } from './schema.ts';

/** A migration, and when it was done; null when it is not. */
export interface MigrationState {
  readonly name: string;
  readonly doneAt: Date | null;
}

/** Runs what is missing; throws the reason when that fails, and when a newer release or another program was here. */
export async function migrate(db: Kysely<Schema>): Promise<void> {
  await refuseForeignTables(db);
  // Servers have locks of their own, which kysely takes; an SQLite file is locked by its transaction.
  const inFile = dialectOf(db) === 'sqlite';
  if (inFile) await sql`begin immediate`.execute(db);
  const { error } = await new Migrator({ db, provider: migrationProvider }).migrateToLatest();
  if (inFile) await (error === undefined ? sql`commit` : sql`rollback`).execute(db);
  if (error !== undefined) throw error instanceof Error ? error : new Error(textOf(error));
}

/** Every migration in order, without changing anything. */
export async function migrationStates(db: Kysely<Schema>): Promise<readonly MigrationState[]> {
  const migrations = await new Migrator({ db, provider: migrationProvider }).getMigrations();
  return migrations.map(({ name, executedAt }) => ({ name, doneAt: executedAt ?? null }));
}
