/** Peers whose word we take for who is calling: the trust domain of RFC 3325 §2.3. */
import { addressWords, isWithin, type Network, parseNetwork } from '../base/network.ts';
import type { Target } from '../proxy/plan.ts';
import type { Flow } from '../transport/flow.ts';

const TLS: ReadonlySet<string> = new Set(['tls', 'wss']);

/** Those named in the settings: addresses, networks, and names that a TLS certificate must prove. */
export class TrustedPeers {
  readonly networks: readonly Network[];
  private readonly names: ReadonlySet<string>;

  /** What is no address and no network is a name. */
  constructor(peers: readonly string[]) {
    this.networks = peers.flatMap((peer) => parseNetwork(peer) ?? []);
    const names = peers.filter((peer) => parseNetwork(peer) === undefined);
    this.names = new Set(names.map((name) => name.toLowerCase()));
  }

  /** Whether there are none at all. */
  get isEmpty(): boolean {
    return this.networks.length === 0 && this.names.size === 0;
  }

  /** Whether one of them may be known by its certificate. */
  get hasNames(): boolean {
    return this.names.size > 0;
  }

  /** Whether what comes by this flow comes from one of them. */
  hasSent(flow: Pick<Flow, 'remote' | 'peerNames'>): boolean {
    return !this.isEmpty && (this.hasProved(flow) || this.hasAddress(flow.remote.host));
  }

  /** Whether this address or name is that of one of them. */
  has(host: string): boolean {
    return this.names.has(host) || this.hasAddress(host);
  }

  /** Whether the other end has proved one of the names by its certificate. */
  hasProved({ peerNames }: Pick<Flow, 'peerNames'>): boolean {
    return peerNames !== undefined && peerNames.some((name) => this.names.has(name));
  }

  /** Whether a branch goes to one of them. A name counts only where TLS proves it. */
  willGet({ uri, hop }: Target): boolean {
    if (this.isEmpty) return false;
    if (this.hasAddress(hop?.host ?? uri.host)) return true;
    const transport = hop?.transport ?? uri.params['transport'];
    const isProven =
      uri.scheme === 'sips' || (typeof transport === 'string' && TLS.has(transport.toLowerCase()));
    return isProven && this.names.has(hop?.serverName ?? uri.host);
  }

  private hasAddress(host: string): boolean {
    const words = this.networks.length === 0 ? undefined : addressWords(host);
    return words !== undefined && isWithin(this.networks, words);
  }
}
