/**
 * A router that translates addresses, with the behaviours of RFC 4787.
 *
 *   10.0.0.2:5060 ──▶ 198.51.100.7:20000 ──▶ 192.0.2.1:5060
 *          inside │ public                    peer: may send back, others depend on the kind
 *
 * Only packets from inside keep a mapping alive (RFC 4787 §4.3 leaves the other direction open); one that is
 * over is forgotten, and the next packet gets a new port.
 */
import { Endpoint } from '../base/endpoint.ts';
import type { Clock, Millis } from '../base/world.ts';

/**
 * Who may send to a mapping: `full-cone` anyone, `restricted` an address sent to, `port-restricted` an
 * address and port sent to. `symmetric` is `port-restricted` with a mapping of its own for each peer.
 */
export type NatKind = 'full-cone' | 'restricted' | 'port-restricted' | 'symmetric';

/** Where a NAT stands and how it behaves: `port-restricted`, 30 s, unless told otherwise. */
export interface NatOptions {
  readonly public: string;
  /** The addresses of the hosts behind it. */
  readonly inside: readonly string[];
  readonly kind?: NatKind;
  readonly udpTimeoutMs?: Millis;
}

const UDP_TIMEOUT_MS = 30_000;
const FIRST_PORT = 20_000;
const LAST_PORT = 65_535;

interface Mapping {
  readonly inside: Endpoint;
  /** When a packet last went to each peer, by `ip:port` and by `ip`. */
  readonly sentAt: Map<string, Millis>;
  lastSentAt: Millis;
}

/** One NAT and its mappings. */
export class SimNat {
  readonly public: string;
  private readonly insiders: ReadonlySet<string>;
  private readonly kind: NatKind;
  private readonly udpTimeoutMs: Millis;
  private readonly clock: Clock;
  private readonly byPort = new Map<number, Mapping>();
  private readonly portOf = new Map<string, number>();
  private nextPort = FIRST_PORT;

  constructor(clock: Clock, options: NatOptions) {
    this.clock = clock;
    this.public = options.public;
    this.insiders = new Set(options.inside);
    this.kind = options.kind ?? 'port-restricted';
    this.udpTimeoutMs = options.udpTimeoutMs ?? UDP_TIMEOUT_MS;
  }

  isInside(address: string): boolean {
    return this.insiders.has(address);
  }

  /** A datagram leaves: the address the world sees it come from. */
  outbound(inside: Endpoint, to: Endpoint): Endpoint {
    const key = this.kind === 'symmetric' ? `${inside.key} ${to.key}` : inside.key;
    const known = this.portOf.get(key);
    const live = known === undefined ? undefined : this.mapping(known);
    const port = live === undefined || known === undefined ? this.takePort() : known;
    const now = this.clock.now();
    const mapping = live ?? { inside, sentAt: new Map<string, Millis>(), lastSentAt: now };
    mapping.lastSentAt = now;
    mapping.sentAt.set(to.key, now).set(to.host, now);
    this.byPort.set(port, mapping);
    this.portOf.set(key, port);
    return new Endpoint(this.public, port);
  }

  /** A datagram comes to a public port: the host inside it is for, or undefined when it may not enter. */
  inbound(from: Endpoint, port: number): Endpoint | undefined {
    const mapping = this.mapping(port);
    if (mapping === undefined) return undefined;
    if (this.kind === 'full-cone') return mapping.inside;
    const sentAt = mapping.sentAt.get(this.kind === 'restricted' ? from.host : from.key);
    return sentAt === undefined || this.isOver(sentAt) ? undefined : mapping.inside;
  }

  /** The host inside that a public port belongs to, filters aside. */
  behind(port: number): string | undefined {
    return this.byPort.get(port)?.inside.host;
  }

  /** A connection leaves: it gets a public port for as long as it lives. */
  outboundStream(): Endpoint {
    return new Endpoint(this.public, this.takePort());
  }

  /** Switched off and on again: all mappings are gone. */
  restart(): void {
    this.byPort.clear();
    this.portOf.clear();
  }

  private takePort(): number {
    const port = this.nextPort;
    this.nextPort = port === LAST_PORT ? FIRST_PORT : port + 1;
    return port;
  }

  private mapping(port: number): Mapping | undefined {
    const mapping = this.byPort.get(port);
    if (mapping === undefined || !this.isOver(mapping.lastSentAt)) return mapping;
    this.byPort.delete(port);
    return undefined;
  }

  private isOver(sentAt: Millis): boolean {
    return this.clock.now() - sentAt > this.udpTimeoutMs;
  }
}
