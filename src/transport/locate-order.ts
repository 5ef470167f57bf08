/** Records of a domain → the order in which they are tried. Pure. RFC 3263 §4.1, RFC 2782, RFC 3403 §4.1. */
import type { DnsRecord } from '../base/world.ts';
import { isSecure, type TransportName } from './flow.ts';

/** A service of a domain: what it speaks, and the name of its SRV records. */
export interface Service {
  readonly transport: TransportName;
  readonly name: string;
}

/** RFC 3263 §4.1, RFC 7118 §5.3 */
const byField: Readonly<Record<string, TransportName>> = {
  'sip+d2u': 'udp',
  'sip+d2t': 'tcp',
  'sips+d2t': 'tls',
  'sip+d2w': 'ws',
  'sips+d2w': 'wss',
};

/** The SRV names of a domain. RFC 3263 §4.1, RFC 7118 §5.3 */
const prefixes: Readonly<Record<TransportName, string>> = {
  udp: '_sip._udp.',
  tcp: '_sip._tcp.',
  tls: '_sips._tcp.',
  ws: '_sip._ws.',
  wss: '_sips._ws.',
};

/** RFC 3261 §19.1.2, RFC 7118 §5.3 */
export const defaultPorts: Readonly<Record<TransportName, number>> = {
  udp: 5060,
  tcp: 5060,
  tls: 5061,
  ws: 80,
  wss: 443,
};

/** Where the SRV records of a domain are. */
export function serviceOf(transport: TransportName, domain: string): Service {
  return { transport, name: prefixes[transport] + domain };
}

/**
 * The services that NAPTR records offer and we speak, best first. All are of one order, the lowest that has any:
 * behind it RFC 3403 §4.1 forbids to look. RFC 3263 uses the flag `s` alone, and no expressions.
 */
export function servicesOf(
  records: readonly DnsRecord[],
  secure: boolean,
  speaks: (transport: TransportName) => boolean,
): readonly Service[] {
  const offers: { order: number; preference: number; service: Service }[] = [];
  for (const { order = 0, preference = 0, flags, services = '', regexp, target } of records) {
    const transport = byField[services.toLowerCase()];
    if (transport === undefined || flags?.toLowerCase() !== 's' || regexp !== '' || target === '') continue;
    if (secure && !isSecure(transport)) continue;
    if (speaks(transport)) offers.push({ order, preference, service: { transport, name: target } });
  }
  offers.sort((a, b) => a.order - b.order || a.preference - b.preference);
  return offers.filter(({ order }) => order === offers[0]?.order).map(({ service }) => service);
}

/**
 * SRV records in the order of RFC 2782: by priority; those of one priority by chance, weighted. `seed` stands for the
 * chance: the same seed gives the same order, so that all requests of a call go one way (RFC 3263 §4.4).
 */
export function serverOrder(records: readonly DnsRecord[], seed: number): readonly DnsRecord[] {
  if (records.length < 2) return records;
  // Weight zero first, so that it has the small chance that RFC 2782 leaves it; else in any order, so that the number
  // from zero on, of which RFC 2782 gives the first one more than its share, favours nobody.
  const left = records
    .map((record, i) => ({ record, shuffle: chance(seed, -1 - i, 2 ** 32) }))
    .sort(
      (a, b) =>
        priority(a.record) - priority(b.record) ||
        isIdle(b.record) - isIdle(a.record) ||
        a.shuffle - b.shuffle,
    )
    .map(({ record }) => record);
  const ordered: DnsRecord[] = [];
  while (left.length > 0) {
    let size = 0;
    let total = 0;
    for (; size < left.length && priority(left[size]!) === priority(left[0]!); size++)
      total += left[size]!.weight ?? 0;
    let rest = chance(seed, left.length, total + 1);
    let chosen = 0;
    while (chosen < size - 1 && rest > (left[chosen]!.weight ?? 0)) rest -= left[chosen++]!.weight ?? 0;
    ordered.push(...left.splice(chosen, 1));
  }
  return ordered;
}

function priority(record: DnsRecord): number {
  return record.priority ?? 0;
}

function isIdle(record: DnsRecord): number {
  return record.weight === 0 ? 1 : 0;
}

/** Addresses of one host, beginning anywhere: a resolver that remembers would otherwise always begin at the first. */
export function addressOrder(records: readonly DnsRecord[], seed: number): readonly DnsRecord[] {
  if (records.length < 2) return records;
  const from = chance(seed, 0, records.length);
  return [...records.slice(from), ...records.slice(0, from)];
}

/** An integer from 0 to limit - 1; different draws of one seed look independent. The last steps of MurmurHash3. */
function chance(seed: number, draw: number, limit: number): number {
  let hash = seed ^ Math.imul(draw + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return Math.floor((((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32) * limit);
}
