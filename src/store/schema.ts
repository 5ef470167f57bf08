/**
 * The tables as TypeScript sees them. Names are OpenSIPS's where its columns fit, so that its data and its
 * habits carry over. Times are milliseconds since 1970, UTC.
 */
import type { ColumnType } from 'kysely';

/** A column that is null when nothing is known. */
type Optional = ColumnType<string | null, string | null | undefined, string | null>;

/** One customer's account. No clear password is ever stored. */
export interface SubscriberTable {
  id: number;
  username: string;
  domain: string;
  ha1: string;
  /** Empty when the account was imported with an MD5 hash alone. */
  ha1_sha256: string;
  email_address: Optional;
  created_at: number;
}

/** One binding of one address-of-record. */
export interface LocationTable {
  username: string;
  domain: string;
  contact: string;
  received: Optional;
  path: Optional;
  expires: number;
  q: number;
  callid: string;
  cseq: number;
  last_modified: number;
  flags: number | null;
  user_agent: string;
  socket: Optional;
  sip_instance: Optional;
  reg_id: number | null;
}

/** Who ended a call; `us` for what the exchange decided itself. */
export type EndedBy = 'caller' | 'callee' | 'us';

/** What a call's row says about it. */
export type CallState = 'open' | 'answered' | 'ended';

/** One call attempt. */
export interface CallsTable {
  id: number;
  call_id: string;
  from_tag: string;
  caller: string;
  /** What was dialled. */
  callee: string;
  from_uri: string;
  to_uri: Optional;
  /** `192.0.2.7:5060` */
  source: string;
  started_at: number;
  /** From the INVITE to its final response. */
  setup_ms: number | null;
  answered_at: number | null;
  ended_at: number | null;
  /** From the answer to the end; null when that end was never seen. */
  duration_ms: number | null;
  /** The final status of the INVITE, 0 when there was none. */
  status: number | null;
  ended_by: EndedBy | null;
  state: CallState;
}

/** Secrets of the server, such as the keys of nonces and routes. */
export interface SecretTable {
  name: string;
  value: string;
}

/** Every table, for kysely. */
export interface Schema {
  subscriber: SubscriberTable;
  location: LocationTable;
  calls: CallsTable;
  secret: SecretTable;
}
