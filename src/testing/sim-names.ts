/** The DNS of a simulated network: a table that tests fill. */
import type { Clock, DnsRecord, Millis } from '../base/world.ts';

/** The record types we ask for. */
export type DnsType = 'A' | 'AAAA' | 'SRV';

const TTL_MS = 60_000;

/** The names of one network. A name nobody set is not found. */
export class SimNames {
  /** How long a look-up takes. */
  delayMs: Millis = 10;
  /** Every look-up made, such as `SRV _sip._udp.example.com`. */
  readonly asked: string[] = [];
  private readonly clock: Clock;
  private readonly records = new Map<string, readonly DnsRecord[]>();

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
  service(name: string, ...records: readonly Omit<Required<DnsRecord>, 'ttlMs'>[]): void {
    this.set(
      name,
      'SRV',
      records.map((record) => ({ ...record, ttlMs: TTL_MS })),
    );
  }

  set(name: string, type: DnsType, records: readonly DnsRecord[]): void {
    this.records.set(`${type} ${name.toLowerCase()}`, records);
  }

  remove(name: string, type: DnsType): void {
    this.records.delete(`${type} ${name.toLowerCase()}`);
  }

  resolve(name: string, type: DnsType): Promise<readonly DnsRecord[]> {
    const key = `${type} ${name.toLowerCase()}`;
    this.asked.push(key);
    return new Promise((resolve, reject) => {
      this.clock.after(this.delayMs, () => {
        const found = this.records.get(key);
        if (found !== undefined) resolve(found);
        else reject(netError('ENOTFOUND', `no ${type} record for ${name}`));
      });
    });
  }
}

/** An error as Node's sockets and resolvers give them: with a `code`. */
export function netError(code: string, message: string): Error & { readonly code: string } {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
