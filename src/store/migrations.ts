/**
 * The tables' history, forward only: a migration that was released is never edited, the next one is added
 * below it. Written with kysely's schema builder, so that other databases can run the same list.
 */
import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { Migration, MigrationProvider } from 'kysely/migration';
import type { Schema } from './schema.ts';

/** What SQLite calls an integer holds 64 bits; a bigint elsewhere. */
const MILLIS = 'bigint';

const subscribers: Migration = {
  async up(db: Kysely<Schema>): Promise<void> {
    await db.schema
      .createTable('subscriber')
      .addColumn('id', 'integer', (c) => c.primaryKey())
      .addColumn('username', 'varchar(64)', (c) => c.notNull())
      .addColumn('domain', 'varchar(64)', (c) => c.notNull())
      .addColumn('ha1', 'varchar(64)', (c) => c.notNull())
      .addColumn('ha1_sha256', 'varchar(64)', (c) => c.notNull().defaultTo(''))
      .addColumn('email_address', 'varchar(128)')
      .addColumn('created_at', MILLIS, (c) => c.notNull())
      .addUniqueConstraint('subscriber_account', ['username', 'domain'])
      .execute();
  },
};

const location: Migration = {
  async up(db: Kysely<Schema>): Promise<void> {
    await db.schema
      .createTable('location')
      .addColumn('username', 'varchar(64)', (c) => c.notNull())
      .addColumn('domain', 'varchar(64)', (c) => c.notNull())
      .addColumn('contact', 'varchar(512)', (c) => c.notNull())
      .addColumn('received', 'varchar(255)')
      .addColumn('path', 'text')
      .addColumn('expires', MILLIS, (c) => c.notNull())
      .addColumn('q', 'double precision', (c) => c.notNull().defaultTo(1))
      .addColumn('callid', 'varchar(255)', (c) => c.notNull())
      .addColumn('cseq', 'integer', (c) => c.notNull())
      .addColumn('last_modified', MILLIS, (c) => c.notNull())
      .addColumn('flags', 'integer')
      .addColumn('user_agent', 'varchar(255)', (c) => c.notNull().defaultTo(''))
      .addColumn('socket', 'varchar(64)')
      .addColumn('sip_instance', 'varchar(255)')
      .addColumn('reg_id', 'integer')
      .addPrimaryKeyConstraint('location_binding', ['username', 'domain', 'contact'])
      .execute();
  },
};

const calls: Migration = {
  async up(db: Kysely<Schema>): Promise<void> {
    await db.schema
      .createTable('calls')
      .addColumn('id', 'integer', (c) => c.primaryKey())
      .addColumn('call_id', 'varchar(255)', (c) => c.notNull())
      .addColumn('from_tag', 'varchar(128)', (c) => c.notNull())
      .addColumn('caller', 'varchar(255)', (c) => c.notNull())
      .addColumn('callee', 'varchar(255)', (c) => c.notNull())
      .addColumn('from_uri', 'varchar(255)', (c) => c.notNull())
      .addColumn('to_uri', 'varchar(255)')
      .addColumn('source', 'varchar(64)', (c) => c.notNull())
      .addColumn('started_at', MILLIS, (c) => c.notNull())
      .addColumn('setup_ms', MILLIS)
      .addColumn('answered_at', MILLIS)
      .addColumn('ended_at', MILLIS)
      .addColumn('duration_ms', MILLIS)
      .addColumn('status', 'integer')
      .addColumn('ended_by', 'varchar(8)')
      .addColumn('state', 'varchar(8)', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('calls_call_id').on('calls').column('call_id').execute();
    await db.schema.createIndex('calls_started_at').on('calls').column('started_at').execute();
    // Calls that are still going on are few among millions: a restart finds them without a scan.
    await db.schema
      .createIndex('calls_going_on')
      .on('calls')
      .column('id')
      .where(sql.ref('state'), '<>', 'ended')
      .execute();
  },
};

const secrets: Migration = {
  async up(db: Kysely<Schema>): Promise<void> {
    await db.schema
      .createTable('secret')
      .addColumn('name', 'varchar(64)', (c) => c.primaryKey())
      .addColumn('value', 'varchar(255)', (c) => c.notNull())
      .execute();
  },
};

/** Every migration, by the name it is remembered under, in order. */
export const migrations: Readonly<Record<string, Migration>> = {
  '001-subscriber': subscribers,
  '002-location': location,
  '003-calls': calls,
  '004-secret': secrets,
};

/** Hands the list to kysely's Migrator. */
export const migrationProvider: MigrationProvider = { getMigrations: async () => ({ ...migrations }) };
