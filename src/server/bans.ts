/**
 * Who is shut out: by hand, or because wrong passwords came from there. A source is an IPv4 address or an IPv6 /64.
 * Whoever logs in rightly is forgiven, so that one mistyped phone shuts no office out; but not without end.
 */
import { addressWords, mappedIp4 } from '../base/network.ts';
import { type Endpoint, intToIp4 } from '../base/endpoint.ts';
import { TandemError } from '../base/errors.ts';
import type { Clock, Logger, Millis } from '../base/world.ts';

/** Bans at once; the oldest one is lifted for one more. */
export const BANS_MAX = 10_000;
/** Sources whose failed logins are counted at once; the oldest count is forgotten for one more. */
export const FAILING_SOURCES_MAX = 65_536;
/** Right passwords forgive so many times `failures` in a window: who has an account could guess others' for ever. */
export const FORGIVEN_MAX = 10;
/** The longest ban, in seconds: a year. */
export const BAN_SECONDS_MAX = 366 * 86_400;
/** A reason longer than this is cut. */
export const REASON_LENGTH_MAX = 200;

/** When a source is banned by itself, and for how long. */
export interface BanLimits {
  /** Failed logins within `windowMs`; 0: nobody is banned by himself. */
  readonly failures: number;
  readonly windowMs: Millis;
  readonly banMs: Millis;
}

/** One ban. */
export interface Ban {
  /** `192.0.2.66`, `2001:db8:0:1::/64` */
  readonly source: string;
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly until: number;
}

/** What keeps bans over a restart. */
export interface BanKeeper {
  /** Those that stood when we stopped. */
  readonly bans: readonly Ban[];
  /** Something has changed; `list` answers those that stand when it is asked. */
  changed(list: () => readonly Ban[]): void;
}

/** What carries bans out. */
export interface BanGuard {
  /** `until` on the monotonic clock; 0 lifts. */
  ban(host: string, until: Millis): void;
  isExempt(host: string): boolean;
}

/** What bans are made of. */
export interface BanParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: BanLimits;
  /** Without one a restart forgets them. */
  readonly keeper?: BanKeeper | undefined;
  readonly added?: (ban: Ban) => void;
  readonly removed?: (ban: Ban) => void;
}

interface Entry {
  readonly ban: Ban;
  readonly host: string;
  /** On the monotonic clock. */
  readonly until: Millis;
}

/** Failed logins of a source, since the first of them. */
interface Failing {
  /** Since the last right password from there. */
  count: number;
  total: number;
  readonly since: Millis;
}

/** All bans of the exchange. */
export class Bans {
  private readonly parts: BanParts;
  private readonly entries = new Map<string, Entry>();
  private readonly failing = new Map<string, Failing>();
  private guard: BanGuard | undefined = undefined;

  constructor(parts: BanParts) {
    this.parts = parts;
    for (const ban of parts.keeper?.bans ?? []) this.restore(ban);
  }

  /** From now on this guard carries them out; it is told of those that stand when it asks `untilOf`. */
  carriedOutBy(guard: BanGuard): void {
    this.guard = guard;
  }

  /** A wrong password came from there, by somebody who hears what we send there. */
  failed(from: Endpoint): void {
    const { failures, windowMs, banMs } = this.parts.limits;
    if (failures === 0 || this.guard?.isExempt(from.host) !== false) return;
    const source = sourceOf(from.host);
    if (source === undefined) return;
    const now = this.parts.clock.now();
    let failing = this.failing.get(source);
    if (failing === undefined || now - failing.since > windowMs) {
      this.failing.delete(source);
      failing = { count: 0, total: 0, since: now };
      this.failing.set(source, failing);
      dropOldest(this.failing, FAILING_SOURCES_MAX);
    }
    failing.count++;
    failing.total++;
    const { count, total } = failing;
    if (count < failures && total < failures * FORGIVEN_MAX) return;
    this.failing.delete(source);
    this.enter(source, from.host, `${count < failures ? total : count} failed logins`, banMs);
  }

  /** A right password came from there. */
  proved(from: Endpoint): void {
    if (this.failing.size === 0) return;
    const failing = this.failing.get(sourceOf(from.host) ?? '');
    if (failing !== undefined) failing.count = 0;
  }

