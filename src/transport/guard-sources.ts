/**
 * What is remembered of those who send to us, by their address: a row of numbers a source, no object.
 * IPv4 sources are addresses, IPv6 ones are /64 networks, since whoever has one address there has all of them.
 *
 *   set:  hash of the address ─▶ ┌ row ┬ row ┬ row ┬ row ┐     a source is in one of four rows, or forgotten
 *                                └─────┴─────┴─────┴─────┘
 *   row:  address · knownUntil · bannedUntil · tokens · filledAt
 *
 * Who needs a row takes the one that was used longest ago by a stranger, and a known source's only when all four
 * are known: so strangers push out strangers. The columns have their full length from the start; pages that
 * nobody touched take no memory.
 */
import type { Endpoint } from '../base/endpoint.ts';
import { addressWords, mappedIp4 } from '../base/network.ts';
import type { Millis } from '../base/world.ts';

/** Sources remembered at once, unless told otherwise; a power of two. */
export const SOURCES_MAX = 262_144;

const WAYS = 4;
const IP4 = 1;
const IP6 = 2;

/** How fast a source may send, and how much at once. */
export interface Allowance {
  readonly perSecond: number;
  readonly burst: number;
}

/** The table. `begin` is told of every source that gets a row. */
export class GuardSources {
  /** Until when a source is served without limits; 0 for a stranger. */
  readonly knownUntil: Float64Array;
  readonly bannedUntil: Float64Array;
  private readonly tokens: Float64Array;
  private readonly filledAt: Float64Array;
  private readonly kinds: Uint8Array;
  private readonly highs: Int32Array;
  private readonly lows: Int32Array;
  private readonly setMask: number;
  private readonly allowance: Allowance;
  private readonly seed: number;
  private readonly begin: (row: number, source: Endpoint) => void;
  private kind = 0;
  private high = 0;
  private low = 0;

  /** `seed` must be unknown to strangers: they cannot choose addresses that share a set then. */
  constructor(
    allowance: Allowance,
    seed: number,
    begin: (row: number, source: Endpoint) => void,
    rows: number = SOURCES_MAX,
  ) {
    this.knownUntil = new Float64Array(rows);
    this.bannedUntil = new Float64Array(rows);
    this.tokens = new Float64Array(rows);
    this.filledAt = new Float64Array(rows);
    this.kinds = new Uint8Array(rows);
    this.highs = new Int32Array(rows);
    this.lows = new Int32Array(rows);
    this.setMask = rows / WAYS - 1;
    this.allowance = allowance;
    this.seed = seed;
    this.begin = begin;
  }

  /** The row of a source; makes one for a source that has none. */
  rowOf(source: Endpoint, now: Millis): number {
    this.readAddress(source);
    const { kind, high, low } = this;
    const first = this.firstRow();
    for (let row = first; row < first + WAYS; row++) {
      if (this.highs[row] === high && this.kinds[row] === kind && this.lows[row] === low) return row;
    }
    const row = this.leastRow(first, now);
    this.kinds[row] = kind;
    this.highs[row] = high;
    this.lows[row] = low;
    this.knownUntil[row] = 0;
    this.bannedUntil[row] = 0;
    this.tokens[row] = this.allowance.burst;
    this.filledAt[row] = now;
    this.begin(row, source);
    return row;
  }

  /** Takes one token of a source; false when it has none left. */
  take(row: number, now: Millis): boolean {
    const { perSecond, burst } = this.allowance;
    const filled = this.tokens[row]! + ((now - this.filledAt[row]!) * perSecond) / 1000;
    const tokens = filled < burst ? filled : burst;
    this.filledAt[row] = now;
    this.tokens[row] = tokens < 1 ? tokens : tokens - 1;
    return tokens >= 1;
  }

  /** Whether a source has used less than half of what it may send at once. */
  isGentle(row: number): boolean {
    return this.tokens[row]! * 2 >= this.allowance.burst;
  }

  private readAddress(source: Endpoint): void {
    this.low = 0;
    this.kind = IP4;
    this.high = source.ip4;
    if (source.ip4 !== 0) return;
    const words = addressWords(source.host) ?? [0, 0, 0, 0];
    const mapped = mappedIp4(words);
    if (mapped === undefined) this.kind = IP6;
    this.high = mapped ?? words[0];
    this.low = mapped === undefined ? words[1] : 0;
  }

  private firstRow(): number {
    let hash = Math.imul(this.high ^ this.seed, 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 15) ^ this.low, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return ((hash ^ (hash >>> 16)) & this.setMask) * WAYS;
  }

  /** An empty row, else that of the stranger who was silent longest, else of whom we know least longer. */
  private leastRow(first: number, now: Millis): number {
    let least = first;
    for (let row = first; row < first + WAYS; row++) {
      if (this.kinds[row] === 0) return row;
      const known = this.knownUntil[row]! > now ? this.knownUntil[row]! : 0;
      const leastKnown = this.knownUntil[least]! > now ? this.knownUntil[least]! : 0;
      if (known < leastKnown) least = row;
      else if (known === leastKnown && this.filledAt[row]! < this.filledAt[least]!) least = row;
    }
    return least;
  }
}
