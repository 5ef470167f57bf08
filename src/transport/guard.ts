/**
 * Who is heard. Decided from the source address alone, before anything is parsed:
 *
 *   datagram ──▶ known?  ─yes─────────────────────────────────────────────▶ served
 *                  │no                                                        ▲
 *                  ▼                                                          │
 *               banned? ─▶ a stray response? ─▶ too many of its own? ─▶ a scanner? ─▶ too many of all?
 *                  └──────────────┴────────────────────┴──────────────────┴───────────────┴──▶ dropped
 *
 * Known are those who proved an account lately and those named by `[guard] exempt` and `[trusted] peers`: nothing
 * limits them. All others share a lane of bounded width, which becomes narrow while more waits than is read in
 * a turn of the event loop. What is dropped is dropped without an answer: it costs us less than the kernel's part.
 */
import { Endpoint } from '../base/endpoint.ts';
import { addressWords, isWithin, type Network } from '../base/network.ts';
import type { Clock, Logger, Millis } from '../base/world.ts';
import { isResponseText } from '../sip/parse.ts';
import { GuardSources } from './guard-sources.ts';
import { isScanner } from './guard-scanners.ts';

/** A turn of the event loop that brings so many messages has read all it may: more are waiting. */
export const LONG_TURN_MESSAGES = 128;
/** So many long turns in a row are a queue, not a burst. */
export const LONG_TURNS = 3;
/** The operator is told of dropped strangers no more often than this. */
export const COMPLAINT_MS = 10_000;

/** What strangers may take of us. */
export interface GuardLimits {
  /** Messages of all strangers together, served a second. */
  readonly strangersPerSecond: number;
  /** Messages of one of them, a second, and at once. */
  readonly sourcePerSecond: number;
  readonly sourceBurst: number;
  /** Their part of a turn while more waits than is read, in per cent. */
  readonly strangerShare: number;
  /** Turns that known sources make long for so long mean overload: new requests are refused then, of whoever. */
  readonly overloadMs: Millis;
  /** How long a proof is remembered. */
  readonly knownMs: Millis;
  /** What a scanner's User-Agent contains, in lower case. */
  readonly scanners: readonly string[];
}

/** What a guard is made of. */
export interface GuardParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: GuardLimits;
  /** Never limited, never banned. */
  readonly exempt: readonly Network[];
  /** What our Via branches begin with: a response that has none of them answers nothing of ours. */
  readonly branchPrefix: string;
  /** A number that strangers do not know. */
  readonly seed: number;
  /** Until when a source is banned, on the monotonic clock; 0 when it is not. */
  readonly bannedUntil: (source: Endpoint) => Millis;
  /** Told when overload begins and when it ends. */
  readonly overloaded: (is: boolean) => void;
}

/** Messages since the start: of strangers served, and dropped for which reason. */
export interface GuardCounters {
  strangers: number;
  banned: number;
  stray: number;
  scanners: number;
  /** Beyond what one source may send. */
  crowding: number;
  /** Beyond what all strangers may send together. */
  crowded: number;
  /** Dropped because more waited than could be read. */
  shed: number;
}

/** Decides of every message whether it is heard. */
export class Guard {
  readonly counters: GuardCounters = {
    strangers: 0,
    banned: 0,
    stray: 0,
    scanners: 0,
    crowding: 0,
    crowded: 0,
    shed: 0,
  };
  private readonly parts: GuardParts;
  private readonly sources: GuardSources;
  private readonly shareOfTurn: number;
  private tokens: number;
  private filledAt: Millis = 0;
  private messages = 0;
  private strangersOfTurn = 0;
  private knownOfTurn = 0;
  private longTurns = 0;
  /** Since when those who are known make turns long. */
  private askedSince: Millis = Infinity;
  private isOverloaded = false;
  private silentUntil: Millis = 0;

  constructor(parts: GuardParts) {
    const { sourcePerSecond, sourceBurst, strangersPerSecond, strangerShare } = parts.limits;
    this.parts = parts;
    this.tokens = strangersPerSecond;
    this.shareOfTurn = Math.max(1, Math.floor((LONG_TURN_MESSAGES * strangerShare) / 100));
    const allowance = { perSecond: sourcePerSecond, burst: sourceBurst };
    this.sources = new GuardSources(allowance, parts.seed, (row, source) => this.begin(row, source));
  }

