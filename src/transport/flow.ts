/**
 * The path between one of our sockets and one peer: the way a message came, and the way its answer goes back.
 * For UDP a pair of addresses; for TCP a connection.
 */
import type { Endpoint } from '../base/endpoint.ts';
import { InLine } from '../base/waiting-line.ts';
import type { TokenOwner } from '../base/world.ts';

/** How messages travel. RFC 3261 §18, RFC 7118 */
export type TransportName = 'udp' | 'tcp' | 'tls' | 'ws' | 'wss';

/** Whether nobody on the way can read or change what goes by. RFC 3261 §26.2.2 */
export function isSecure(transport: TransportName): boolean {
  return transport === 'tls' || transport === 'wss';
}

/** Who is told that a path broke. He watches one at a time. */
export abstract class FlowWatcher extends InLine {
  abstract flowBroke(): void;
}

/** One path. */
export interface Flow {
  readonly transport: TransportName;
  /** No message is lost or doubled on the way: transactions do not repeat themselves. RFC 3261 §17. */
  readonly reliable: boolean;
  readonly remote: Endpoint;
  /** What the peer proved by its certificate: DNS names and SIP domains in lower case. RFC 5922 §7.1 */
  readonly peerNames?: readonly string[];
  /** Whose it is, by the token that the WebSocket was opened with. */
  readonly tokenOwner?: TokenOwner | undefined;
  /** Our address as this peer sees it: what Via and Record-Route carry, `192.0.2.1:5060`. */
  readonly sentBy: string;
  /** The same peer's other port, for a response that goes to its sent-by; a connection has one only. */
  toPort(port: number): Flow;
  /** False once the connection is gone. */
  readonly open: boolean;
  /** `order`: messages with the same value keep their order. False when the path is broken. */
  send(text: string, order: number): boolean;
  /** A message that came by it was dropped before anybody looked at it; a connection on which that goes on is cut. */
  unheard?(): void;
  /** Tells the watcher once, if the path breaks before he is let go. Never for UDP, nor when it is broken already. */
  watch(watcher: FlowWatcher): void;
  unwatch(watcher: FlowWatcher): void;
  /**
   * A new path to the same peer, once this one is broken: where the peer ended a connection that we had opened, and
   * that stood. Undefined where there is none, as to whoever came to us.
   */
  again?(): Flow | undefined;
}

/** Calls `broken` once, if the path breaks. */
export function whenBroken(flow: Partial<Pick<Flow, 'watch'>>, broken: () => void): void {
  flow.watch?.(new BreakCallback(broken));
}

class BreakCallback extends FlowWatcher {
  readonly flowBroke: () => void;

  constructor(broken: () => void) {
    super();
    this.flowBroke = broken;
  }
}
