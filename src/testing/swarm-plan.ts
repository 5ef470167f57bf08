/**
 * What will happen in a random town, as data: who lives there, and what is done when. Made of the seed alone by
 * `swarm-planner.ts`.
 */
import type { Millis } from '../base/world.ts';
import type { NatKind } from './sim-nat.ts';
import type { PhoneTransport } from './phone-wire.ts';

/** Kinds of trouble; each can be left out. */
export const TROUBLES = [
  'weather',
  'cuts',
  'crashes',
  'restarts',
  'reloads',
  'storms',
  'strangers',
  'clock',
  'carriers',
  'disk',
  'vanishing',
  'misbehaviour',
] as const;

/** One of them. */
export type Trouble = (typeof TROUBLES)[number];

/** What a town is made of. */
export interface SwarmOptions {
  readonly seed: number;
  readonly minutes: number;
  /** How many phones; by the seed unless given. */
  readonly phones?: number | undefined;
  readonly without?: readonly Trouble[] | undefined;
}

/** One phone. Several may belong to one person. */
export interface PlannedPhone {
  readonly name: string;
  readonly user: string;
  readonly domain: string;
  readonly host: string;
  readonly transport: PhoneTransport;
}

/** A router, and the hosts behind it. */
export interface PlannedNat {
  readonly public: string;
  readonly inside: readonly string[];
  readonly kind: NatKind;
  readonly udpTimeoutMs: Millis;
}

/** How a call goes on when it was answered or not: who hangs up, and what is asked on the way. */
export type CallEnding = 'caller' | 'callee' | 'both' | 'cancel' | 'nobody';

/** What happens at one moment. Numbers name phones, carriers or strangers by their place. */
export type Action =
  | {
      readonly do: 'call';
      readonly phone: number;
      readonly to: string;
      readonly ending: CallEnding;
      readonly afterMs: Millis;
      readonly asks: readonly string[];
    }
  | { readonly do: 'inbound'; readonly carrier: number; readonly to: string; readonly afterMs: Millis }
  | { readonly do: 'register'; readonly phone: number; readonly expires: number }
  | { readonly do: 'ask'; readonly phone: number; readonly method: string; readonly to: string }
  | {
      readonly do: 'mood';
      readonly phone: number;
      readonly status: number;
      readonly ringMs: Millis;
      readonly afterMs: Millis;
    }
  | {
      readonly do: 'misbehave';
      readonly phone: number;
      readonly how: 'neverAcks' | 'ignoresBye' | 'ignoresCancel';
      readonly does: boolean;
    }
  | { readonly do: 'vanish'; readonly phone: number; readonly forMs: Millis }
  | {
      readonly do: 'weather';
      readonly loss: number;
      readonly jitterMs: Millis;
      readonly reordering: number;
      readonly duplication: number;
    }
  | { readonly do: 'cut'; readonly host: string; readonly forMs: Millis }
  | {
      readonly do: 'carrier';
      readonly carrier: number;
      readonly mood: 'well' | 'dead' | 'silent' | 'busy' | 'broken';
    }
  | { readonly do: 'crash' | 'restart'; readonly downMs: Millis }
  | { readonly do: 'reload' }
  | { readonly do: 'clock'; readonly byMs: Millis }
  | { readonly do: 'disk'; readonly commitMs: Millis; readonly broken: boolean }
  | { readonly do: 'hostile'; readonly stranger: number; readonly kind: HostileKind; readonly times: number };

/** What strangers try. */
export type HostileKind =
  | 'torture'
  | 'mutant'
  | 'relay'
  | 'register'
  | 'hangUp'
  | 'forgedResponse'
  | 'cancel'
  | 'stream';

/** An action and its moment. */
export interface Planned {
  readonly atMs: Millis;
  readonly action: Action;
}

/** A town before it lives. */
export interface SwarmPlan {
  readonly options: SwarmOptions;
  readonly phones: readonly PlannedPhone[];
  readonly nats: readonly PlannedNat[];
  readonly carriers: readonly string[];
  readonly strangers: readonly string[];
  readonly openInbound: boolean;
  /** In the order of time. */
  readonly timeline: readonly Planned[];
}

/** Who lives in a town. */
export type People = Omit<SwarmPlan, 'timeline'>;

/** The domains of the exchange. */
export const DOMAINS = ['example.com', 'example.net'] as const;
/** The domain somebody lives in, by the name. */
export function domainOf(user: string): string {
  let sum = 0;
  for (let i = 0; i < user.length; i++) sum += user.charCodeAt(i);
  return DOMAINS[sum % DOMAINS.length] ?? DOMAINS[0];
}

/** Plans are made in minutes. */
export const MINUTE_MS = 60_000;
/** Registrations come first, so that most calls find somebody. */
export const QUIET_START_MS = 3_000;
