/** Addresses as 128 bits, and ranges of them: `192.0.2.0/24`, `2001:db8::/32`. RFC 4632, RFC 4291 §2.3 */
import { ip4ToInt, isIp6 } from './endpoint.ts';

/** An address as four words, the first bits first; an IPv4 address as its IPv4-mapped one (RFC 4291 §2.5.5.2). */
export type AddressWords = readonly [number, number, number, number];

/** Where the 32 bits of an IPv4 address begin. */
const IP4_AT = 96;
const IP4_MAPPED = 0xffff;

/** A range of addresses. */
export interface Network {
  readonly words: AddressWords;
  /** How many of the 128 bits an address of the range has in common with it. */
  readonly bits: number;
}

/** Undefined when the text is no address. */
export function addressWords(host: string): AddressWords | undefined {
  const ip4 = ip4ToInt(host);
  if (ip4 !== 0 || host === '0.0.0.0') return [0, 0, IP4_MAPPED, bigEndian(ip4)];
  const percent = host.indexOf('%');
  const bare = percent < 0 ? host : host.substring(0, percent);
  return isIp6(bare) ? ip6Words(bare) : undefined;
}

/** The IPv4 address as a little-endian int32 that an IPv4-mapped address carries; undefined for any other. */
export function mappedIp4(words: AddressWords): number | undefined {
  const isMapped = words[0] === 0 && words[1] === 0 && words[2] === IP4_MAPPED;
  return isMapped ? bigEndian(words[3]) : undefined;
}

/** `192.0.2.0/24`, or one address; undefined when it is neither, or has bits behind its prefix. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/');
  const host = slash < 0 ? text : text.substring(0, slash);
  const words = addressWords(host);
  if (words === undefined) return undefined;
  const from = host.includes(':') ? 0 : IP4_AT;
  const length = slash < 0 ? 128 - from : Number(text.substring(slash + 1));
  if (slash >= 0 && !/^\d{1,3}$/.test(text.substring(slash + 1))) return undefined;
  if (from + length > 128) return undefined;
  const network = { words, bits: from + length };
  return words.every((word, at) => (word & ~maskOf(network.bits, at)) === 0) ? network : undefined;
}

/** Whether an address is in one of these. */
export function isWithin(networks: readonly Network[], address: AddressWords): boolean {
  return networks.some(({ words, bits }) =>
    words.every((word, at) => ((word ^ address[at]!) & maskOf(bits, at)) === 0),
  );
}

/** Whether two texts are one address: an IPv6 address has many spellings, an IPv4 address one more as IPv6. */
export function isSameHost(host: string, other: string): boolean {
  if (host === other) return true;
  const words = addressWords(host);
  const others = addressWords(other);
  return words !== undefined && others !== undefined && words.every((word, at) => word === others[at]);
}

/** The bits of the word at this place that belong to a prefix. */
function maskOf(bits: number, at: number): number {
  const within = bits - 32 * at;
  if (within <= 0) return 0;
  return within >= 32 ? -1 : -1 << (32 - within);
}

function ip6Words(host: string): AddressWords {
  const [head = '', tail] = host.split('::');
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const missing = Array.from({ length: 8 - before.length - after.length }, () => 0);
  const groups = [...before, ...missing, ...after];
  const word = (at: number): number => (groups[at]! << 16) | groups[at + 1]!;
  return [word(0), word(2), word(4), word(6)];
}

function groupsOf(text: string): readonly number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const ip4 = bigEndian(ip4ToInt(group));
    return [ip4 >>> 16, ip4 & 0xffff];
  });
}

/** The four bytes the other way round. */
function bigEndian(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
