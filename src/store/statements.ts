/**
 * Every change the exchange makes while it runs, by name: the only SQL that is written by hand. It is what SQLite and
 * PostgreSQL both understand; `dialect.ts` makes MariaDB's of it, so that there is one text a statement.
 * Values are bound in the order of the question marks, never pasted in.
 */
import { serviceStatements } from './statements-services.ts';

const SAVE_BINDING = `
  insert into location (username, domain, contact, received, path, expires, q, callid, cseq, last_modified,
    flags, user_agent, socket, sip_instance, reg_id)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  on conflict (username, domain, contact) do update set
    received = excluded.received, path = excluded.path, expires = excluded.expires, q = excluded.q,
    callid = excluded.callid, cseq = excluded.cseq, last_modified = excluded.last_modified,
    flags = excluded.flags, user_agent = excluded.user_agent, socket = excluded.socket,
    sip_instance = excluded.sip_instance, reg_id = excluded.reg_id`;

const SAVE_BINDING_DETAILS = `
  update location set params = ?, methods = ?, attr = ?, pn_provider = ?, pn_param = ?, pn_prid = ?
  where username = ? and domain = ? and contact = ?`;

// A repeated insert changes nothing: a record whose first write failed is written again from the beginning.
const OPEN_CALL = `
  insert into calls (id, call_id, from_tag, caller, callee, from_uri, to_uri, source, started_at, state)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, 'open')
  on conflict (id) do nothing`;

const ANSWER_CALL = `
  update calls set answered_at = ?, setup_ms = ?, status = ?, state = 'answered'
  where id = ? and state = 'open'`;

// Says all that the answer's row said, in case that one was not written; what is there already stays.
const END_CALL = `
  update calls set answered_at = coalesce(answered_at, ?), ended_at = ?, duration_ms = ?,
    setup_ms = coalesce(setup_ms, ?), status = coalesce(status, ?), ended_by = ?, state = 'ended'
  where id = ? and state <> 'ended'`;

const UPSERT_SUBSCRIBER = `
  insert into subscriber (id, username, domain, ha1, ha1_sha256, email_address, created_at)
  values (?, ?, ?, ?, ?, ?, ?)
  on conflict (username, domain) do update set
    ha1 = excluded.ha1, ha1_sha256 = excluded.ha1_sha256,
    email_address = coalesce(excluded.email_address, subscriber.email_address)`;

/** Name → SQL. The comment of each says the order of its values. */
export const statements = {
  /** username, domain, contact, received, path, expires, q, callid, cseq, last_modified, flags, user_agent,
   *  socket, sip_instance, reg_id */
  saveBinding: SAVE_BINDING,
  /** params, methods, attr, pn_provider, pn_param, pn_prid, username, domain, contact */
  saveBindingDetails: SAVE_BINDING_DETAILS,
  /** username, domain, contact */
  removeBinding: 'delete from location where username = ? and domain = ? and contact = ?',
  /** username, domain */
  removeBindingsOfAor: 'delete from location where username = ? and domain = ?',
  /** the moment up to which they have expired */
  removeExpiredBindings: 'delete from location where expires <= ?',
  /** id, call_id, from_tag, caller, callee, from_uri, to_uri, source, started_at */
  openCall: OPEN_CALL,
  /** answered_at, setup_ms, status, id */
  answerCall: ANSWER_CALL,
  /** answered_at, ended_at, duration_ms, setup_ms, status, ended_by, id */
  endCall: END_CALL,
  /** id, username, domain, ha1, ha1_sha256, email_address, created_at */
  upsertSubscriber: UPSERT_SUBSCRIBER,
  /** username, domain */
  deleteSubscriber: 'delete from subscriber where username = ? and domain = ?',
  ...serviceStatements,
} as const satisfies Record<string, string>;

/** The name of a statement. */
export type StatementName = keyof typeof statements;

/** The names in a fixed order: a statement crosses to the writer's thread as its place in this list. */
export const statementNames: readonly StatementName[] = Object.keys(statements) as StatementName[];

/** How many values each statement takes, in the order of `statementNames`. */
export const valueCounts: readonly number[] = statementNames.map(
  (name) => statements[name].split('?').length - 1,
);

const places = new Map(statementNames.map((name, place) => [name, place]));

/** The place of a statement in `statementNames`. */
export function statementPlace(name: StatementName): number {
  return places.get(name) ?? -1;
}
