import { promises as dns } from 'node:dns';
import type { DnsRecord } from '../base/world.ts';
import { limits } from './limits.ts';

/** Names asked of the configured DNS servers, and then of the hosts file. */
export class Names {
  private readonly resolver = new dns.Resolver({ timeout: limits.dnsTryMs, tries: limits.dnsTries });

  /** Rejects with `ENOTFOUND`, `ENODATA`, `ETIMEOUT` and the like as `code`. */
  async resolve(name: string, type: 'A' | 'AAAA' | 'SRV'): Promise<readonly DnsRecord[]> {
    if (type === 'SRV') return this.services(name);
    try {
      const found =
        type === 'A'
          ? await this.resolver.resolve4(name, { ttl: true })
          : await this.resolver.resolve6(name, { ttl: true });
      return found.map(({ address, ttl }) => ({ target: address, ttlMs: ttl * 1_000 }));
    } catch (error) {
      const known = await hosts(name, type);
      if (known.length === 0) throw error;
      return known;
    }
  }

  /** RFC 2782. */
  private async services(name: string): Promise<readonly DnsRecord[]> {
    const found = await this.resolver.resolveSrv(name);
    return found.map(({ name: target, port, priority, weight }) => ({
      target,
      port,
      priority,
      weight,
      ttlMs: limits.ttlUnknownMs,
    }));
  }
}

/** What getaddrinfo knows beside DNS: `localhost`, the hosts file. Nothing when it fails too. */
async function hosts(name: string, type: 'A' | 'AAAA'): Promise<readonly DnsRecord[]> {
  const found = await dns.lookup(name, { all: true, family: type === 'A' ? 4 : 6 }).catch(() => []);
  return found.map(({ address }) => ({ target: address, ttlMs: limits.ttlUnknownMs }));
}
