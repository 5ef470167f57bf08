/** What belongs to a user: other names, groups, lists, short numbers, forwarding, preferences. */
import type { ForwardingKind } from '../store/schema-services.ts';
import {
  account,
  callTarget,
  field,
  label,
  oneOf,
  optional,
  owner,
  splitAccount,
  whole,
  words,
  yesOrNo,
} from './field.ts';
import { type Columns, type Kind, numberOrNull, text, textOrNull } from './kind.ts';

/** Another name of an account. */
export interface Alias {
  readonly alias: string;
  readonly user: string;
}

/** A user in a group. `*@example.com` stands for everybody in that domain. */
export interface Membership {
  readonly user: string;
  readonly group: string;
}

/** Calls from a user, or to him. */
export type ListDirection = 'out' | 'in';
/** Whether such calls are refused, or let through all the same. */
export type ListAction = 'block' | 'allow';

/** Who may not be called by a user, or may not call him. */
export interface ListEntry {
  readonly user: string;
  readonly direction: ListDirection;
  /** Digits, `alice@example.com`, `@example.com`, `anonymous`, or `*` for all. */
  readonly prefix: string;
  readonly action: ListAction;
}

/** The same for everybody. */
export interface GlobalEntry {
  readonly direction: ListDirection;
  readonly prefix: string;
  readonly action: ListAction;
  readonly description: string;
}

/** A short number of one user. */
export interface SpeedDial {
  readonly user: string;
  readonly code: string;
  readonly target: string;
  readonly name: string;
}

/** Where a user's calls go instead. */
export interface Forward {
  readonly user: string;
  readonly kind: ForwardingKind;
  readonly target: string;
  readonly ringMs: number | null;
  readonly schedule: string | null;
  readonly enabled: boolean;
}

/** A name and a value of a user, or of a whole domain. */
export interface Preference {
  readonly owner: string;
  readonly name: string;
  readonly value: string;
}

/** Nobody rings longer. */
export const RING_MS_MAX = 600_000;
/** Nobody rings shorter. */
export const RING_MS_MIN = 1_000;
/** The width of the column, less the mark of the direction. */
export const PREFIX_LENGTH_MAX = 61;

const INBOUND = 'in:';
const USER_COLUMNS = ['username', 'domain'];

/** `alice@example.com` in its two columns. */
export function userColumns(aor: string): { username: string; domain: string } {
  const { user, domain } = splitAccount(aor);
  return { username: user, domain };
}

/** And back. */
export function userIn(columns: Columns): string {
  return `${text(columns, 'username')}@${text(columns, 'domain').toLowerCase()}`;
}

/** How long somebody rings. */
export const ringMs = optional(whole('how long it rings, in milliseconds', RING_MS_MIN, RING_MS_MAX), null);

/** Other names of accounts. */
export const aliases: Kind<Alias> = {
  name: 'aliases',
  one: 'alias',
  about: 'other names of an account',
  table: 'dbaliases',
  fields: {
    alias: account('another name, such as sales@example.com'),
    user: account('the account, such as alice@example.com'),
  },
  keyFields: 1,
  ownerOf: ({ user }) => user,
  columnsOf: ({ alias, user }) => {
    const { username, domain } = userColumns(alias);
    return { alias_username: username, alias_domain: domain, ...userColumns(user) };
  },
  rowOf: (columns) => ({
    alias: `${text(columns, 'alias_username')}@${text(columns, 'alias_domain').toLowerCase()}`,
    user: userIn(columns),
  }),
  upsert: [{ statement: 'upsertAlias', columns: ['alias_username', 'alias_domain', ...USER_COLUMNS] }],
  remove: { statement: 'deleteAlias', columns: ['alias_username', 'alias_domain'] },
};

