/** The ways to where a URI lives, in the order they are tried. RFC 3263 §4 */
import type { Millis } from '../base/world.ts';
import type { Uri } from '../sip/uri.ts';
import { mayUseTcp, TcpFirst } from '../transport/large-requests.ts';
import type { Hops, Locator } from '../transport/locate.ts';
import { type Flow, isSecure } from '../transport/flow.ts';
import type { Hop, Transports } from '../transport/transports.ts';

/** Ways that one request is tried by. */
export const WAYS_MAX = 8;

/** A way at once when no name has to be asked for. Undefined: there is none, or no further one. */
export type Way = Flow | undefined | Promise<Flow | undefined>;

/** What ways are found with. */
export interface WaysParts {
  readonly transports: Transports;
  readonly locator: Locator;
  /** Whether requests that are too long for a datagram try TCP first; yes unless told. */
  readonly largeByTcp?: boolean | undefined;
}

/** Who has us go where a request of ours leads. Nobody, where a URI is our own. */
export interface LedBy {
  /** His address: to our own loopback no name leads but of who is there himself. */
  readonly asker?: string | undefined;
  /** He has registered it: it leads to no server that takes calls at our expense. */
  readonly isChosen?: boolean | undefined;
}

/** The ways of one request. */
export class Ways {
  private readonly parts: WaysParts;
  private readonly uri: Uri;
  private hops: Hops;
  /** The hop given last, as long as the request may still turn out to be too long for it. */
  private last: Hop | undefined = undefined;
  private given = 0;

  /** Requests with the same `order` go one way while that way is open. */
  constructor(parts: WaysParts, uri: Uri, order: number, { asker, isChosen }: LedBy = {}) {
    this.parts = parts;
    this.uri = uri;
    this.hops = parts.locator.candidates(uri, order, asker, isChosen);
  }

  /** Whether there may be another. */
  get mayHaveMore(): boolean {
    return this.given < WAYS_MAX && this.hops.mayHaveMore;
  }

  next(): Way {
    this.given++;
    const hop = this.hops.next();
    return hop instanceof Promise ? hop.then((found) => this.flowTo(found)) : this.flowTo(hop);
  }

  /** Who was reached last has answered. */
  answered(): void {
    this.hops.answered();
  }

  /** Who was tried last is dead: others pass them over for a while, the time of the settings unless told. */
  failed(forMs?: Millis): void {
    this.hops.failed(forMs);
  }

  /**
   * The connection to the same host, for a request that is too long for the datagram it was to be; the datagram is
   * the next way. Undefined where it stays one. RFC 3261 §18.1.1
   */
  byTcp(): Flow | undefined {
    const { last, parts, uri, hops } = this;
    const { transports, locator } = parts;
    if (last === undefined || parts.largeByTcp === false || hops instanceof TcpFirst) return undefined;
    if (!mayUseTcp(uri, last, transports)) return undefined;
    const larger = new TcpFirst(last, hops, locator.dead, locator.parts.deadMs);
    const flow = larger.first && transports.flowTo(larger.first);
    if (flow !== undefined) this.hops = larger;
    return flow;
  }

  private flowTo(hop: Hop | undefined): Flow | undefined {
    this.last = hop;
    return hop && this.parts.transports.flowTo(hop);
  }
}

/** What our Contact says to whoever reaches us by this flow; in a dialog of sips it is a sips URI. RFC 3261 §12.1.1 */
export function contactFor(flow: Flow, user?: string, isSips = false): string {
  const byTls = isSips && isSecure(flow.transport);
  const isUsual = flow.transport === 'udp' || (byTls && flow.transport === 'tls');
  const transport = isUsual ? '' : `;transport=${byTls ? 'ws' : flow.transport}`;
  return `<${byTls ? 'sips' : 'sip'}:${user === undefined ? '' : `${user}@`}${flow.sentBy}${transport}>`;
}