  /** By hand. Throws INVALID for what is no address, and for one that is exempt. */
  add(host: string, reason: string, seconds: number): Ban {
    const source = sourceOf(host.replace(/\/64$/, ''));
    if (source === undefined) throw notASource(host);
    if (!(seconds >= 1 && seconds <= BAN_SECONDS_MAX)) {
      throw new TandemError('INVALID', `a ban lasts from 1 to ${BAN_SECONDS_MAX} seconds, not ${seconds}`);
    }
    if (this.guard === undefined) {
      throw new TandemError('INVALID', 'nobody can be banned: [guard] enabled is false');
    }
    const bare = source.replace(/\/64$/, '');
    if (this.guard.isExempt(bare)) {
      throw new TandemError('INVALID', `${host} is exempt from bans`, {
        hint: 'it stands in [guard] exempt or [trusted] peers of tandem.toml',
      });
    }
    return this.enter(source, bare, reason.slice(0, REASON_LENGTH_MAX), seconds * 1000);
  }

  /** Throws NOT_FOUND when it is not banned. */
  remove(host: string): Ban {
    const source = sourceOf(host.replace(/\/64$/, ''));
    if (source === undefined) throw notASource(host);
    this.dropExpired();
    const entry = this.entries.get(source);
    if (entry === undefined) throw new TandemError('NOT_FOUND', `${source} is not banned`);
    this.lift(source, entry);
    this.failing.delete(source);
    return entry.ban;
  }

  /** Those that stand, in the order they were made. */
  list(): readonly Ban[] {
    this.dropExpired();
    return Array.from(this.entries.values(), ({ ban }) => ban);
  }

  /** Until when this source is banned, on the monotonic clock; 0 when it is not. */
  readonly untilOf = (from: Endpoint): Millis => {
    if (this.entries.size === 0) return 0;
    return this.entries.get(sourceOf(from.host) ?? '')?.until ?? 0;
  };

  private enter(source: string, host: string, reason: string, lastsMs: Millis): Ban {
    const { clock, log, added } = this.parts;
    const since = clock.wall();
    const ban: Ban = { source, reason, since, until: since + lastsMs };
    const entry: Entry = { ban, host, until: clock.now() + lastsMs };
    this.entries.delete(source);
    this.entries.set(source, entry);
    if (this.entries.size > BANS_MAX) this.dropExpired();
    const [oldest] = this.entries;
    if (this.entries.size > BANS_MAX && oldest !== undefined) this.lift(...oldest);
    this.guard?.ban(host, entry.until);
    log.warn('a source is banned', { source, reason, seconds: Math.round(lastsMs / 1000) });
    added?.(ban);
    this.keep();
    return ban;
  }

  /** The time left is by the wall clock, which alone went on; set back, it makes no ban longer than the longest. */
  private restore(ban: Ban): void {
    const { clock } = this.parts;
    const host = ban.source.replace(/\/64$/, '');
    const leftMs = Math.min(ban.until - clock.wall(), BAN_SECONDS_MAX * 1000);
    if (leftMs <= 0 || sourceOf(host) !== ban.source) return;
    this.entries.set(ban.source, { ban, host, until: clock.now() + leftMs });
  }

  private keep(): void {
    this.parts.keeper?.changed(() => Array.from(this.entries.values(), ({ ban }) => ban));
  }

  private lift(source: string, entry: Entry): void {
    this.entries.delete(source);
    this.guard?.ban(entry.host, 0);
    this.parts.removed?.(entry.ban);
    this.keep();
  }

  private dropExpired(): void {
    const now = this.parts.clock.now();
    for (const [source, entry] of this.entries) if (entry.until <= now) this.lift(source, entry);
  }
}

/** What is banned when this address misbehaves; undefined for what is no address. */
export function sourceOf(host: string): string | undefined {
  const words = addressWords(host);
  if (words === undefined) return undefined;
  const ip4 = mappedIp4(words);
  if (ip4 !== undefined) return intToIp4(ip4);
  const groups = [words[0] >>> 16, words[0] & 0xffff, words[1] >>> 16, words[1] & 0xffff];
  return `${groups.map((group) => group.toString(16)).join(':')}::/64`;
}

function notASource(host: string): TandemError {
  return new TandemError('INVALID', `not an IP address: ${JSON.stringify(host)}`, {
    hint: 'write it as 192.0.2.66 or 2001:db8:0:1::/64',
  });
}

/** A Map keeps the order of its entries. */
function dropOldest(map: Map<string, unknown>, most: number): void {
  if (map.size <= most) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
