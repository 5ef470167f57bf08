/**
 * The tables as TypeScript sees them. Names are OpenSIPS's where its columns fit, so that its data and its
 * habits carry over. Times are milliseconds since 1970, UTC.
 */
import type { ColumnType, Generated } from 'kysely';
import type {
  ForwardingTable,
  NumberTable,
  RingGroupMemberTable,
  RingGroupTable,
  ScheduleTable,
} from './schema-services.ts';

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
  /** The parameters of the Contact as they came, from the first semicolon on. */
  params: Optional;
  /** OpenSIPS's bit mask of the methods in Allow. */
  methods: ColumnType<number | null, number | null | undefined, number | null>;
  /** What a script keeps with the binding. */
  attr: Optional;
  /** How to wake the phone: RFC 8599 §4.1 pn-provider, pn-param, pn-prid. */
  pn_provider: Optional;
  pn_param: Optional;
  pn_prid: Optional;
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

/** An exchange that writes to this database. */
export interface NodeTable {
  /** Part of the numbers that it gives to calls. */
  id: number;
  /** The random name in its data folder. */
  name: string;
  /** When it started last. */
  started_at: number;
}

/** A domain that we serve. */
export interface DomainTable {
  id: Generated<number>;
  domain: string;
  attrs: Optional;
  /** 1: its subdomains are ours too. */
  accept_subdomain: number;
  last_modified: number;
}

/** Another name of an account. */
export interface DbaliasesTable {
  id: Generated<number>;
  alias_username: string;
  alias_domain: string;
  username: string;
  domain: string;
}

/** An address or network that is trusted without credentials. */
export interface AddressTable {
  id: Generated<number>;
  /** 0 belongs to every group. */
  grp: number;
  ip: string;
  mask: number;
  /** 0 is any. */
  port: number;
  proto: string;
  /** What must match the From, or nothing; a shell pattern, as OpenSIPS has it. */
  pattern: Optional;
  context_info: Optional;
}

/** Who belongs to which group. */
export interface GrpTable {
  id: Generated<number>;
  username: string;
  domain: string;
  grp: string;
  last_modified: number;
}

/** What scripts keep of a user, an attribute a row. */
export interface UsrPreferencesTable {
  id: Generated<number>;
  uuid: string;
  username: string;
  domain: string;
  attribute: string;
  type: number;
  value: string;
  last_modified: number;
}

/** A short number of one user. */
export interface SpeedDialTable {
  id: Generated<number>;
  username: string;
  domain: string;
  sd_username: string;
  sd_domain: string;
  new_uri: string;
  fname: string;
  lname: string;
  description: string;
}

/** A prefix that a user may not dial, or with `whitelist` 1 may all the same. */
export interface UserblacklistTable {
  id: Generated<number>;
  username: string;
  domain: string;
  prefix: string;
  whitelist: number;
}

/** The same for everybody. */
export interface GlobalblacklistTable {
  id: Generated<number>;
  prefix: string;
  whitelist: number;
  description: Optional;
}

/** The last batch that each writer committed: how a writer knows whether a commit whose answer was lost holds. */
export interface WriterBatchTable {
  writer: string;
  batch: number;
  written_at: number;
}

/** What happened to a row that others may hold in memory; written by triggers. */
export interface ChangesTable {
  id: Generated<number>;
  table_name: string;
  /** The row's own name: its key columns, a tab between. */
  row_key: string;
  changed_at: ColumnType<number, number | undefined, number>;
}

/** Every table, for kysely. */
export interface Schema {
  subscriber: SubscriberTable;
  location: LocationTable;
  calls: CallsTable;
  secret: SecretTable;
  node: NodeTable;
  domain: DomainTable;
  dbaliases: DbaliasesTable;
  address: AddressTable;
  grp: GrpTable;
  usr_preferences: UsrPreferencesTable;
  speed_dial: SpeedDialTable;
  userblacklist: UserblacklistTable;
  globalblacklist: GlobalblacklistTable;
  forwarding: ForwardingTable;
  schedule: ScheduleTable;
  ring_group: RingGroupTable;
  ring_group_member: RingGroupMemberTable;
  number: NumberTable;
  writer_batch: WriterBatchTable;
  changes: ChangesTable;
}