  /** Whether this message is to be parsed and served. */
  admits(text: string, source: Endpoint): boolean {
    const { clock } = this.parts;
    if (this.messages++ === 0) clock.soon(this.endTurn);
    const now = clock.now();
    const row = this.sources.rowOf(source, now);
    if (this.sources.knownUntil[row]! > now) {
      this.knownOfTurn++;
      return true;
    }
    if (this.admitsStranger(text, row, now)) return true;
    if (now >= this.silentUntil) this.complain(source, now);
    return false;
  }

  /** It has proved to be one of ours, from an address at which it hears us. */
  know(source: Endpoint): void {
    const now = this.parts.clock.now();
    const row = this.sources.rowOf(source, now);
    const until = now + this.parts.limits.knownMs;
    if (this.sources.knownUntil[row]! < until) this.sources.knownUntil[row] = until;
  }

  /** Not heard any more until then; 0 lifts a ban. What it has proved before counts no more. */
  ban(host: string, until: Millis): void {
    const row = this.sources.rowOf(new Endpoint(host, 0), this.parts.clock.now());
    if (this.sources.knownUntil[row] === Infinity) return;
    this.sources.knownUntil[row] = 0;
    this.sources.bannedUntil[row] = until;
  }

  /** Whether nothing may limit or ban it. */
  isExempt(host: string): boolean {
    const words = addressWords(host);
    return words !== undefined && isWithin(this.parts.exempt, words);
  }

  /** What was dropped, whatever for. */
  get dropped(): number {
    const { banned, stray, scanners, crowding, crowded, shed } = this.counters;
    return banned + stray + scanners + crowding + crowded + shed;
  }

  private begin(row: number, source: Endpoint): void {
    if (this.isExempt(source.host)) this.sources.knownUntil[row] = Infinity;
    else this.sources.bannedUntil[row] = this.parts.bannedUntil(source);
  }

  private admitsStranger(text: string, row: number, now: Millis): boolean {
    const { sources, counters } = this;
    const { limits, branchPrefix } = this.parts;
    if (sources.bannedUntil[row]! > now) return no(counters.banned++);
    if (isResponseText(text)) return text.includes(branchPrefix) || no(counters.stray++);
    if (!sources.take(row, now)) return no(counters.crowding++);
    if (isScanner(text, limits.scanners)) return no(counters.scanners++);
    if (this.longTurns >= LONG_TURNS && this.strangersOfTurn >= this.shareOfTurn) return no(counters.shed++);
    if (!this.takeShared(row, now)) return no(counters.crowded++);
    this.strangersOfTurn++;
    counters.strangers++;
    return true;
  }

  /** The second half of what all strangers share is for those among them who ask for little. */
  private takeShared(row: number, now: Millis): boolean {
    const { strangersPerSecond } = this.parts.limits;
    const filled = this.tokens + ((now - this.filledAt) * strangersPerSecond) / 1000;
    this.tokens = Math.min(filled, strangersPerSecond);
    this.filledAt = now;
    if (this.tokens < 1) return false;
    if (this.tokens * 2 < strangersPerSecond && !this.sources.isGentle(row)) return false;
    this.tokens--;
    return true;
  }

  private readonly endTurn = (): void => {
    const isLong = this.messages >= LONG_TURN_MESSAGES;
    this.messages = 0;
    this.strangersOfTurn = 0;
    if (!isLong) this.longTurns = 0;
    else this.longTurns++;
    // What strangers send too much of is dropped, whatever it is: only those who are heard can ask for too much.
    const isAsked = isLong && this.knownOfTurn * 2 >= LONG_TURN_MESSAGES;
    this.knownOfTurn = 0;
    if (!isAsked) this.askedSince = Infinity;
    else if (this.askedSince === Infinity) this.askedSince = this.parts.clock.now();
    const overloaded = isAsked && this.parts.clock.now() - this.askedSince >= this.parts.limits.overloadMs;
    if (overloaded === this.isOverloaded) return;
    this.isOverloaded = overloaded;
    this.parts.overloaded(overloaded);
  };

  private complain(source: Endpoint, now: Millis): void {
    this.silentUntil = now + COMPLAINT_MS;
    const { crowding, crowded, shed } = this.counters;
    if (crowding + crowded + shed === 0) return;
    const facts = { from: source.key, dropped: this.dropped, crowding, crowded, shed };
    this.parts.log.warn('messages of strangers are dropped; name your own peers in [trusted] peers', facts);
  }
}

/** Counted, and dropped. */
function no(_counted: number): false {
  return false;
}
