/**
 * Triggers that note in the table `changes` which row of which table was changed, by whomever: another node, another
 * program, or a person with a client. `changes.ts` reads it.
 */
import { MILLIS } from './ddl.ts';
import type { Ddl } from './ddl.ts';

/** The tables whose changes are noted, with the columns that name a row. */
export const watchedTables = {
  subscriber: ['username', 'domain'],
  domain: ['domain'],
  dbaliases: ['alias_username', 'alias_domain'],
  address: ['grp', 'ip', 'mask', 'port', 'proto'],
  grp: ['username', 'domain', 'grp'],
  usr_preferences: ['username', 'domain', 'attribute'],
  speed_dial: ['username', 'domain', 'sd_domain', 'sd_username'],
  userblacklist: ['username', 'domain', 'prefix'],
  globalblacklist: ['prefix'],
  forwarding: ['username', 'domain', 'kind'],
  schedule: ['domain', 'name'],
  ring_group: ['username', 'domain'],
  ring_group_member: ['username', 'domain', 'member'],
  number: ['number'],
} as const satisfies Record<string, readonly string[]>;

/** The name of one of them. */
export type WatchedTable = keyof typeof watchedTables;

/** PostgreSQL says so on this channel too, so that nobody has to wait for the next look. */
export const CHANGES_CHANNEL = 'tandem_changes';

/** Notices are removed a day after they were written. */
export const KEPT_MS = 86_400_000;

const EVENTS = ['insert', 'update', 'delete'] as const;
type Event = (typeof EVENTS)[number];

/** The migration that adds the table and the triggers. */
export async function addChangeTriggers(ddl: Ddl): Promise<void> {
  await ddl
    .numbered('changes')
    .addColumn('table_name', 'varchar(64)', (c) => c.notNull())
    .addColumn('row_key', 'varchar(512)', (c) => c.notNull())
    .addColumn('changed_at', MILLIS, (c) => c.notNull())
    .execute();
  await ddl.index('changes_changed_at', 'changes', ['changed_at']);
  for (const [table, key] of Object.entries(watchedTables)) await addTriggers(ddl, table, key);
}

/** The migration for a table whose rows are named by other columns than before. */
export function renewChangeTriggers(ddl: Ddl, table: WatchedTable): Promise<void> {
  return addTriggers(ddl, table, watchedTables[table]);
}

async function addTriggers(ddl: Ddl, table: string, key: readonly string[]): Promise<void> {
  if (ddl.dialect === 'postgres') return addPostgresTrigger(ddl, table, key);
  for (const event of EVENTS) {
    const name = `${table}_noted_${event}`;
    await ddl.command(`drop trigger if exists ${name}`);
    await ddl.command(
      ddl.dialect === 'sqlite' ? inSqlite(name, event, table, key) : inMariadb(name, event, table, key),
    );
  }
}

/** An update that renames a row is a change of both names. */
function recordsOf(event: Event): readonly string[] {
  return { insert: ['new'], update: ['old', 'new'], delete: ['old'] }[event];
}

function inSqlite(name: string, event: Event, table: string, key: readonly string[]): string {
  const notes = recordsOf(event).map((record) => {
    const rowKey = key.map((column) => `${record}.${column}`).join(` || char(9) || `);
    // The key is written once when it stayed the same.
    const when = event === 'update' && record === 'old' ? `where ${differs(key, 'is not')}` : '';
    return `insert into changes (table_name, row_key, changed_at)
      select '${table}', ${rowKey}, cast(unixepoch('subsec') * 1000 as integer) ${when};`;
  });
  return `create trigger ${name} after ${event} on ${table} begin ${notes.join('\n')} end`;
}

function inMariadb(name: string, event: Event, table: string, key: readonly string[]): string {
  const notes = recordsOf(event).map((record) => {
    const rowKey = `concat_ws(char(9), ${key.map((column) => `${record}.${column}`).join(', ')})`;
    const when = event === 'update' && record === 'old' ? `from dual where ${differs(key, '<>')}` : '';
    return `insert into changes (table_name, row_key, changed_at)
      select '${table}', ${rowKey}, cast(unix_timestamp(now(3)) * 1000 as signed) ${when};`;
  });
  return `create trigger ${name} after ${event} on ${table} for each row begin ${notes.join('\n')} end`;
}

function differs(key: readonly string[], operator: string): string {
  return key.map((column) => `old.${column} ${operator} new.${column}`).join(' or ');
}

async function addPostgresTrigger(ddl: Ddl, table: string, key: readonly string[]): Promise<void> {
  const keyOf = (record: string): string =>
    `concat_ws(chr(9), ${key.map((column) => `${record}.${column}`).join(', ')})`;
  const note = (record: string): string => `insert into changes (table_name, row_key, changed_at)
      values ('${table}', ${keyOf(record)}, (extract(epoch from clock_timestamp()) * 1000)::bigint);`;
  await ddl.command(`create or replace function ${table}_noted() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' or (tg_op = 'UPDATE' and ${keyOf('old')} <> ${keyOf('new')}) then ${note('old')} end if;
      if tg_op <> 'DELETE' then ${note('new')} end if;
      perform pg_notify('${CHANGES_CHANNEL}', '${table}');
      return null;
    end $$`);
  await ddl.command(`drop trigger if exists ${table}_noted on ${table}`);
  await ddl.command(`create trigger ${table}_noted after insert or update or delete on ${table}
    for each row execute function ${table}_noted()`);
}
