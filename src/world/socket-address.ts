/**
 * Addresses as the kernel has them.
 *
 *   sockaddr_in    family 2 ┊ port 2 ┊ address 4
 *   sockaddr_in6   family 2 ┊ port 2 ┊ flow 4 ┊ address 16 ┊ scope 4
 *
 * The family is little-endian, all else but the scope as it travels.
 */
import { Endpoint, intToIp4, ip4ToInt, isIp4 } from '../base/endpoint.ts';
import { addressWords } from '../base/network.ts';
import type { HostPort } from '../base/world.ts';
import type { Kernel } from './kernel.ts';
import { Region } from './region.ts';

/** The families. */
export const AF_INET = 2;
export const AF_INET6 = 10;

const IN6_BYTES = 28;
const NAME_BYTES = 16;

/** The family of a literal address. */
export function familyOf(host: string): number {
  return host.includes(':') ? AF_INET6 : AF_INET;
}

/** A place for one address, which the kernel reads or writes. */
export class SocketAddress {
  private readonly kernel: Kernel;
  private readonly name: Region;
  private readonly length: Region;
  private readonly interfaceName: Region;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.name = new Region(kernel, IN6_BYTES);
    this.length = new Region(kernel, 4);
    this.interfaceName = new Region(kernel, NAME_BYTES);
  }

  get pointer(): bigint {
    return this.name.pointer;
  }

  /** For a call that writes here: it is told how much room there is, and says what it took. */
  get lengthPointer(): bigint {
    this.length.words[0] = IN6_BYTES;
    return this.length.pointer;
  }

  /** Puts a literal address here, and tells how many bytes it has. */
  write({ host, port }: HostPort): number {
    const { bytes, words } = this.name;
    bytes.fill(0);
    bytes.writeUInt16LE(familyOf(host), 0);
    bytes.writeUInt16BE(port, 2);
    if (isIp4(host)) {
      words[1] = ip4ToInt(host);
      return 16;
    }
    const groups = addressWords(host);
    if (groups === undefined) throw new TypeError(`expected an address, got ${host}`);
    for (const [at, word] of groups.entries()) bytes.writeInt32BE(word, 8 + 4 * at);
    return IN6_BYTES;
  }

  read(): Endpoint {
    const { bytes, words } = this.name;
    const port = bytes.readUInt16BE(2);
    if (bytes.readUInt16LE(0) === AF_INET) return new Endpoint(intToIp4(words[1]!), port);
    const host = printIp6(bytes.subarray(8, 24));
    const isLinkLocal = (bytes.readUInt16BE(8) & 0xffc0) === 0xfe80;
    return new Endpoint(isLinkLocal ? `${host}%${this.interfaceOf(words[6]!)}` : host, port);
  }

  /** A link-local address means nothing without it. RFC 4007 §11 */
  private interfaceOf(scope: number): string {
    const { bytes, pointer } = this.interfaceName;
    return this.kernel.call.if_indextoname(scope, pointer) === 0n
      ? String(scope)
      : bytes.latin1Slice(0, bytes.indexOf(0));
  }
}

/** As the kernel writes it: the longest run of zero groups is `::`. RFC 5952 §4.2 */
export function printIp6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  let best = { at: 0, count: 1 };
  for (let at = 0; at < 8; at++) {
    let count = 0;
    while (groups[at + count] === '0') count++;
    if (count > best.count) best = { at, count };
  }
  if (best.count === 1) return groups.join(':');
  return `${groups.slice(0, best.at).join(':')}::${groups.slice(best.at + best.count).join(':')}`;
}