/** Who is in which group. */
export const groups: Kind<Membership> = {
  name: 'groups',
  one: 'membership',
  about: 'who is in which group: local, national, international, premium, or any other',
  table: 'grp',
  fields: {
    user: account('a user, or *@example.com for all of a domain'),
    group: label('a group', 64),
  },
  keyFields: 2,
  ownerOf: ({ user }) => user,
  columnsOf: ({ user, group }, now) => ({ ...userColumns(user), grp: group, last_modified: now }),
  rowOf: (columns) => ({ user: userIn(columns), group: text(columns, 'grp') }),
  upsert: [{ statement: 'upsertGroupMembership', columns: [...USER_COLUMNS, 'grp', 'last_modified'] }],
  remove: { statement: 'deleteGroupMembership', columns: [...USER_COLUMNS, 'grp'] },
};

const direction = oneOf<ListDirection>('calls from him, or to him', ['out', 'in']);
const action = optional(oneOf<ListAction>('what becomes of them', ['block', 'allow']), 'block' as const);
const prefix = field(
  `a prefix of ${PREFIX_LENGTH_MAX} characters at most: +4990, alice@example.com, @example.com, anonymous, * for all`,
  (given) => {
    const known = /^([+*#0-9]+|[\w+.*-]*@[a-zA-Z0-9.-]+|anonymous)$/.test(given);
    return known && given.length <= PREFIX_LENGTH_MAX ? given : undefined;
  },
);

function prefixColumns(entry: { direction: ListDirection; prefix: string; action: ListAction }): {
  prefix: string;
  whitelist: number;
} {
  const mark = entry.direction === 'in' ? INBOUND : '';
  return { prefix: mark + entry.prefix, whitelist: entry.action === 'allow' ? 1 : 0 };
}

function prefixIn(columns: Columns): { direction: ListDirection; prefix: string; action: ListAction } {
  const written = text(columns, 'prefix');
  const isInbound = written.startsWith(INBOUND);
  const stripped = isInbound ? written.slice(INBOUND.length) : written;
  return {
    direction: isInbound ? 'in' : 'out',
    // OpenSIPS writes the empty prefix for everything.
    prefix: stripped === '' ? '*' : stripped,
    action: Number(columns['whitelist'] ?? 0) === 1 ? 'allow' : 'block',
  };
}

/** Whom a user may not call, and who may not call him. */
export const lists: Kind<ListEntry> = {
  name: 'lists',
  one: 'entry',
  about: 'whom a user may not call, and who may not call him',
  table: 'userblacklist',
  fields: { user: account('whose list it is'), direction, prefix, action },
  keyFields: 3,
  ownerOf: ({ user }) => user,
  columnsOf: (entry) => ({ ...userColumns(entry.user), ...prefixColumns(entry) }),
  rowOf: (columns) => ({ user: userIn(columns), ...prefixIn(columns) }),
  upsert: [{ statement: 'upsertUserBlock', columns: [...USER_COLUMNS, 'prefix', 'whitelist'] }],
  remove: { statement: 'deleteUserBlock', columns: [...USER_COLUMNS, 'prefix'] },
};

/** The same for everybody. */
export const globalList: Kind<GlobalEntry> = {
  name: 'global-list',
  one: 'entry',
  about: 'whom nobody may call, and who may call nobody',
  table: 'globalblacklist',
  fields: { direction, prefix, action, description: optional(words('what it is for', 255), '') },
  keyFields: 2,
  ownerOf: () => '',
  columnsOf: (entry) => ({ ...prefixColumns(entry), description: entry.description }),
  rowOf: (columns) => ({ ...prefixIn(columns), description: text(columns, 'description') }),
  upsert: [{ statement: 'upsertGlobalBlock', columns: ['prefix', 'whitelist', 'description'] }],
  remove: { statement: 'deleteGlobalBlock', columns: ['prefix'] },
};

/** Short numbers. */
export const speedDials: Kind<SpeedDial> = {
  name: 'speed-dial',
  one: 'short number',
  about: 'short numbers of a user',
  table: 'speed_dial',
  fields: {
    user: account('whose short number it is'),
    code: field('what is dialled, such as *1 or 23', (given) =>
      /^[0-9*#]{1,16}(@[a-z0-9.-]{1,64})?$/.test(given) ? given : undefined,
    ),
    target: callTarget('who is meant'),
    name: optional(words('a name for it', 64), ''),
  },
  keyFields: 2,
  ownerOf: ({ user }) => user,
  columnsOf: ({ user, code, target, name }) => {
    const { username, domain } = userColumns(user);
    const [short = '', codeDomain = domain] = code.split('@');
    const of = { username, domain, sd_username: short, sd_domain: codeDomain };
    return { ...of, new_uri: target, fname: '', lname: '', description: name };
  },
  rowOf: (columns) => {
    const user = userIn(columns);
    const [short, codeDomain] = [text(columns, 'sd_username'), text(columns, 'sd_domain')];
    const code = user.endsWith(`@${codeDomain}`) ? short : `${short}@${codeDomain}`;
    const said = ['description', 'fname', 'lname'].map((column) => text(columns, column));
    return { user, code, target: text(columns, 'new_uri'), name: said[0] || said.slice(1).join(' ').trim() };
  },
  upsert: [
    {
      statement: 'upsertSpeedDial',
      columns: [...USER_COLUMNS, 'sd_username', 'sd_domain', 'new_uri', 'fname', 'lname', 'description'],
    },
  ],
  remove: { statement: 'deleteSpeedDial', columns: [...USER_COLUMNS, 'sd_domain', 'sd_username'] },
};

const KINDS: readonly ForwardingKind[] = ['always', 'busy', 'no-answer', 'offline'];

/** Where calls of a user go instead. */
export const forwards: Kind<Forward> = {
  name: 'forwards',
  one: 'forwarding',
  about: 'where calls of a user go instead',
  table: 'forwarding',
  fields: {
    user: account('whose calls'),
    kind: oneOf('when', KINDS),
    target: callTarget('where they go'),
    ringMs,
    schedule: optional(label('the hours in which it holds', 64), null),
    enabled: optional(yesOrNo('whether it is in force'), true),
  },
  keyFields: 2,
  ownerOf: ({ user }) => user,
  columnsOf: (row, now) => ({
    ...userColumns(row.user),
    kind: row.kind,
    target: row.target,
    ring_ms: row.ringMs,
    schedule: row.schedule,
    enabled: row.enabled ? 1 : 0,
    last_modified: now,
  }),
  rowOf: (columns) => ({
    user: userIn(columns),
    kind: KINDS.find((kind) => kind === columns['kind']) ?? 'offline',
    target: text(columns, 'target'),
    ringMs: numberOrNull(columns, 'ring_ms'),
    schedule: textOrNull(columns, 'schedule'),
    enabled: Number(columns['enabled']) === 1,
  }),
  upsert: [
    {
      statement: 'upsertForwarding',
      columns: [...USER_COLUMNS, 'kind', 'target', 'ring_ms', 'schedule', 'enabled', 'last_modified'],
    },
  ],
  remove: { statement: 'deleteForwarding', columns: [...USER_COLUMNS, 'kind'] },
};

/** What scripts and services know of a user or a domain beside. */
export const preferences: Kind<Preference> = {
  name: 'preferences',
  one: 'preference',
  about: 'what services and scripts know of a user, or of a whole domain: dnd, calls_max, ring_ms, …',
  table: 'usr_preferences',
  fields: {
    owner: owner('a user, or a domain for all in it'),
    name: label('its name', 32),
    value: words('its value', 255),
  },
  keyFields: 2,
  ownerOf: (row) => row.owner,
  columnsOf: (row, now) => ({
    ...userColumns(row.owner),
    uuid: '',
    attribute: row.name,
    type: 0,
    value: row.value,
    last_modified: now,
  }),
  rowOf: (columns) => ({
    owner: columns['username'] === '' ? text(columns, 'domain').toLowerCase() : userIn(columns),
    name: text(columns, 'attribute'),
    value: text(columns, 'value'),
  }),
  // The table takes several rows of one name, so the old one is taken out first.
  upsert: [
    { statement: 'deletePreferences', columns: [...USER_COLUMNS, 'attribute'] },
    {
      statement: 'insertPreference',
      columns: ['uuid', ...USER_COLUMNS, 'attribute', 'type', 'value', 'last_modified'],
    },
  ],
  remove: { statement: 'deletePreferences', columns: [...USER_COLUMNS, 'attribute'] },
};
