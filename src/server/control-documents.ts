/**
 * What commands answer: plain documents, the same over the control socket, from the database, and with
 * `--json`. Times are ISO 8601, UTC; names are camelCase; what is not known is null.
 */
import type { Selectable } from 'kysely';
import type { Clock } from '../base/world.ts';
import { printCallNumber } from '../billing/call-number.ts';
import { withoutFlow } from '../location/binding-row.ts';
import type { Contact } from '../location/contact.ts';
import type { CallsTable, LocationTable, SubscriberTable } from '../store/schema.ts';

/** What a terminal obeys: control characters of ASCII, and those of ISO 8859. */
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const CONTROL = /[\x00-\x1f\x7f-\x9f]/g;

/** An account, without its secrets. */
export interface UserDocument {
  readonly user: string;
  readonly createdAt: string;
}

/** Where a user can be reached. */
export interface RegistrationDocument {
  readonly user: string;
  readonly contact: string;
  /** Where we send instead: the phone is behind a NAT, or wants its flow used; `tls:192.0.2.7:40001`. */
  readonly received: string | null;
  /** The device, `<urn:uuid:…>`, and which of its flows this is. RFC 5626 */
  readonly instance: string | null;
  readonly regId: number | null;
  /** The proxies on the way to the phone. RFC 3327 */
  readonly path: string | null;
  readonly expiresAt: string;
  readonly q: number;
  readonly userAgent: string;
}

/** One call attempt. */
export interface CallDocument {
  readonly id: string;
  readonly callId: string;
  readonly caller: string;
  readonly callee: string;
  readonly fromUri: string;
  readonly toUri: string | null;
  readonly source: string;
  readonly state: CallsTable['state'];
  readonly startedAt: string;
  readonly setupMs: number | null;
  readonly answeredAt: string | null;
  readonly endedAt: string | null;
  readonly durationMs: number | null;
  readonly status: number | null;
  readonly endedBy: CallsTable['ended_by'];
}

/** What an import did, or with `--dry-run` would do. */
export interface ImportDocument {
  readonly added: number;
  readonly changed: number;
  readonly refused: readonly { readonly row: number; readonly reason: string }[];
}

/** A running exchange in a few figures. */
export interface StatusDocument {
  readonly version: string;
  readonly pid: number;
  readonly listeners: readonly string[];
  readonly dataFolder: string;
  readonly startedAt: string;
  readonly database: DatabaseDocument;
  readonly script: {
    readonly file: string;
    readonly generation: number;
    /** Routes that threw, and those that took too long, since the start. */
    readonly errors: number;
    readonly slowRoutes: number;
  };
  /** Calls that go on, or whose record is not complete. */
  readonly calls: number;
  /** Bindings. */
  readonly registrations: number;
  readonly transactions: {
    readonly now: number;
    readonly max: number;
    /** Requests refused since the start: at `max`, and because their source held too many. */
    readonly refused: number;
    readonly refusedOfSource: number;
  };
  readonly pools: readonly PoolDocument[];
  readonly banned: number;
  /** Since the start, as the next one. */
  readonly failedLogins: number;
  readonly droppedOfStrangers: number;
  /** We are about to stop, or more comes than can be done. */
  readonly isRefusingNew: boolean;
}

/** A pool in a line. */
export interface PoolDocument {
  readonly name: string;
  readonly pick: string;
  readonly servers: number;
  readonly up: number;
  readonly calls: number;
  /** Calls whose end was never seen, since the start. */
  readonly overdue: number;
}

/** How the database does. */
export interface DatabaseDocument {
  /** Its file, or its address without the password. */
  readonly name: string;
  /** Changes that are not committed yet. */
  readonly waitingRows: number;
  /** Null while it answers. */
  readonly lostSince: string | null;
  readonly lostWhy: string;
}

/** A row of `subscriber` as it is shown. */
export function userDocument(row: Pick<SubscriberTable, 'username' | 'domain' | 'created_at'>): UserDocument {
  return { user: `${row.username}@${row.domain}`, createdAt: isoTime(row.created_at) };
}

/** A row of `location` as it is shown. */
export function registrationDocument(row: Selectable<LocationTable>): RegistrationDocument {
  return {
    user: `${row.username}@${row.domain}`,
    contact: row.reg_id === null ? row.contact : withoutFlow(row.contact),
    received: row.received,
    instance: row.sip_instance,
    regId: row.reg_id,
    path: row.path,
    expiresAt: isoTime(row.expires),
    q: row.q,
    userAgent: printable(row.user_agent),
  };
}

/** A binding in memory as it is shown. */
export function contactDocument(contact: Contact, clock: Pick<Clock, 'now' | 'wall'>): RegistrationDocument {
  return {
    user: contact.aor,
    contact: contact.uriText,
    received: contact.received ?? null,
    instance: contact.instance ?? null,
    regId: contact.regId ?? null,
    path: contact.path ?? null,
    expiresAt: isoTime(Math.round(contact.expiresAt - clock.now() + clock.wall())),
    q: contact.q,
    userAgent: printable(contact.userAgent),
  };
}

/** A row of `calls` as it is shown. */
export function callDocument(row: Selectable<CallsTable>): CallDocument {
  return {
    id: printCallNumber(row.id),
    callId: row.call_id,
    caller: row.caller,
    callee: row.callee,
    fromUri: row.from_uri,
    toUri: row.to_uri,
    source: row.source,
    state: row.state,
    startedAt: isoTime(row.started_at),
    setupMs: row.setup_ms,
    answeredAt: row.answered_at === null ? null : isoTime(row.answered_at),
    endedAt: row.ended_at === null ? null : isoTime(row.ended_at),
    durationMs: row.duration_ms,
    status: row.status,
    endedBy: row.ended_by,
  };
}

/** Any phone chooses its own name: it must not steer the terminal of who looks at it. */
function printable(text: string): string {
  return text.replaceAll(CONTROL, '?');
}

function isoTime(millis: number): string {
  return new Date(millis).toISOString();
}
