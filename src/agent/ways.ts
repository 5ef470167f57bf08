/** The ways to where a URI lives, in the order they are tried. RFC 3263 §4 */
import type { Hops } from '../transport/locate.ts';
import type { Flow } from '../transport/flow.ts';
import type { Hop, Transports } from '../transport/transports.ts';

/** Ways that one request is tried by. */
export const WAYS_MAX = 8;

/** A way at once when no name has to be asked for. Undefined: there is none, or no further one. */
export type Way = Flow | undefined | Promise<Flow | undefined>;

/** The ways of one request. */
export class Ways {
  private readonly hops: Hops;
  private readonly transports: Transports;
  private given = 0;

  constructor(hops: Hops, transports: Transports) {
    this.hops = hops;
    this.transports = transports;
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

  /** Who was tried last is dead: others pass them over for a while. */
  failed(): void {
    this.hops.failed();
  }

  private flowTo(hop: Hop | undefined): Flow | undefined {
    return hop && this.transports.flowTo(hop);
  }
}

/** What our Contact says to whoever reaches us by this flow. */
export function contactFor(flow: Flow, user?: string): string {
  const transport = flow.transport === 'udp' ? '' : `;transport=${flow.transport}`;
  return `<sip:${user === undefined ? '' : `${user}@`}${flow.sentBy}${transport}>`;
}
