/** OpenSIPS's tables → rows of ours, column by column. Older layouts lack columns: then our defaults hold. */
import { SipError, TandemError } from '../base/errors.ts';
import { digestHa1 } from '../sip/digest.ts';
import { parseUri } from '../sip/uri.ts';
import type { ForeignRow } from '../store/foreign-database.ts';
import type { StatementName } from '../store/statements.ts';
import type { Value } from '../store/writer.ts';
import { accountProblem } from '../subscriber/account-name.ts';
import { anyKinds } from './provisioned-kinds.ts';

/** What an import is told beside the rows. */
export interface ImportContext {
  /** For rows without a domain, as OpenSIPS writes them with `use_domain` off. */
  readonly domain: string;
  readonly nowWall: number;
}

/** A row of ours by column, or why there is none. */
export type Mapped = Readonly<Record<string, Value>> | { readonly leftOut: string };

/** How one table is taken over. */
export interface TableImport {
  readonly table: string;
  readonly statement: StatementName;
  /** In the order of the statement's values. */
  readonly columns: readonly string[];
  /** What names a row; a row of the same name is changed. */
  readonly key: readonly string[];
  /** What is no difference. */
  readonly ignored: readonly string[];
  readonly map: (row: ForeignRow, context: ImportContext) => Mapped;
}

const LOCATION =
  'username domain contact received path expires q callid cseq last_modified flags user_agent socket ' +
  'sip_instance reg_id';
const MODIFIED = ['last_modified'];

/** Every table that has a home here. */
export const tableImports: readonly TableImport[] = [
  {
    table: 'subscriber',
    statement: 'upsertSubscriber',
    columns: ['id', 'username', 'domain', 'ha1', 'ha1_sha256', 'email_address', 'created_at'],
    key: ['username', 'domain'],
    ignored: ['id', 'email_address', 'created_at'],
    map: subscriber,
  },
  {
    table: 'location',
    statement: 'saveBinding',
    columns: LOCATION.split(' '),
    key: ['username', 'domain', 'contact'],
    ignored: MODIFIED,
    map: location,
  },
  plain('domain', 'upsertDomain', ['domain', 'attrs', 'accept_subdomain', 'last_modified'], ['domain']),
  plain(
    'dbaliases',
    'upsertAlias',
    ['alias_username', 'alias_domain', 'username', 'domain'],
    ['alias_username', 'alias_domain'],
  ),
  plain('address', 'insertAddress', ['grp', 'ip', 'mask', 'port', 'proto', 'pattern', 'context_info']),
  plain(
    'grp',
    'upsertGroupMembership',
    ['username', 'domain', 'grp', 'last_modified'],
    ['username', 'domain', 'grp'],
  ),
  plain(
    'usr_preferences',
    'insertPreference',
    'uuid username domain attribute type value last_modified'.split(' '),
  ),
  plain(
    'speed_dial',
    'upsertSpeedDial',
    ['username', 'domain', 'sd_username', 'sd_domain', 'new_uri', 'fname', 'lname', 'description'],
    ['username', 'domain', 'sd_domain', 'sd_username'],
  ),
  plain(
    'userblacklist',
    'upsertUserBlock',
    ['username', 'domain', 'prefix', 'whitelist'],
    ['username', 'domain', 'prefix'],
  ),
  plain('globalblacklist', 'upsertGlobalBlock', ['prefix', 'whitelist', 'description'], ['prefix']),
];

/** Tables with rows that have no home here, and where what they say belongs. */
export const tablesLeftOut: Readonly<Record<string, string>> = {
  dispatcher: 'destinations belong into the pools of a routing script',
  load_balancer: 'destinations belong into the pools of a routing script',
  dialplan: 'number rules belong into a routing script',
  dr_gateways: 'gateways belong into a routing script',
  dr_carriers: 'carriers belong into a routing script',
  dr_rules: 'prefixes belong into a routing script',
  dr_groups: 'groups of callers belong into a routing script',
  dr_partitions: 'partitions belong into a routing script',
  acc: 'records of past calls stay where they are',
  missed_calls: 'records of past calls stay where they are',
  dialog: 'calls that go on stay with OpenSIPS until they end',
  silo: 'stored messages are not taken over',
  uri: 'who may use which URI is decided by a routing script',
  re_grp: 'groups by pattern are not taken over',
};

/** Columns of the same name and meaning. Without a key the whole row is its name: it is there, or it is added. */
function plain(
  table: string,
  statement: StatementName,
  columns: readonly string[],
  key: readonly string[] = columns.filter((column) => !MODIFIED.includes(column)),
): TableImport {
  const map = (row: ForeignRow, context: ImportContext): Mapped => {
    const mapped: Record<string, Value> = {};
    for (const column of columns) mapped[column] = plainValue(table, column, row[column], context);
    const empty = key.find((column) => KEYS.has(column) && mapped[column] === '');
    return empty === undefined ? (problemOf(table, mapped) ?? mapped) : { leftOut: noDomain(empty) };
  };
  return { table, statement, columns, key, ignored: MODIFIED, map };
}

