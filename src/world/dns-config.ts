/** What the machine says of names: /etc/resolv.conf and the hosts file, as text → what we need of it. */
import { isIp4, isIp6 } from '../base/endpoint.ts';
import type { DnsRecord, HostPort } from '../base/world.ts';
import { labelsOf } from './dns-reader.ts';
import { limits } from './limits.ts';

/** RFC 1035 §4.2 */
export const DNS_PORT = 53;

/** Addresses of one host. */
export interface HostAddresses {
  readonly A: readonly DnsRecord[];
  readonly AAAA: readonly DnsRecord[];
}

/** Names in lower case. */
export type Hosts = ReadonlyMap<string, HostAddresses>;

const record = (target: string): DnsRecord => ({ target, ttlMs: limits.dnsFilesMs });
/** RFC 6761 §6.3: nobody is ever asked for it. */
const LOCALHOST: HostAddresses = { A: [record('127.0.0.1')], AAAA: [record('::1')] };

/** The `nameserver` lines. Without one, this machine itself, as resolv.conf(5) has it. */
export function readServers(resolvConf: string): readonly HostPort[] {
  const servers: HostPort[] = [];
  for (const [keyword, address = ''] of wordsOf(resolvConf, /[#;]/)) {
    if (keyword !== 'nameserver' || servers.length === limits.dnsServers) continue;
    if (isIp4(address) || isIp6(address)) servers.push({ host: address, port: DNS_PORT });
  }
  return servers.length === 0 ? [{ host: '127.0.0.1', port: DNS_PORT }] : servers;
}

/** An address, then its names. hosts(5) */
export function readHosts(hostsFile: string): Hosts {
  const hosts = new Map<string, { A: DnsRecord[]; AAAA: DnsRecord[] }>();
  for (const [address = '', ...names] of wordsOf(hostsFile, /#/)) {
    const type = isIp4(address) ? 'A' : isIp6(address) ? 'AAAA' : undefined;
    if (type === undefined) continue;
    for (const name of names) {
      const key = labelsOf(name)?.join('.');
      if (key === undefined) continue;
      let host = hosts.get(key);
      if (host === undefined) hosts.set(key, (host = { A: [], AAAA: [] }));
      if (host[type].length < limits.dnsRecords) host[type].push(record(address));
    }
  }
  return new Map<string, HostAddresses>([...hosts, ['localhost', LOCALHOST]]);
}

/** The words of each line, comments left out. Read at the start and seldom after: here it may be plain. */
function wordsOf(text: string, comment: RegExp): string[][] {
  return text.split('\n').map((line) => (line.split(comment)[0] ?? '').trim().split(/\s+/));
}
