/** What belongs to a domain: the domain itself, its hours, its ring groups, its numbers, and trusted addresses. */
import type { NumberState, RingStrategy } from '../store/schema-services.ts';
import {
  account,
  callTarget,
  domainName,
  field,
  label,
  oneOf,
  optional,
  whole,
  words,
  yesOrNo,
} from './field.ts';
import { type Kind, numberOrNull, text, textOrNull } from './kind.ts';
import { RING_MS_MAX, RING_MS_MIN, ringMs, userColumns, userIn } from './kinds-of-users.ts';
import { E164_DIGITS_MAX, E164_DIGITS_MIN } from './numbers.ts';
import { isZone, parsePeriods, type Period, ZONE } from './periods.ts';

/** A domain of ours: a tenant, with users, a realm, hours and limits of its own. */
export interface Domain {
  readonly domain: string;
  /** Whether what ends in it is ours too. */
  readonly subdomains: boolean;
  readonly attrs: string;
}

/** Named hours of a domain. */
export interface Schedule {
  readonly domain: string;
  readonly name: string;
  readonly timezone: string;
  readonly periods: readonly Period[];
}

/** One address that rings several. */
export interface RingGroup {
  readonly group: string;
  readonly strategy: RingStrategy;
  readonly ringMs: number;
  readonly fallback: string | null;
  readonly description: string;
}

/** Who rings when the group does. */
export interface RingMember {
  readonly group: string;
  readonly member: string;
  /** Those of one position ring together. */
  readonly position: number;
  readonly ringMs: number | null;
  /** How much later than the others of its step it begins to ring. */
  readonly delayMs: number | null;
}

/** A telephone number of ours, and who has it. */
export interface OwnNumber {
  readonly number: string;
  readonly target: string | null;
  readonly domain: string;
  readonly carrier: string | null;
  readonly description: string;
  readonly state: NumberState;
}

/** Positions of a ring group. */
const POSITION_MAX = 1_000;
/** Nobody begins to ring later: callers, and the proxies before us, do not wait for ever. */
export const DELAY_MS_MAX = 120_000;
const RING_MS = 20_000;

/** Domains. */
export const domains: Kind<Domain> = {
  name: 'domains',
  one: 'domain',
  about: 'domains that are ours, beside those of [sip] domains',
  table: 'domain',
  fields: {
    domain: domainName('a domain, such as example.com'),
    subdomains: optional(yesOrNo('whether what ends in it is ours too'), false),
    attrs: optional(words('what scripts know of it', 255), ''),
  },
  keyFields: 1,
  ownerOf: ({ domain }) => domain,
  columnsOf: ({ domain, subdomains, attrs }, now) => {
    return { domain, attrs, accept_subdomain: subdomains ? 1 : 0, last_modified: now };
  },
  rowOf: (columns) => ({
    domain: text(columns, 'domain').toLowerCase(),
    subdomains: Number(columns['accept_subdomain']) === 1,
    attrs: text(columns, 'attrs'),
  }),
  upsert: [{ statement: 'upsertDomain', columns: ['domain', 'attrs', 'accept_subdomain', 'last_modified'] }],
  remove: { statement: 'deleteDomain', columns: ['domain'] },
};

const timezone = field(ZONE, (given) => (isZone(given) ? given : undefined));

/** Hours. */
export const schedules: Kind<Schedule> = {
  name: 'schedules',
  one: 'schedule',
  about: 'named hours of a domain',
  table: 'schedule',
  fields: {
    domain: domainName('whose hours'),
    name: label('their name', 64),
    timezone,
    periods: {
      about: 'a list of periods as JSON: [{"days":"mon-fri","from":"09:00","to":"17:00"}]',
      optional: false,
      read: parsePeriods,
    },
  },
  keyFields: 2,
  ownerOf: ({ domain }) => domain,
  columnsOf: ({ domain, name, timezone, periods }, now) => {
    return { domain, name, timezone, periods: JSON.stringify(periods), last_modified: now };
  },
  rowOf: (columns) => ({
    domain: text(columns, 'domain').toLowerCase(),
    name: text(columns, 'name'),
    timezone: timezone.read(columns['timezone'], 'timezone'),
    periods: parsePeriods(text(columns, 'periods'), 'periods'),
  }),
  upsert: [
    { statement: 'upsertSchedule', columns: ['domain', 'name', 'timezone', 'periods', 'last_modified'] },
  ],
  remove: { statement: 'deleteSchedule', columns: ['domain', 'name'] },
};

const STRATEGIES: readonly RingStrategy[] = ['all', 'serial', 'rotate'];