/** What no command of ours would take is not taken from others either: it would reach scripts, and SIP. */
function problemOf(table: string, columns: Readonly<Record<string, Value>>): Mapped | undefined {
  const kind = anyKinds.find((one) => one.table === table);
  if (kind === undefined) return undefined;
  try {
    const row = kind.rowOf(columns);
    // Texts for people may be left out, and harm nobody.
    for (const [name, { optional, read }] of Object.entries(kind.fields))
      if (!optional) read(row[name], name);
    return undefined;
  } catch (error) {
    if (error instanceof TandemError) return { leftOut: error.message };
    throw error;
  }
}

/** Columns that make no sense empty. */
const KEYS = new Set(['domain', 'alias_domain', 'sd_domain']);
const NUMBERS: Readonly<Record<string, number>> = {
  accept_subdomain: 0,
  grp: 0,
  mask: 32,
  port: 0,
  type: 0,
  whitelist: 0,
};
const NULLS = new Set(['attrs', 'pattern', 'context_info']);

function plainValue(
  table: string,
  column: string,
  value: unknown,
  { domain, nowWall }: ImportContext,
): Value {
  if (column === 'last_modified') return millis(value) ?? nowWall;
  if (KEYS.has(column)) return text(value) === '' ? domain : text(value).toLowerCase();
  // `grp` is a number in one table and a name in the other, also when it has digits alone.
  if (column in NUMBERS && table !== 'grp') return number(value, NUMBERS[column] ?? 0);
  const written = text(value);
  // OpenSIPS's default: the preference of nobody, and so of the whole domain.
  if (table === 'usr_preferences' && column === 'username' && written === '0') return '';
  return written === '' && NULLS.has(column) ? null : written;
}

function subscriber(row: ForeignRow, context: ImportContext): Mapped {
  const username = text(row['username']);
  const domain = domainOf(row, context);
  if (username === '') return { leftOut: 'no username' };
  if (domain === '') return { leftOut: noDomain('domain') };
  const wrong = accountProblem(username, domain);
  if (wrong !== '') return { leftOut: wrong };
  const password = text(row['password']);
  const ha1 = text(row['ha1']).toLowerCase();
  const sha256 = text(row['ha1_sha256']).toLowerCase();
  if (ha1 === '' && password === '') return { leftOut: 'neither password nor ha1' };
  if (ha1 !== '' && !/^[0-9a-f]{32}$/.test(ha1)) return { leftOut: 'its ha1 is no MD5 in hex' };
  return {
    // Given when it is written.
    id: 0,
    username,
    domain,
    ha1: ha1 === '' ? digestHa1('MD5', username, domain, password) : ha1,
    ha1_sha256: sha256 === '' && password !== '' ? digestHa1('SHA-256', username, domain, password) : sha256,
    email_address: text(row['email_address']) === '' ? null : text(row['email_address']),
    created_at: context.nowWall,
  };
}

function location(row: ForeignRow, context: ImportContext): Mapped {
  const domain = domainOf(row, context);
  const expires = millis(row['expires']);
  if (domain === '') return { leftOut: noDomain('domain') };
  if (expires === undefined || expires === 0)
    return { leftOut: 'a permanent contact; write it into a script' };
  if (expires <= context.nowWall) return { leftOut: 'expired' };
  const [username, contact] = [text(row['username']), text(row['contact'])];
  const wrong = accountProblem(username, domain) || contactProblem(contact);
  if (wrong !== '') return { leftOut: wrong };
  const q = number(row['q'], 1);
  return {
    username,
    domain,
    contact,
    received: textOrNull(row['received']),
    path: textOrNull(row['path']),
    expires,
    // Minus one is OpenSIPS's word for none.
    q: q < 0 ? 1 : q,
    callid: text(row['callid']),
    cseq: number(row['cseq'], 1),
    last_modified: millis(row['last_modified']) ?? context.nowWall,
    flags: null,
    user_agent: text(row['user_agent']),
    socket: textOrNull(row['socket']),
    sip_instance: textOrNull(text(row['sip_instance']).replaceAll('"', '')),
    reg_id: null,
  };
}

function contactProblem(contact: string): string {
  try {
    parseUri(contact);
    return '';
  } catch (error) {
    if (error instanceof SipError) return error.message;
    throw error;
  }
}

function domainOf(row: ForeignRow, { domain }: ImportContext): string {
  return (text(row['domain']) || domain).toLowerCase();
}

function noDomain(column: string): string {
  return `no ${column}; give --domain`;
}

/** OpenSIPS pads nothing, but CHAR columns of PostgreSQL do. */
function text(value: unknown): string {
  if (typeof value === 'string') return value.trimEnd();
  if (Buffer.isBuffer(value)) return value.toString('utf8');
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : '';
}

function textOrNull(value: unknown): string | null {
  return text(value) === '' ? null : text(value);
}

function number(value: unknown, otherwise: number): number {
  const found = text(value) === '' ? Number.NaN : Number(text(value));
  return Number.isFinite(found) ? found : otherwise;
}

/** Seconds since 1970 in newer layouts, a date in older ones. */
function millis(value: unknown): number | undefined {
  if (value instanceof Date) return value.getTime();
  const written = text(value);
  if (written === '') return undefined;
  const seconds = Number(written);
  const found = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(`${written.replace(' ', 'T')}Z`);
  return Number.isNaN(found) ? undefined : found;
}
