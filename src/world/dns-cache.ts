/** What was learned of names, for as long as it holds. RFC 2181 §8, RFC 2308, RFC 8767. */
import type { Clock, DnsRecord, DnsType, Millis } from '../base/world.ts';
import { limits } from './limits.ts';

/** From this share of its time on, a record that is in use is asked for anew, so that no call has to wait for it. */
const REFRESH_FROM = 0.8;
/** How many old entries are looked at to find one that nobody used. */
const SECOND_CHANCES = 8;

/** One name and type. */
export interface CacheEntry {
  /** None: there is no such record, and `code` says which way. */
  readonly records: readonly DnsRecord[];
  readonly code: 'ENOTFOUND' | 'ENODATA' | undefined;
  /** Until when its TTL says it holds, and until when we use it. */
  readonly outdatedAt: Millis;
  readonly expiresAt: Millis;
  readonly refreshAt: Millis;
  /** Used since it was last spared. */
  used: boolean;
  refreshing: boolean;
}

/** What a name server said, or that none did. */
export type Learned =
  | { readonly kind: 'records'; readonly records: readonly DnsRecord[] }
  | {
      readonly kind: 'none';
      readonly code: 'ENOTFOUND' | 'ENODATA';
      /** Undefined: not said, so it is not remembered. RFC 2308 §5 */
      readonly ttlMs: Millis | undefined;
    }
  | { readonly kind: 'failed'; readonly code: string };

/** Bounded; a name that nobody asked for lately makes room for another. */
export class DnsCache {
  private readonly clock: Clock;
  private readonly namesMax: number;
  private readonly tables = {
    A: new Map<string, CacheEntry>(),
    AAAA: new Map<string, CacheEntry>(),
    SRV: new Map<string, CacheEntry>(),
    NAPTR: new Map<string, CacheEntry>(),
  } satisfies Record<DnsType, Map<string, CacheEntry>>;

  constructor(clock: Clock, namesMax: number = limits.dnsNames) {
    this.clock = clock;
    this.namesMax = namesMax;
  }

  /** Names remembered, of all types. */
  get size(): number {
    return Object.values(this.tables).reduce((sum, table) => sum + table.size, 0);
  }

  /** What holds now. Names are in lower case. */
  find(name: string, type: DnsType): CacheEntry | undefined {
    const entry = this.tables[type].get(name);
    if (entry === undefined || entry.expiresAt <= this.clock.now()) return undefined;
    entry.used = true;
    return entry;
  }

  /** Whether it is time to ask anew while the old still holds; true once for each answer. */
  wantsRefresh(entry: CacheEntry): boolean {
    if (entry.refreshing || entry.records.length === 0 || entry.refreshAt > this.clock.now()) return false;
    entry.refreshing = true;
    return true;
  }

  /**
   * Takes what was learned, and answers what holds now, if anything. Serve stale, RFC 8767 §5: when nobody can tell,
   * records that have run out less than a day ago hold for another minute, and whoever uses them in its second half
   * has them asked for anew behind his back; that there is no such record is never prolonged.
   */
  learn(name: string, type: DnsType, learned: Learned): CacheEntry | undefined {
    const now = this.clock.now();
    switch (learned.kind) {
      case 'records': {
        const records = learned.records.slice(0, limits.dnsRecords);
        const least = Math.min(limits.dnsTtlMostMs, ...records.map((record) => record.ttlMs));
        return this.put(name, type, records, undefined, Math.max(least, limits.dnsTtlLeastMs));
      }
      case 'none': {
        const ttlMs = Math.min(learned.ttlMs ?? 0, limits.dnsNegativeMostMs);
        return this.put(name, type, [], learned.code, ttlMs);
      }
      case 'failed': {
        const old = this.tables[type].get(name);
        if (old === undefined || old.records.length === 0) return undefined;
        if (old.outdatedAt + limits.dnsStaleMs <= now) return undefined;
        return this.keep(name, type, old);
      }
    }
  }

  private put(
    name: string,
    type: DnsType,
    records: readonly DnsRecord[],
    code: CacheEntry['code'],
    ttlMs: Millis,
  ): CacheEntry {
    const now = this.clock.now();
    const table = this.tables[type];
    table.delete(name);
    if (table.size >= this.namesMax) this.makeRoom(table);
    const entry = {
      records,
      code,
      outdatedAt: now + ttlMs,
      expiresAt: now + ttlMs,
      refreshAt: now + ttlMs * REFRESH_FROM,
      used: false,
      refreshing: false,
    };
    table.set(name, entry);
    return entry;
  }

  private keep(name: string, type: DnsType, old: CacheEntry): CacheEntry {
    const now = this.clock.now();
    const refreshAt = now + limits.dnsStaleRetryMs;
    const expiresAt = Math.max(old.expiresAt, refreshAt + limits.dnsStaleRetryMs);
    const entry = { ...old, expiresAt, refreshAt, refreshing: false };
    this.tables[type].set(name, entry);
    return entry;
  }

  private makeRoom(table: Map<string, CacheEntry>): void {
    for (let chances = SECOND_CHANCES; ; chances--) {
      const [first] = table;
      if (first === undefined) return;
      const [name, entry] = first;
      table.delete(name);
      if (chances === 0 || !entry.used) return;
      entry.used = false;
      table.set(name, entry);
    }
  }
}
