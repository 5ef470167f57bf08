/**
 * What commands answer: plain documents, the same over the control socket, from the database, and with
 * `--json`. Times are ISO 8601, UTC; names are camelCase; what is not known is null.
 */
import type { Selectable } from 'kysely';
import type { Contact } from '../location/contact.ts';
import type { CallsTable, LocationTable, SubscriberTable } from '../store/schema.ts';

/** An account, without its secrets. */
export interface UserDocument {
  readonly user: string;
  readonly createdAt: string;
}

/** Where a user can be reached. */
export interface RegistrationDocument {
  readonly user: string;
  readonly contact: string;
  /** Where we send instead when the phone is behind a NAT. */
  readonly received: string | null;
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
    contact: row.contact,
    received: row.received,
    expiresAt: isoTime(row.expires),
    q: row.q,
    userAgent: row.user_agent,
  };
}

/** A binding in memory as it is shown. */
export function contactDocument(contact: Contact): RegistrationDocument {
  return {
    user: contact.aor,
    contact: contact.uriText,
    received: contact.received ?? null,
    expiresAt: isoTime(contact.expiresAt),
    q: contact.q,
    userAgent: contact.userAgent,
  };
}

/** A row of `calls` as it is shown. */
export function callDocument(row: Selectable<CallsTable>): CallDocument {
  return {
    id: String(row.id),
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

function isoTime(millis: number): string {
  return new Date(millis).toISOString();
}
