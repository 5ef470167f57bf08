/**
 * The tables' history, forward only: a migration that was released is never edited, the next one is added below it.
 * Each may be begun again after it was cut short: MariaDB commits every command by itself.
 */
import { sql } from 'kysely';
import type { Migration, MigrationProvider } from 'kysely/migration';
import { addChangeTriggers, renewChangeTriggers } from './change-triggers.ts';
import { Ddl, MILLIS } from './ddl.ts';
import { provisioning } from './migrations-provisioning.ts';
import { services } from './migrations-services.ts';

/** One step, on any of the databases. */
export type Step = (ddl: Ddl) => Promise<void>;

const subscribers: Step = async (ddl) => {
  await ddl
    .table('subscriber')
    .addColumn('id', ddl.id, (c) => c.primaryKey())
    .addColumn('username', 'varchar(64)', (c) => c.notNull())
    .addColumn('domain', 'varchar(64)', (c) => c.notNull())
    .addColumn('ha1', 'varchar(64)', (c) => c.notNull())
    .addColumn('ha1_sha256', 'varchar(64)', (c) => c.notNull().defaultTo(''))
    .addColumn('email_address', 'varchar(128)')
    .addColumn('created_at', MILLIS, (c) => c.notNull())
    .addUniqueConstraint('subscriber_account', ['username', 'domain'])
    .execute();
};

const location: Step = async (ddl) => {
  await ddl
    .table('location')
    .addColumn('username', 'varchar(64)', (c) => c.notNull())
    .addColumn('domain', 'varchar(64)', (c) => c.notNull())
    .addColumn('contact', 'varchar(512)', (c) => c.notNull())
    .addColumn('received', 'varchar(255)')
    .addColumn('path', 'text')
    .addColumn('expires', MILLIS, (c) => c.notNull())
    .addColumn('q', 'double precision', (c) => c.notNull().defaultTo(1))
    .addColumn('callid', 'varchar(255)', (c) => c.notNull())
    .addColumn('cseq', ddl.dialect === 'sqlite' ? 'integer' : 'bigint', (c) => c.notNull())
    .addColumn('last_modified', MILLIS, (c) => c.notNull())
    .addColumn('flags', 'integer')
    .addColumn('user_agent', 'varchar(255)', (c) => c.notNull().defaultTo(''))
    .addColumn('socket', 'varchar(64)')
    .addColumn('sip_instance', 'varchar(255)')
    .addColumn('reg_id', ddl.id)
    .addPrimaryKeyConstraint('location_binding', ['username', 'domain', 'contact'])
    .execute();
};

const calls: Step = async (ddl) => {
  await ddl
    .table('calls')
    .addColumn('id', ddl.id, (c) => c.primaryKey())
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
  await ddl.index('calls_call_id', 'calls', ['call_id']);
  await ddl.index('calls_started_at', 'calls', ['started_at']);
  // Calls that are still going on are few among millions: a restart finds them without a scan.
  if (ddl.dialect === 'mysql') return ddl.index('calls_going_on', 'calls', ['state', 'id']);
  const ongoing = ddl.db.schema.createIndex('calls_going_on').ifNotExists().on('calls').column('id');
  await ongoing.where(sql.ref('state'), '<>', 'ended').execute();
};

const secrets: Step = async (ddl) => {
  await ddl
    .table('secret')
    .addColumn('name', 'varchar(64)', (c) => c.primaryKey())
    .addColumn('value', 'varchar(255)', (c) => c.notNull())
    .execute();
};

const bindingDetails: Step = (ddl) =>
  ddl.columns('location', [
    ['params', 'text'],
    ['methods', 'integer'],
    ['attr', 'varchar(255)'],
    ['pn_provider', 'varchar(64)'],
    ['pn_param', 'varchar(255)'],
    ['pn_prid', 'varchar(512)'],
  ]);

const writerBatches: Step = async (ddl) => {
  await ddl
    .table('writer_batch')
    .addColumn('writer', 'varchar(36)', (c) => c.primaryKey())
    .addColumn('batch', MILLIS, (c) => c.notNull())
    .addColumn('written_at', MILLIS, (c) => c.notNull())
    .execute();
};

const nodes: Step = async (ddl) => {
  await ddl
    .table('node')
    .addColumn('id', 'integer', (c) => c.primaryKey())
    .addColumn('name', 'varchar(64)', (c) => c.notNull())
    .addColumn('started_at', MILLIS, (c) => c.notNull())
    .addUniqueConstraint('node_name', ['name'])
    .execute();
};

const ringDelays: Step = (ddl) => ddl.columns('ring_group_member', [['delay_ms', MILLIS]]);

/** Every migration, by the name it is remembered under, in order. */
export const steps: Readonly<Record<string, Step>> = {
  '001-subscriber': subscribers,
  '002-location': location,
  '003-calls': calls,
  '004-secret': secrets,
  '005-binding-details': bindingDetails,
  '006-provisioning': provisioning,
  '007-services': services,
  '008-writer-batch': writerBatches,
  '009-changes': addChangeTriggers,
  '010-node': nodes,
  '011-ring-delays': ringDelays,
  '012-address-changes': (ddl) => renewChangeTriggers(ddl, 'address'),
};

/** Hands the list to kysely's Migrator. */
export const migrationProvider: MigrationProvider = {
  getMigrations: async () =>
    Object.fromEntries(
      Object.entries(steps).map(([name, step]): [string, Migration] => [
        name,
        { up: async (db) => step(await Ddl.of(db)) },
      ]),
    ),
};
