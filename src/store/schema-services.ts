/** The tables of what users set for themselves: forwarding, hours, ring groups, numbers. */
import type { ColumnType, Generated } from 'kysely';

type Optional<T> = ColumnType<T | null, T | null | undefined, T | null>;

/** When a call is sent elsewhere. */
export type ForwardingKind = 'always' | 'busy' | 'no-answer' | 'offline';

/** Where calls of a user go instead; one row a kind. */
export interface ForwardingTable {
  id: Generated<number>;
  username: string;
  domain: string;
  kind: ForwardingKind;
  /** A SIP or tel URI, or what the user would dial. */
  target: string;
  /** How long it rings before `no-answer` counts; null: as the domain has it. */
  ring_ms: Optional<number>;
  /** The name of the hours in which it holds; null: always. */
  schedule: Optional<string>;
  /** 0: kept, but not in force. */
  enabled: number;
  last_modified: number;
}

/** Named hours of a domain. */
export interface ScheduleTable {
  id: Generated<number>;
  domain: string;
  name: string;
  /** `Europe/Berlin` */
  timezone: string;
  /** JSON: a list of periods, which schedules of a script read. */
  periods: string;
  last_modified: number;
}

/** How a group rings: all at once, one after the other, or beginning with the next in turn. */
export type RingStrategy = 'all' | 'serial' | 'rotate';

/** One address that rings several. */
export interface RingGroupTable {
  id: Generated<number>;
  username: string;
  domain: string;
  description: string;
  strategy: RingStrategy;
  /** How long each step rings. */
  ring_ms: number;
  /** Where the call goes when nobody answered. */
  fallback: Optional<string>;
  last_modified: number;
}

/** Who rings when the group does. */
export interface RingGroupMemberTable {
  id: Generated<number>;
  username: string;
  domain: string;
  /** An account of ours, or any URI. */
  member: string;
  position: number;
  /** Instead of the group's. */
  ring_ms: Optional<number>;
  /** How much later than the others of its step it rings. */
  delay_ms: Optional<number>;
}

/** Whether a number may be called: `reserved` is bought but not given out. */
export type NumberState = 'active' | 'reserved' | 'blocked';

/** A telephone number of ours, and who has it. */
export interface NumberTable {
  id: Generated<number>;
  /** E.164, with its plus. */
  number: string;
  /** The account or group that it reaches; null while it is reserved. */
  target: Optional<string>;
  domain: string;
  /** Whose trunk it comes by. */
  carrier: Optional<string>;
  description: string;
  state: NumberState;
  last_modified: number;
}
