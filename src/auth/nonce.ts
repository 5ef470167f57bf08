/**
 * Nonces that need no memory until they are used. RFC 7616 §3.3, §5.5
 *
 *   ┌ run ─────┬ time ───────┬ number ─────┬ source ───┬ mark ──────────────────┐
 *   │ 8 hex    │ 10 hex, ms  │ 10 hex      │ 8 hex     │ 16 hex, of all before  │
 *   └──────────┴─────────────┴─────────────┴───────────┴────────────────────────┘
 *
 * `source` is a hash of the address that was challenged: a nonce is good from there alone, so that a right or wrong
 * answer with a fresh one proves who can be reached there. `source` and `mark` are HalfSipHash under keys of the
 * secret. The mark has 64 bits: a guess takes that many requests, and brings a nonce, not a password.
 *
 * `run` is another one at each start: a nonce of an earlier run is ours but stale, since what was used of it
 * is forgotten. So its time is that of the monotonic clock, and a jump of the wall clock changes nothing.
 *
 * A nonce takes a place in the replay window with its first right answer; challenges alone take none, so a
 * flood of them pushes nobody out. Whoever finds his place taken by a later nonce is stale.
 */
import { hash } from 'node:crypto';
import { KeyedHash } from '../base/keyed-hash.ts';
import type { Clock, Millis, Random } from '../base/world.ts';

/**
 * `fresh`: ours and usable. `stale`: ours, but its time is over, or made for another address. `forged`: not made by us.
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

const RUN_BYTES = 4;
const TIME_BYTES = 5;
const NUMBER_BYTES = 5;
const SOURCE_BYTES = 4;
const STAMP_BYTES = RUN_BYTES + TIME_BYTES + NUMBER_BYTES + SOURCE_BYTES;
const MARK_BYTES = 8;
/** Where time, number, source and mark begin, in hex digits. */
const TIME_AT = 2 * RUN_BYTES;
const NUMBER_AT = TIME_AT + 2 * TIME_BYTES;
const SOURCE_AT = NUMBER_AT + 2 * NUMBER_BYTES;
const MARK_AT = 2 * STAMP_BYTES;
const DIGITS = 2 * (STAMP_BYTES + MARK_BYTES);
/** Times and numbers begin again behind this. */
const WRAP = 2 ** (8 * TIME_BYTES);
const KEY_BYTES = 8;

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
  private readonly sources: KeyedHash;
  private readonly marks: readonly [KeyedHash, KeyedHash];
  private readonly lifetimeMs: Millis;
  private readonly run: string;
  /** The nonce that is being made; what does not change stands in it already. */
  private readonly bytes = Buffer.alloc(STAMP_BYTES + MARK_BYTES);
  private made = 0;
  // One place is shared by all nonces whose numbers are equal modulo NONCES_REMEMBERED.
  private readonly holders = new Float64Array(NONCES_REMEMBERED);
  private readonly highest = new Uint32Array(NONCES_REMEMBERED);
  /** Bit k: the count `highest - k` was used. */
  private readonly used = new Int32Array(NONCES_REMEMBERED);

  constructor(options: NonceOptions) {
    this.clock = options.clock;
    const keys = hash('sha256', options.secret, 'buffer');
    const keyed = (at: number): KeyedHash =>
      new KeyedHash(keys.subarray(at * KEY_BYTES, (at + 1) * KEY_BYTES));
    this.sources = keyed(0);
    this.marks = [keyed(1), keyed(2)];
    this.lifetimeMs = options.lifetimeMs ?? NONCE_LIFETIME_MS;
    this.bytes.set(options.random.bytes(RUN_BYTES));
    this.run = this.bytes.toString('hex', 0, RUN_BYTES);
  }

  /** A nonce nobody has had before, for whoever hears us at this address. */
  make(source = ''): string {
    const { bytes } = this;
    bytes.writeUIntBE(Math.floor(this.clock.now()) % WRAP, RUN_BYTES, TIME_BYTES);
    bytes.writeUIntBE(++this.made % WRAP, RUN_BYTES + TIME_BYTES, NUMBER_BYTES);
    bytes.writeInt32BE(this.sources.of(source), STAMP_BYTES - SOURCE_BYTES);
    const stamp = bytes.toString('hex', 0, STAMP_BYTES);
    const [first, second] = this.marks;
    bytes.writeInt32BE(first.of(stamp), STAMP_BYTES);
    bytes.writeInt32BE(second.of(stamp), STAMP_BYTES + MARK_BYTES / 2);
    return bytes.toString('hex');
  }

  /** Judges a nonce that came from an address, and changes nothing. */
  judge(nonce: string, source = ''): Exclude<NonceState, 'replayed'> {
    if (nonce.length !== DIGITS) return 'forged';
    const stamp = nonce.substring(0, MARK_AT);
    const [first, second] = this.marks;
    const isFirst = readHex(nonce, MARK_AT, MARK_AT + MARK_BYTES) === first.of(stamp) >>> 0;
    const isSecond = readHex(nonce, MARK_AT + MARK_BYTES, DIGITS) === second.of(stamp) >>> 0;
    if (!isFirst || !isSecond) return 'forged';
    const isHere = readHex(nonce, SOURCE_AT, MARK_AT) === this.sources.of(source) >>> 0;
    if (!isHere || !nonce.startsWith(this.run)) return 'stale';
    const madeAt = readHex(nonce, TIME_AT, NUMBER_AT);
    if (this.clock.now() - madeAt > this.lifetimeMs) return 'stale';
    const number = numberOf(nonce);
    return this.holders[number % NONCES_REMEMBERED]! > number ? 'stale' : 'fresh';
  }

  /** Judges a nonce that was answered rightly, and uses up this count of it. */
  use(nonce: string, count: number, source = ''): NonceState {
    const state = this.judge(nonce, source);
    return state === 'fresh' ? this.useFresh(nonce, count) : state;
  }

  /** The same for one that has been judged just now. */
  useFresh(nonce: string, count: number): 'fresh' | 'replayed' {
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
}

/** Compares in a time that does not tell where two texts of one length differ. */
export function sameText(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let at = 0; at < a.length; at++) difference |= a.charCodeAt(at) ^ b.charCodeAt(at);
  return difference === 0;
}

function numberOf(nonce: string): number {
  return readHex(nonce, NUMBER_AT, SOURCE_AT);
}

/** What the lower-case hex digits there say; -1 when one is none. */
function readHex(text: string, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    const c = text.charCodeAt(at);
    const digit = c >= 48 && c <= 57 ? c - 48 : c >= 97 && c <= 102 ? c - 87 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}
