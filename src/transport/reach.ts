/**
 * Where a message may be led by who names a place in a Request-URI, a Contact, a Path or a DNS record. Behind addresses
 * of our own machine and network are services that believe whoever reaches them.
 */
import { addressWords, isWithin, type Network, parseNetwork } from '../base/network.ts';

const LOOPBACK: readonly Network[] = ['127.0.0.0/8', '::1'].flatMap((text) => parseNetwork(text) ?? []);
const DOT = 46;

/** Whether an address means the machine itself. RFC 1122 §3.2.1.3, RFC 4291 §2.5.3 */
export function isLoopback(host: string): boolean {
  const words = addressWords(host);
  return words !== undefined && isWithin(LOOPBACK, words);
}

/** Networks that nothing is sent into, whoever names an address there. */
export class ClosedNetworks {
  private readonly networks: readonly Network[];
  /** Whether such a network has IPv4 addresses that begin so: every message asks, and hardly any is led there. */
  private readonly first = new Uint8Array(256);

  constructor(networks: readonly Network[]) {
    this.networks = networks;
    for (let octet = 0; octet < 256; octet++) {
      const whole = parseNetwork(`${octet}.0.0.0/8`);
      const touches = networks.some(({ words, bits }) => {
        if (whole === undefined) return false;
        const wider = bits < whole.bits ? { words, bits } : whole;
        return isWithin([wider], bits < whole.bits ? whole.words : words);
      });
      if (touches) this.first[octet] = 1;
    }
  }

  /** Whether an address lies in one of them; a name does not. */
  has(host: string): boolean {
    if (this.networks.length === 0) return false;
    const octet = firstOctet(host);
    if (octet >= 0 && this.first[octet] === 0) return false;
    const words = addressWords(host);
    return words !== undefined && isWithin(this.networks, words);
  }
}

/** The number before the first dot; negative where there is none. */
function firstOctet(host: string): number {
  let value = 0;
  for (let at = 0; at < 4; at++) {
    const c = host.charCodeAt(at);
    if (c === DOT) return at > 0 && value < 256 ? value : -1;
    if (!(c >= 48 && c <= 57)) return -1;
    value = value * 10 + c - 48;
  }
  return -1;
}
