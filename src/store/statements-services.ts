/** The changes of what operators and users provision: domains, aliases, groups, lists, forwarding, numbers. */

const UPSERT_DOMAIN = `
  insert into domain (domain, attrs, accept_subdomain, last_modified)
  values (?, ?, ?, ?)
  on conflict (domain) do update set
    attrs = excluded.attrs, accept_subdomain = excluded.accept_subdomain,
    last_modified = excluded.last_modified`;

const UPSERT_ALIAS = `
  insert into dbaliases (alias_username, alias_domain, username, domain)
  values (?, ?, ?, ?)
  on conflict (alias_username, alias_domain) do update set
    username = excluded.username, domain = excluded.domain`;

const INSERT_ADDRESS = `
  insert into address (grp, ip, mask, port, proto, pattern, context_info)
  values (?, ?, ?, ?, ?, ?, ?)`;

const UPSERT_GROUP_MEMBERSHIP = `
  insert into grp (username, domain, grp, last_modified)
  values (?, ?, ?, ?)
  on conflict (username, domain, grp) do update set last_modified = excluded.last_modified`;

const INSERT_PREFERENCE = `
  insert into usr_preferences (uuid, username, domain, attribute, type, value, last_modified)
  values (?, ?, ?, ?, ?, ?, ?)`;

const UPSERT_SPEED_DIAL = `
  insert into speed_dial (username, domain, sd_username, sd_domain, new_uri, fname, lname, description)
  values (?, ?, ?, ?, ?, ?, ?, ?)
  on conflict (username, domain, sd_domain, sd_username) do update set
    new_uri = excluded.new_uri, fname = excluded.fname, lname = excluded.lname,
    description = excluded.description`;

const UPSERT_USER_BLOCK = `
  insert into userblacklist (username, domain, prefix, whitelist)
  values (?, ?, ?, ?)
  on conflict (username, domain, prefix) do update set whitelist = excluded.whitelist`;

const UPSERT_GLOBAL_BLOCK = `
  insert into globalblacklist (prefix, whitelist, description)
  values (?, ?, ?)
  on conflict (prefix) do update set whitelist = excluded.whitelist, description = excluded.description`;

const UPSERT_FORWARDING = `
  insert into forwarding (username, domain, kind, target, ring_ms, schedule, enabled, last_modified)
  values (?, ?, ?, ?, ?, ?, ?, ?)
  on conflict (username, domain, kind) do update set
    target = excluded.target, ring_ms = excluded.ring_ms, schedule = excluded.schedule,
    enabled = excluded.enabled, last_modified = excluded.last_modified`;

const UPSERT_SCHEDULE = `
  insert into schedule (domain, name, timezone, periods, last_modified)
  values (?, ?, ?, ?, ?)
  on conflict (domain, name) do update set
    timezone = excluded.timezone, periods = excluded.periods, last_modified = excluded.last_modified`;

const UPSERT_RING_GROUP = `
  insert into ring_group (username, domain, description, strategy, ring_ms, fallback, last_modified)
  values (?, ?, ?, ?, ?, ?, ?)
  on conflict (username, domain) do update set
    description = excluded.description, strategy = excluded.strategy, ring_ms = excluded.ring_ms,
    fallback = excluded.fallback, last_modified = excluded.last_modified`;

const UPSERT_RING_GROUP_MEMBER = `
  insert into ring_group_member (username, domain, member, position, ring_ms, delay_ms)
  values (?, ?, ?, ?, ?, ?)
  on conflict (username, domain, member) do update set
    position = excluded.position, ring_ms = excluded.ring_ms, delay_ms = excluded.delay_ms`;

const UPSERT_NUMBER = `
  insert into number (number, target, domain, carrier, description, state, last_modified)
  values (?, ?, ?, ?, ?, ?, ?)
  on conflict (number) do update set
    target = excluded.target, domain = excluded.domain, carrier = excluded.carrier,
    description = excluded.description, state = excluded.state, last_modified = excluded.last_modified`;

/** Name → SQL. The comment of each says the order of its values. */
export const serviceStatements = {
  /** domain, attrs, accept_subdomain, last_modified */
  upsertDomain: UPSERT_DOMAIN,
  /** domain */
  deleteDomain: 'delete from domain where domain = ?',
  /** alias_username, alias_domain, username, domain */
  upsertAlias: UPSERT_ALIAS,
  /** alias_username, alias_domain */
  deleteAlias: 'delete from dbaliases where alias_username = ? and alias_domain = ?',
  /** grp, ip, mask, port, proto, pattern, context_info */
  insertAddress: INSERT_ADDRESS,
  /** grp, ip, mask, port, proto */
  deleteAddress: 'delete from address where grp = ? and ip = ? and mask = ? and port = ? and proto = ?',
  /** username, domain, grp, last_modified */
  upsertGroupMembership: UPSERT_GROUP_MEMBERSHIP,
  /** username, domain, grp */
  deleteGroupMembership: 'delete from grp where username = ? and domain = ? and grp = ?',
  /** uuid, username, domain, attribute, type, value, last_modified */
  insertPreference: INSERT_PREFERENCE,
  /** type, value, last_modified, id */
  updatePreference: 'update usr_preferences set type = ?, value = ?, last_modified = ? where id = ?',
  /** id */
  deletePreference: 'delete from usr_preferences where id = ?',
  /** username, domain, attribute */
  deletePreferences: 'delete from usr_preferences where username = ? and domain = ? and attribute = ?',
  /** username, domain, sd_username, sd_domain, new_uri, fname, lname, description */
  upsertSpeedDial: UPSERT_SPEED_DIAL,
  /** username, domain, sd_domain, sd_username */
  deleteSpeedDial:
    'delete from speed_dial where username = ? and domain = ? and sd_domain = ? and sd_username = ?',
  /** username, domain, prefix, whitelist */
  upsertUserBlock: UPSERT_USER_BLOCK,
  /** username, domain, prefix */
  deleteUserBlock: 'delete from userblacklist where username = ? and domain = ? and prefix = ?',
  /** prefix, whitelist, description */
  upsertGlobalBlock: UPSERT_GLOBAL_BLOCK,
  /** prefix */
  deleteGlobalBlock: 'delete from globalblacklist where prefix = ?',
  /** username, domain, kind, target, ring_ms, schedule, enabled, last_modified */
  upsertForwarding: UPSERT_FORWARDING,
  /** username, domain, kind */
  deleteForwarding: 'delete from forwarding where username = ? and domain = ? and kind = ?',
  /** domain, name, timezone, periods, last_modified */
  upsertSchedule: UPSERT_SCHEDULE,
  /** domain, name */
  deleteSchedule: 'delete from schedule where domain = ? and name = ?',
  /** username, domain, description, strategy, ring_ms, fallback, last_modified */
  upsertRingGroup: UPSERT_RING_GROUP,
  /** username, domain */
  deleteRingGroup: 'delete from ring_group where username = ? and domain = ?',
  /** username, domain, member, position, ring_ms */
  upsertRingGroupMember: UPSERT_RING_GROUP_MEMBER,
  /** username, domain, member */
  deleteRingGroupMember: 'delete from ring_group_member where username = ? and domain = ? and member = ?',
  /** username, domain */
  deleteRingGroupMembers: 'delete from ring_group_member where username = ? and domain = ?',
  /** number, target, domain, carrier, description, state, last_modified */
  upsertNumber: UPSERT_NUMBER,
  /** number */
  deleteNumber: 'delete from number where number = ?',
} as const satisfies Record<string, string>;
