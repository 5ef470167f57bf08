/** The tables of what users set for themselves: see schema-services.ts. */
import { MILLIS } from './ddl.ts';
import type { Ddl } from './ddl.ts';

/** Makes them all. */
export async function services(ddl: Ddl): Promise<void> {
  await addForwarding(ddl);
  await addRingGroups(ddl);
  await ddl
    .numbered('number')
    .addColumn('number', 'varchar(64)', (c) => c.notNull())
    .addColumn('target', 'varchar(255)')
    .addColumn('domain', 'varchar(64)', (c) => c.notNull())
    .addColumn('carrier', 'varchar(64)')
    .addColumn('description', 'varchar(128)', (c) => c.notNull().defaultTo(''))
    .addColumn('state', 'varchar(16)', (c) => c.notNull().defaultTo('active'))
    .addColumn('last_modified', MILLIS, (c) => c.notNull())
    .addUniqueConstraint('number_number', ['number'])
    .execute();
}

async function addForwarding(ddl: Ddl): Promise<void> {
  await ddl
    .numbered('forwarding')
    .addColumn('username', 'varchar(64)', (c) => c.notNull())
    .addColumn('domain', 'varchar(64)', (c) => c.notNull())
    .addColumn('kind', 'varchar(16)', (c) => c.notNull())
    .addColumn('target', 'varchar(255)', (c) => c.notNull())
    .addColumn('ring_ms', MILLIS)
    .addColumn('schedule', 'varchar(64)')
    .addColumn('enabled', 'integer', (c) => c.notNull().defaultTo(1))
    .addColumn('last_modified', MILLIS, (c) => c.notNull())
    .addUniqueConstraint('forwarding_kind', ['username', 'domain', 'kind'])
    .execute();
  await ddl
    .numbered('schedule')
    .addColumn('domain', 'varchar(64)', (c) => c.notNull())
    .addColumn('name', 'varchar(64)', (c) => c.notNull())
    .addColumn('timezone', 'varchar(64)', (c) => c.notNull())
    .addColumn('periods', 'text', (c) => c.notNull())
    .addColumn('last_modified', MILLIS, (c) => c.notNull())
    .addUniqueConstraint('schedule_name', ['domain', 'name'])
    .execute();
}

async function addRingGroups(ddl: Ddl): Promise<void> {
  await ddl
    .numbered('ring_group')
    .addColumn('username', 'varchar(64)', (c) => c.notNull())
    .addColumn('domain', 'varchar(64)', (c) => c.notNull())
    .addColumn('description', 'varchar(128)', (c) => c.notNull().defaultTo(''))
    .addColumn('strategy', 'varchar(16)', (c) => c.notNull().defaultTo('all'))
    .addColumn('ring_ms', MILLIS, (c) => c.notNull())
    .addColumn('fallback', 'varchar(255)')
    .addColumn('last_modified', MILLIS, (c) => c.notNull())
    .addUniqueConstraint('ring_group_name', ['username', 'domain'])
    .execute();
  await ddl
    .numbered('ring_group_member')
    .addColumn('username', 'varchar(64)', (c) => c.notNull())
    .addColumn('domain', 'varchar(64)', (c) => c.notNull())
    .addColumn('member', 'varchar(255)', (c) => c.notNull())
    .addColumn('position', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('ring_ms', MILLIS)
    .addUniqueConstraint('ring_group_member_name', ['username', 'domain', 'member'])
    .execute();
}
