/**
 * Networks and what is said of them: the narrowest one that holds an address decides. One hash table for each length
 * of prefix that occurs, tried from the longest on, so a look-up costs a few probes however many networks there are.
 */
import { isIp4, isIp6 } from '../base/endpoint.ts';
import { TandemError } from '../base/errors.ts';
import { type AddressWords, addressWords } from '../base/network.ts';

/** Rules of one table. */
export const RULES_MAX = 100_000;

/** One network, and what it must be besides. */
export interface AddressRule {
  readonly group: string;
  /** `192.0.2.0`, `2001:db8::` */
  readonly host: string;
  /** Bits of the network; all of them unless given. */
  readonly bits?: number | undefined;
  /** 0 or none: any. */
  readonly port?: number | undefined;
  /** None: any. */
  readonly transport?: string | undefined;
}

const PORT_MAX = 65_535;
const IP4_BITS = 32;
const IP6_BITS = 128;
/** The third word of an IPv4 address as IPv6 has it: RFC 4291 §2.5.5.2. */
const IP4_MAPPED = 0xffff;

/** See above. */
export class AddressTable {
  private readonly ip4 = new Family(IP4_BITS, ip4Key);
  private readonly ip6 = new Family(IP6_BITS, ip6Key);
  private count = 0;

  /** Throws INVALID when the network cannot be read or the table is full. */
  add(rule: AddressRule): void {
    if (this.count >= RULES_MAX) throw new TandemError('INVALID', `more than ${RULES_MAX} address rules`);
    const words = addressWords(rule.host);
    if (words === undefined || !this.familyOf(words).add(words, rule))
      throw new TandemError(
        'INVALID',
        `expected a network such as 192.0.2.0/24, not ${rule.host}/${rule.bits}`,
      );
    this.count++;
  }

  /** The first rule of the narrowest network that holds the address and fits; of one group only, if one is given. */
  find(host: string, port: number, transport: string, group?: string): AddressRule | undefined {
    const words = addressWords(host);
    return words && this.familyOf(words).find(words, (rule) => fits(rule, port, transport, group));
  }

  /** A peer of a socket that hears both families may be an IPv4 one in the clothes of IPv6. */
  private familyOf(words: AddressWords): Family {
    return words[0] === 0 && words[1] === 0 && words[2] === IP4_MAPPED ? this.ip4 : this.ip6;
  }
}

type KeyOf = (words: AddressWords, bits: number) => number | string;

/** The networks of IPv4, or of IPv6: by length, and within one length by the bits that its addresses share. */
class Family {
  private readonly networks = new Map<number, Map<number | string, AddressRule[]>>();
  /** The lengths that occur, the longest first. */
  private readonly lengths: number[] = [];
  private readonly bitsMax: number;
  private readonly keyOf: KeyOf;

  constructor(bitsMax: number, keyOf: KeyOf) {
    this.bitsMax = bitsMax;
    this.keyOf = keyOf;
  }

  /** False when there is no such length. */
  add(words: AddressWords, rule: AddressRule): boolean {
    const { bits = this.bitsMax } = rule;
    if (!Number.isInteger(bits) || bits < 0 || bits > this.bitsMax) return false;
    let networks = this.networks.get(bits);
    if (networks === undefined) {
      this.networks.set(bits, (networks = new Map<number | string, AddressRule[]>()));
      this.lengths.push(bits);
      this.lengths.sort((a, b) => b - a);
    }
    const key = this.keyOf(words, bits);
    const rules = networks.get(key);
    if (rules === undefined) networks.set(key, [rule]);
    else rules.push(rule);
    return true;
  }

  find(words: AddressWords, isIt: (rule: AddressRule) => boolean): AddressRule | undefined {
    for (const bits of this.lengths) {
      const rule = this.networks.get(bits)?.get(this.keyOf(words, bits))?.find(isIt);
      if (rule !== undefined) return rule;
    }
    return undefined;
  }
}

function ip4Key(words: AddressWords, bits: number): number {
  return masked(words[3], bits);
}

function ip6Key([a, b, c, d]: AddressWords, bits: number): string {
  return `${masked(a, bits)}:${masked(b, bits - 32)}:${masked(c, bits - 64)}:${masked(d, bits - 96)}`;
}

/** The first bits of a word. */
function masked(word: number, bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? word | 0 : word & (-1 << (32 - bits));
}

const HOST = /\[(?<bracketed>[0-9a-f:.]+)\]|(?<bare>[0-9a-f:]*:[0-9a-f:.]*:[0-9a-f:.]*)|(?<dotted>[0-9.]+)/;
const NETWORK = new RegExp(
  `^(?:(?<transport>udp|tcp|tls|ws|wss):)?(?:${HOST.source})(?:/(?<bits>\\d{1,3}))?(?::(?<port>\\d{1,5}))?$`,
  'i',
);

/** `udp:192.0.2.0/24`, `[2001:db8::]/32`, `192.0.2.7:5060` → its parts; undefined when it is none. */
export function parseNetwork(text: string): Omit<AddressRule, 'group'> | undefined {
  const match = NETWORK.exec(text);
  if (match === null) return undefined;
  const { transport, bracketed, bare, dotted, bits, port = '0' } = match.groups ?? {};
  const host = bracketed ?? bare ?? dotted ?? '';
  const most = isIp4(host) ? IP4_BITS : IP6_BITS;
  const network = {
    host,
    bits: Number(bits ?? most),
    port: Number(port),
    transport: transport?.toLowerCase(),
  };
  if (!isIp4(host) && !isIp6(host)) return undefined;
  return network.bits > most || network.port > PORT_MAX ? undefined : network;
}

function fits(rule: AddressRule, port: number, transport: string, group: string | undefined): boolean {
  if (group !== undefined && rule.group !== group) return false;
  if (rule.port !== undefined && rule.port !== 0 && rule.port !== port) return false;
  return rule.transport === undefined || rule.transport === transport;
}
