/**
 * Nonces that need no memory until they are used. RFC 7616 §3.3, §5.5
 *
 *   ┌ run ─────┬ time ───────┬ number ─────┬ hash ───────────────────────────┐
 *   │ 8 hex    │ 12 hex, ms  │ 12 hex      │ 32 hex: SHA-256(secret, rest)   │
 *   └──────────┴─────────────┴─────────────┴─────────────────────────────────┘
 *
 * `run` is another one at each start: a nonce of an earlier run is ours but stale, since what was used of it
 * is forgotten. So its time is that of the monotonic clock, and a jump of the wall clock changes nothing.
 *
 * A nonce takes a place in the replay window with its first right answer; challenges alone take none, so a
 * flood of them pushes nobody out. Whoever finds his place taken by a later nonce is stale.
 */
import { hash } from 'node:crypto';
import type { Clock, Millis, Random } from '../base/world.ts';

/**
 * `fresh`: ours and usable. `stale`: ours, but its time is over. `forged`: not made by us.
 * `replayed`: this nonce count was used before, or is too far behind.
 */
export type NonceState = 'fresh' | 'stale' | 'forged' | 'replayed';

/** Nonces whose use is remembered at once. */
export const NONCES_REMEMBERED = 65_536;
/** A nonce count may be so far behind the highest, for requests that overtake each other. */
export const NONCE_COUNTS_BEHIND = 32;
/** How long a nonce may be used, unless told otherwise. */
export const NONCE_LIFETIME_MS = 300_000;
/** The highest nonce count: eight hex digits. */
export const NONCE_COUNT_MAX = 0xffff_ffff;

const RUN_DIGITS = 8;
const TIME_DIGITS = 12;
const NUMBER_DIGITS = 12;
const STAMP_DIGITS = RUN_DIGITS + TIME_DIGITS + NUMBER_DIGITS;
const HASH_DIGITS = 32;

/** What nonces are made with. `secret` may be kept over restarts and shared by nodes. */
export interface NonceOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly secret: string;
  readonly lifetimeMs?: Millis;
}

/** Makes nonces and knows which may still be used. */
export class Nonces {
  private readonly clock: Clock;
  private readonly secret: string;
  private readonly lifetimeMs: Millis;
  private readonly run: string;
  private made = 0;
  // One place is shared by all nonces whose numbers are equal modulo NONCES_REMEMBERED.
  private readonly holders = new Float64Array(NONCES_REMEMBERED);
  private readonly highest = new Uint32Array(NONCES_REMEMBERED);
  /** Bit k: the count `highest - k` was used. */
  private readonly used = new Int32Array(NONCES_REMEMBERED);

  constructor(options: NonceOptions) {
    this.clock = options.clock;
    this.secret = options.secret;
    this.lifetimeMs = options.lifetimeMs ?? NONCE_LIFETIME_MS;
    this.run = Buffer.from(options.random.bytes(RUN_DIGITS / 2)).toString('hex');
  }

  /** A nonce nobody has had before. */
  make(): string {
    const time = hex(this.clock.now(), TIME_DIGITS);
    const stamp = this.run + time + hex(++this.made, NUMBER_DIGITS);
    return stamp + this.hashOf(stamp);
  }

  /** Judges a nonce and changes nothing. */
  judge(nonce: string): Exclude<NonceState, 'replayed'> {
    if (nonce.length !== STAMP_DIGITS + HASH_DIGITS) return 'forged';
    const stamp = nonce.substring(0, STAMP_DIGITS);
    if (!sameText(nonce.substring(STAMP_DIGITS), this.hashOf(stamp))) return 'forged';
    if (!stamp.startsWith(this.run)) return 'stale';
    const madeAt = Number.parseInt(stamp.substring(RUN_DIGITS, RUN_DIGITS + TIME_DIGITS), 16);
    if (this.clock.now() - madeAt > this.lifetimeMs) return 'stale';
    const number = numberOf(stamp);
    return this.holders[number % NONCES_REMEMBERED]! > number ? 'stale' : 'fresh';
  }

  /** Judges a nonce that was answered rightly, and uses up this count of it. */
  use(nonce: string, count: number): NonceState {
    const state = this.judge(nonce);
    if (state !== 'fresh') return state;
    const number = numberOf(nonce);
    const place = number % NONCES_REMEMBERED;
    if (this.holders[place] !== number) {
      this.holders[place] = number;
      this.highest[place] = 0;
      this.used[place] = 0;
    }
    return this.useCount(place, count) ? 'fresh' : 'replayed';
  }

  private useCount(place: number, count: number): boolean {
    if (count < 1 || count > NONCE_COUNT_MAX) return false;
    const ahead = count - this.highest[place]!;
    if (ahead > 0) {
      this.used[place] = ahead >= NONCE_COUNTS_BEHIND ? 1 : (this.used[place]! << ahead) | 1;
      this.highest[place] = count;
      return true;
    }
    if (-ahead >= NONCE_COUNTS_BEHIND) return false;
    const bit = 1 << -ahead;
    if ((this.used[place]! & bit) !== 0) return false;
    this.used[place]! |= bit;
    return true;
  }

  /**
   * All hashed texts have one length and half the hash is kept back, so none can be lengthened by a stranger.
   */
  private hashOf(stamp: string): string {
    return hash('sha256', this.secret + stamp).substring(0, HASH_DIGITS);
  }
}

/** Compares in a time that does not tell where two texts of one length differ. */
export function sameText(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let at = 0; at < a.length; at++) difference |= a.charCodeAt(at) ^ b.charCodeAt(at);
  return difference === 0;
}

function hex(value: number, digits: number): string {
  return Math.floor(value).toString(16).padStart(digits, '0');
}

function numberOf(stamp: string): number {
  return Number.parseInt(stamp.substring(RUN_DIGITS + TIME_DIGITS, STAMP_DIGITS), 16);
}
