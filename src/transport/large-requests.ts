/**
 * Requests that are too long for one datagram: by TCP to the same host, and by UDP after all where nobody takes TCP.
 * RFC 3261 §18.1.1
 *
 *   hops of the URI   udp A ─────────▶ udp B ─────────▶ tls C
 *   hops given        tcp A ─▶ udp A ─▶ tcp B ─▶ udp B ─▶ tls C
 *
 * Who did not take TCP is sent datagrams for as long as a dead target is passed over.
 */
import type { Millis } from '../base/world.ts';
import type { Uri } from '../sip/uri.ts';
import type { DeadTargets } from './dead-targets.ts';
import type { Hops, Located } from './locate.ts';
import type { Hop, Transports } from './transports.ts';

/** The longest request that goes out as a datagram where it need not. RFC 3261 §18.1.1 */
export const DATAGRAM_BYTES_MAX = 1_300;

/** The dead by TCP alone are no domain's: a host is, and whoever asks for it finds it so. */
const NO_DOMAIN = '';

/** Whether a URI leaves it open how to get there, and who gets there by TCP can reach us by it. */
export function mayUseTcp(uri: Uri, hop: Hop, { listeners }: Pick<Transports, 'listeners'>): boolean {
  if (hop.transport !== 'udp' || uri.params['transport'] !== undefined) return false;
  const isIPv6 = hop.host.includes(':');
  return listeners.some(({ transport, local }) => transport === 'tcp' && local.isIPv6 === isIPv6);
}

/** The hops of a large request. */
export class TcpFirst implements Hops {
  /** The first one, by TCP; undefined when it takes none. */
  readonly first: Hop | undefined;
  private readonly rest: Hops;
  private readonly dead: DeadTargets;
  private readonly deadMs: Millis;
  /** The hop at hand by TCP, and the same by UDP, which comes next. */
  private tcp: Hop | undefined = undefined;
  private udp: Hop | undefined = undefined;

  /** `first` is what `rest` has given already. */
  constructor(first: Hop, rest: Hops, dead: DeadTargets, deadMs: Millis) {
    this.rest = rest;
    this.dead = dead;
    this.deadMs = deadMs;
    const hop = this.byTcp(first);
    this.first = hop === first ? undefined : hop;
  }

  get mayHaveMore(): boolean {
    return this.udp !== undefined || this.rest.mayHaveMore;
  }

  get status(): number {
    return this.rest.status;
  }

  next(): Located {
    const { udp } = this;
    this.tcp = this.udp = undefined;
    if (udp !== undefined) return udp;
    const hop = this.rest.next();
    return hop instanceof Promise ? hop.then((found) => this.byTcp(found)) : this.byTcp(hop);
  }

  answered(): void {
    this.rest.answered();
  }

  /** A 503 by TCP is the host's answer, and not that of its TCP. */
  failed(forMs?: Millis): void {
    if (this.tcp === undefined || forMs !== undefined) {
      this.udp = undefined;
      this.rest.failed(forMs);
    } else if (this.deadMs > 0) this.dead.mark(NO_DOMAIN, this.tcp, this.deadMs);
  }

  private byTcp(hop: Hop | undefined): Hop | undefined {
    if (hop === undefined || hop.transport !== 'udp') return hop;
    const tcp: Hop = { transport: 'tcp', host: hop.host, port: hop.port };
    if (this.dead.size > 0 && this.dead.passesOver(NO_DOMAIN, tcp)) return hop;
    this.udp = hop;
    return (this.tcp = tcp);
  }
}
