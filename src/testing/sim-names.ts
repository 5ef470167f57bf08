/** The DNS of a simulated network: a table that tests fill, asked through a resolver that remembers. */
import type { Clock, DnsRecord, DnsType, Millis } from '../base/world.ts';

const TTL_MS = 60_000;
/** How long it is remembered that there is no such record. */
const NEGATIVE_MS = 5_000;

/** What a test says of an SRV record. RFC 2782 */
export interface SimService {
  readonly target: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** What a test says of a NAPTR record; flags are `s`, and there is no expression. RFC 3403 §4.1 */
export interface SimPointer {
  readonly order: number;
  readonly preference: number;
  readonly services: string;
  readonly target: string;
}

interface Known {
  readonly records: readonly DnsRecord[];
  readonly until: Millis;
}

/** The names of one network. A name nobody set is not found. */
export class SimNames {
  /** How long a look-up takes. */
  delayMs: Millis = 10;
  /** Every look-up made, such as `SRV _sip._udp.example.com`; what was remembered is not asked again. */
  readonly asked: string[] = [];
  private readonly clock: Clock;
  private readonly records = new Map<string, readonly DnsRecord[]>();
  private readonly remembered = new Map<string, Known>();
  /** Names whose servers say nothing, or only after so long. */
  private readonly delays = new Map<string, Millis>();
  /** Names whose servers answer that they cannot tell. */
  private readonly broken = new Set<string>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** One A or AAAA record for each address. */
  address(name: string, ...addresses: readonly string[]): void {
    const six = addresses[0]?.includes(':') === true;
    this.set(
      name,
      six ? 'AAAA' : 'A',
      addresses.map((target) => ({ target, ttlMs: TTL_MS })),
    );
  }

  /** SRV records: `_sip._udp.example.com` → where. */
  service(name: string, ...records: readonly SimService[]): void {
    this.set(
      name,
      'SRV',
      records.map((record) => ({ ...record, ttlMs: TTL_MS })),
    );
  }

  /** NAPTR records: `example.com` → names of services. */
  pointer(name: string, ...records: readonly SimPointer[]): void {
    this.set(
      name,
      'NAPTR',
      records.map((record) => ({ ...record, flags: 's', regexp: '', ttlMs: TTL_MS })),
    );
  }

  /** What was asked before stays remembered until its time is over, as it does in life. */
  set(name: string, type: DnsType, records: readonly DnsRecord[]): void {
    this.records.set(`${type} ${name.toLowerCase()}`, records);
  }

  remove(name: string, type: DnsType): void {
    this.records.delete(`${type} ${name.toLowerCase()}`);
  }

  /** Look-ups of this name, whatever the type, take so long; for ever unless told. */
  delay(name: string, byMs: Millis = Infinity): void {
    this.delays.set(name.toLowerCase(), byMs);
  }

  /** Look-ups of this name are answered SERVFAIL, or no longer. */
  fail(name: string, fails = true): void {
    if (fails) this.broken.add(name.toLowerCase());
    else this.broken.delete(name.toLowerCase());
  }

  resolve(name: string, type: DnsType): Promise<readonly DnsRecord[]> {
    const lower = name.toLowerCase();
    const key = `${type} ${lower}`;
    this.asked.push(key);
    return new Promise((resolve, reject) => {
      const answer = (): void => {
        if (this.broken.has(lower)) return reject(netError('ESERVFAIL', `nobody knows ${name}`));
        const found = this.records.get(key);
        this.remember(key, found ?? []);
        if (found !== undefined) resolve(found);
        else reject(netError('ENOTFOUND', `no ${type} record for ${name}`));
      };
      const delayMs = this.delays.get(lower) ?? this.delayMs;
      if (delayMs !== Infinity) this.clock.after(delayMs, answer);
    });
  }

  known(name: string, type: DnsType): readonly DnsRecord[] | undefined {
    const known = this.remembered.get(`${type} ${name.toLowerCase()}`);
    return known !== undefined && known.until > this.clock.now() ? known.records : undefined;
  }

  private remember(key: string, records: readonly DnsRecord[]): void {
    const ttlMs = records.reduce((least, record) => Math.min(least, record.ttlMs), Infinity);
    const forMs = records.length === 0 ? NEGATIVE_MS : ttlMs;
    this.remembered.set(key, { records, until: this.clock.now() + forMs });
  }
}

/** An error as Node's sockets and resolvers give them: with a `code`. */
export function netError(code: string, message: string): Error & { readonly code: string } {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