/** Ring groups. */
export const ringGroups: Kind<RingGroup> = {
  name: 'ring-groups',
  one: 'ring group',
  about: 'addresses that ring several; one named like an account says where that user is found',
  table: 'ring_group',
  fields: {
    group: account('its address, such as sales@example.com'),
    strategy: optional(oneOf('how it rings', STRATEGIES), 'all' as const),
    ringMs: optional(whole('how long each step rings, in milliseconds', RING_MS_MIN, RING_MS_MAX), RING_MS),
    fallback: optional(callTarget('where a call goes that nobody answered'), null),
    description: optional(words('what it is for', 128), ''),
  },
  keyFields: 1,
  ownerOf: ({ group }) => group,
  columnsOf: (row, now) => ({
    ...userColumns(row.group),
    description: row.description,
    strategy: row.strategy,
    ring_ms: row.ringMs,
    fallback: row.fallback,
    last_modified: now,
  }),
  rowOf: (columns) => ({
    group: userIn(columns),
    strategy: STRATEGIES.find((strategy) => strategy === columns['strategy']) ?? 'all',
    ringMs: numberOrNull(columns, 'ring_ms') ?? RING_MS,
    fallback: textOrNull(columns, 'fallback'),
    description: text(columns, 'description'),
  }),
  upsert: [
    {
      statement: 'upsertRingGroup',
      columns: ['username', 'domain', 'description', 'strategy', 'ring_ms', 'fallback', 'last_modified'],
    },
  ],
  remove: { statement: 'deleteRingGroup', columns: ['username', 'domain'] },
};

/** Who rings in them. */
export const ringMembers: Kind<RingMember> = {
  name: 'ring-members',
  one: 'member',
  about: 'who rings when a ring group does',
  table: 'ring_group_member',
  fields: {
    group: account('the address of the group'),
    member: callTarget('who rings'),
    position: optional(whole('those of one position ring together', 0, POSITION_MAX), 0),
    ringMs,
    delayMs: optional(whole('how much later than the others, in milliseconds', 0, DELAY_MS_MAX), null),
  },
  keyFields: 2,
  ownerOf: ({ group }) => group,
  columnsOf: (row) => ({
    ...userColumns(row.group),
    member: row.member,
    position: row.position,
    ring_ms: row.ringMs,
    delay_ms: row.delayMs,
  }),
  rowOf: (columns) => ({
    group: userIn(columns),
    member: text(columns, 'member'),
    position: numberOrNull(columns, 'position') ?? 0,
    ringMs: numberOrNull(columns, 'ring_ms'),
    delayMs: numberOrNull(columns, 'delay_ms'),
  }),
  upsert: [
    {
      statement: 'upsertRingGroupMember',
      columns: ['username', 'domain', 'member', 'position', 'ring_ms', 'delay_ms'],
    },
  ],
  remove: { statement: 'deleteRingGroupMember', columns: ['username', 'domain', 'member'] },
};

const STATES: readonly NumberState[] = ['active', 'reserved', 'blocked'];
const E164 = new RegExp(`^\\+[1-9]\\d{${E164_DIGITS_MIN - 1},${E164_DIGITS_MAX - 1}}$`);

/** Telephone numbers. */
export const numbers: Kind<OwnNumber> = {
  name: 'numbers',
  one: 'number',
  about: 'telephone numbers of ours, and who has them',
  table: 'number',
  fields: {
    number: field('a number such as +4930123456', (given) => (E164.test(given) ? given : undefined)),
    domain: domainName('whose number it is'),
    target: optional(account('the account or ring group that has it'), null),
    carrier: optional(label('whose trunk it comes by', 64), null),
    description: optional(words('what it is for', 128), ''),
    state: optional(oneOf('whether it may be called', STATES), 'active' as const),
  },
  keyFields: 1,
  ownerOf: ({ target }) => target ?? '',
  columnsOf: (row, now) => ({ ...row, last_modified: now }),
  rowOf: (columns) => ({
    number: text(columns, 'number'),
    target: textOrNull(columns, 'target'),
    domain: text(columns, 'domain').toLowerCase(),
    carrier: textOrNull(columns, 'carrier'),
    description: text(columns, 'description'),
    state: STATES.find((state) => state === columns['state']) ?? 'blocked',
  }),
  upsert: [
    {
      statement: 'upsertNumber',
      columns: ['number', 'target', 'domain', 'carrier', 'description', 'state', 'last_modified'],
    },
  ],
  remove: { statement: 'deleteNumber', columns: ['number'] },
};
