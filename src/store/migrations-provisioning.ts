/** OpenSIPS's tables of what operators provision, with its names and columns; times are milliseconds. */
import { MILLIS } from './ddl.ts';
import type { Ddl } from './ddl.ts';

/** Makes them all. */
export async function provisioning(ddl: Ddl): Promise<void> {
  await addDomains(ddl);
  await addUsers(ddl);
  await addLists(ddl);
}

async function addDomains(ddl: Ddl): Promise<void> {
  await ddl
    .numbered('domain')
    .addColumn('domain', 'varchar(64)', (c) => c.notNull())
    .addColumn('attrs', 'varchar(255)')
    .addColumn('accept_subdomain', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('last_modified', MILLIS, (c) => c.notNull())
    .addUniqueConstraint('domain_name', ['domain'])
    .execute();
  await ddl
    .numbered('dbaliases')
    .addColumn('alias_username', 'varchar(64)', (c) => c.notNull())
    .addColumn('alias_domain', 'varchar(64)', (c) => c.notNull())
    .addColumn('username', 'varchar(64)', (c) => c.notNull())
    .addColumn('domain', 'varchar(64)', (c) => c.notNull())
    .addUniqueConstraint('dbaliases_alias', ['alias_username', 'alias_domain'])
    .execute();
  await ddl.index('dbaliases_target', 'dbaliases', ['username', 'domain']);
  await ddl
    .numbered('address')
    .addColumn('grp', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('ip', 'varchar(50)', (c) => c.notNull())
    .addColumn('mask', 'integer', (c) => c.notNull().defaultTo(32))
    .addColumn('port', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('proto', 'varchar(4)', (c) => c.notNull().defaultTo('any'))
    .addColumn('pattern', 'varchar(64)')
    .addColumn('context_info', 'varchar(64)')
    .execute();
}

async function addUsers(ddl: Ddl): Promise<void> {
  await ddl
    .numbered('grp')
    .addColumn('username', 'varchar(64)', (c) => c.notNull())
    .addColumn('domain', 'varchar(64)', (c) => c.notNull())
    .addColumn('grp', 'varchar(64)', (c) => c.notNull())
    .addColumn('last_modified', MILLIS, (c) => c.notNull())
    .addUniqueConstraint('grp_member', ['username', 'domain', 'grp'])
    .execute();
  await ddl
    .numbered('usr_preferences')
    .addColumn('uuid', 'varchar(64)', (c) => c.notNull().defaultTo(''))
    .addColumn('username', 'varchar(64)', (c) => c.notNull().defaultTo(''))
    .addColumn('domain', 'varchar(64)', (c) => c.notNull().defaultTo(''))
    .addColumn('attribute', 'varchar(32)', (c) => c.notNull())
    .addColumn('type', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('value', 'varchar(255)', (c) => c.notNull().defaultTo(''))
    .addColumn('last_modified', MILLIS, (c) => c.notNull())
    .execute();
  await ddl.index('usr_preferences_of', 'usr_preferences', ['username', 'domain', 'attribute']);
  await ddl
    .numbered('speed_dial')
    .addColumn('username', 'varchar(64)', (c) => c.notNull())
    .addColumn('domain', 'varchar(64)', (c) => c.notNull())
    .addColumn('sd_username', 'varchar(64)', (c) => c.notNull())
    .addColumn('sd_domain', 'varchar(64)', (c) => c.notNull())
    .addColumn('new_uri', 'varchar(255)', (c) => c.notNull())
    .addColumn('fname', 'varchar(64)', (c) => c.notNull().defaultTo(''))
    .addColumn('lname', 'varchar(64)', (c) => c.notNull().defaultTo(''))
    .addColumn('description', 'varchar(64)', (c) => c.notNull().defaultTo(''))
    .addUniqueConstraint('speed_dial_number', ['username', 'domain', 'sd_domain', 'sd_username'])
    .execute();
}

async function addLists(ddl: Ddl): Promise<void> {
  await ddl
    .numbered('userblacklist')
    .addColumn('username', 'varchar(64)', (c) => c.notNull())
    .addColumn('domain', 'varchar(64)', (c) => c.notNull())
    .addColumn('prefix', 'varchar(64)', (c) => c.notNull())
    .addColumn('whitelist', 'integer', (c) => c.notNull().defaultTo(0))
    .addUniqueConstraint('userblacklist_prefix', ['username', 'domain', 'prefix'])
    .execute();
  await ddl
    .numbered('globalblacklist')
    .addColumn('prefix', 'varchar(64)', (c) => c.notNull())
    .addColumn('whitelist', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('description', 'varchar(255)')
    .addUniqueConstraint('globalblacklist_prefix', ['prefix'])
    .execute();
}
