/** Where a URI lives: the hops to try, best first. RFC 3263 §4. */
import { isIpAddress } from '../base/endpoint.ts';
import type { Clock, DnsType, Logger, Millis, Net, Random } from '../base/world.ts';
import type { Uri } from '../sip/uri.ts';
import { isNowhere } from './connection-alias.ts';
import { DeadTargets } from './dead-targets.ts';
import type { TransportName } from './flow.ts';
import { NamedHops, UNAVAILABLE } from './locate-names.ts';
import { defaultPorts } from './locate-order.ts';
import type { Hop } from './transports.ts';

/** A hop at once when no name has to be asked for; otherwise after a look-up. Undefined: there is none. */
export type Located = Hop | undefined | Promise<Hop | undefined>;

/**
 * The hops of one request. `next` gives the first, and after a failure the next one; names are asked for only when
 * the hop is wanted.
 */
export interface Hops {
  next(): Located;
  /** Whether `next` might give another. False at the start: the URI holds an address, so there is but one. */
  readonly mayHaveMore: boolean;
  /** What the request is answered when there was no hop at all. */
  readonly status: number;
  /** The hop given last has answered. */
  answered(): void;
  /** It has failed: others pass it over for so long, the time of the settings unless told. */
  failed(forMs?: Millis): void;
}

/** What a {@link Locator} stands on. */
export interface LocatorParts {
  readonly net: Pick<Net, 'known' | 'resolve'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Whether a socket of ours could send so. */
  readonly speaks: (transport: TransportName, isIPv6: boolean) => boolean;
  /**
   * Whether nothing may be sent to an address. `ledBy`: whose name or maddr leads there, if one does. `isChosen`: the
   * name is one that somebody registered.
   */
  readonly isClosed?: ((host: string, ledBy: string | undefined, isChosen: boolean) => boolean) | undefined;
  /** How long a target that failed is passed over; 0: never. */
  readonly deadMs: Millis;
  /** Whether a domain is asked which transports it prefers. RFC 3263 §4.1 */
  readonly naptr: boolean;
}

/** RFC 3261 §21.4.14: a tel URI names no place; whoever wants it relayed must rewrite it. RFC 3966 §7 */
const UNSUPPORTED_SCHEME = 416;

/** Finds hops. */
export class Locator {
  readonly parts: LocatorParts;
  readonly dead: DeadTargets;
  /** So that nobody can choose the server he gets by his Call-ID. */
  private readonly salt: number;

  constructor(parts: LocatorParts) {
    this.parts = parts;
    this.dead = new DeadTargets(parts.clock);
    this.salt = parts.random.below(2 ** 32);
  }

  /** The first hop. */
  locate(uri: Uri, order = 0, asker?: string): Located {
    return this.candidates(uri, order, asker).next();
  }

  /**
   * All hops. Those with the same `order`, a hash of the Call-ID, go one way while that way is open. `asker`: the
   * address of who has us go there; undefined for requests of our own. `isChosen`: see {@link LocatorParts.isClosed}.
   */
  candidates(uri: Uri, order = 0, asker?: string, isChosen = false): Hops {
    if (uri.scheme === 'tel') return new NoHops(UNSUPPORTED_SCHEME);
    const secure = uri.scheme === 'sips';
    const asked = transportOf(uri, secure);
    if (asked === undefined) return new NoHops(UNAVAILABLE);
    const { maddr } = uri.params;
    // RFC 3261 §19.1.1: maddr overrides the host.
    const target = typeof maddr === 'string' ? withoutBrackets(maddr).toLowerCase() : uri.host;
    // Known by the WebSocket that it opened, and to no name server: RFC 7118 §5.
    if (isNowhere(target)) return new OneHop(secure ? 'wss' : 'ws', target, 0, secure);
    if (isIpAddress(target)) {
      if (this.isClosed(target, maddr === undefined ? undefined : asker)) return new NoHops(UNAVAILABLE);
      const transport = asked === 'any' ? (secure ? 'tls' : 'udp') : asked;
      return new OneHop(transport, target, uri.port ?? defaultPorts[transport], secure);
    }
    if (isChosen && this.isClosed(target, asker, true)) return new NoHops(UNAVAILABLE);
    return new NamedHops(
      this,
      { domain: target, transport: asked, port: uri.port, secure, asker, isChosen },
      order ^ this.salt,
    );
  }

  /** See {@link LocatorParts.isClosed}. */
  isClosed(host: string, ledBy: string | undefined, isChosen = false): boolean {
    return this.parts.isClosed?.(host, ledBy, isChosen) === true;
  }

  /** See `Net.known`. */
  known(name: string, type: DnsType): ReturnType<Net['known']> {
    return this.parts.net.known(name, type);
  }
}

/** `any`: the URI leaves it open. Undefined: we do not speak it, or it cannot be what `sips` promises. */
function transportOf(uri: Uri, secure: boolean): TransportName | 'any' | undefined {
  const wanted = uri.params['transport'];
  if (wanted === undefined) return 'any';
  switch (String(wanted).toLowerCase()) {
    case 'udp':
      return secure ? undefined : 'udp';
    case 'tcp':
      return secure ? 'tls' : 'tcp'; // RFC 3261 §26.2.2: TLS over TCP.
    case 'tls':
      return 'tls';
    case 'ws':
      return secure ? 'wss' : 'ws'; // RFC 7118 §5.2.2
    case 'wss':
      return 'wss';
    default:
      return undefined;
  }
}

function withoutBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

/** An address in the URI: its own hop, so that the usual case makes one object. */
class OneHop implements Hop, Hops {
  readonly transport: TransportName;
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  private given = false;

  constructor(transport: TransportName, host: string, port: number, secure: boolean) {
    this.transport = transport;
    this.host = host;
    this.port = port;
    this.secure = secure;
  }

  get mayHaveMore(): boolean {
    return false;
  }

  get status(): number {
    return UNAVAILABLE;
  }

  next(): Hop | undefined {
    if (this.given) return undefined;
    this.given = true;
    return this;
  }

  answered(): void {}

  failed(): void {}
}

class NoHops implements Hops {
  readonly status: number;

  constructor(status: number) {
    this.status = status;
  }

  get mayHaveMore(): boolean {
    return false;
  }

  next(): undefined {
    return undefined;
  }

  answered(): void {}

  failed(): void {}
}
