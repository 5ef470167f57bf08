/** What every end of ours stands on. */
import type { World } from '../base/world.ts';
import { Dialogs } from '../dialog/dialogs.ts';
import type { SessionTimerLimits } from '../dialog/session-timer.ts';
import type { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import type { Uri } from '../sip/uri.ts';
import type { TransactionLayer } from '../transaction/layer.ts';
import type { Flow } from '../transport/flow.ts';
import type { Locator } from '../transport/locate.ts';
import type { Transports } from '../transport/transports.ts';
import type { Callee } from './hunt.ts';
import { type LedBy, Ways, type WaysParts } from './ways.ts';

/** What the agent is made of. */
export interface AgentParts {
  readonly world: World;
  readonly layer: TransactionLayer;
  readonly transports: Transports;
  readonly locator: Locator;
  readonly limits: AgentLimits;
  /** Whether requests that are too long for a datagram try TCP first; yes unless told. */
  readonly largeByTcp?: boolean | undefined;
}

/** What bounds it. */
export interface AgentLimits {
  /** Dialogs of which we are an end, early ones and subscriptions included. */
  readonly dialogsMax: number;
  readonly sessionTimer: SessionTimerLimits;
}

/** Told of each request that we begin, before it leaves; may change it. False keeps it back. */
export type LocalHook = (request: SipRequest) => boolean;

/** Shared by all calls, enrolments and probes. */
export class AgentCore {
  readonly world: World;
  readonly layer: TransactionLayer;
  readonly limits: AgentLimits;
  readonly dialogs: Dialogs;
  /** Set when the script has local routes. */
  local: LocalHook | undefined = undefined;
  /** Told that the flow to somebody is gone; set by the registrar, when there is one. RFC 5626 §7 */
  flowFailed: ((callee: Callee) => void) | undefined = undefined;
  private readonly transports: Transports;
  private readonly ways: WaysParts;

  constructor(parts: AgentParts) {
    this.world = parts.world;
    this.layer = parts.layer;
    this.limits = parts.limits;
    this.transports = parts.transports;
    this.ways = parts;
    this.dialogs = new Dialogs(parts.world.random, parts.limits);
  }

  /** Requests with the same `order` go one way while that way is open. */
  waysTo(uri: Uri, order: number, led: LedBy): Ways {
    return new Ways(this.ways, uri, order, led);
  }

  /** Undefined when nothing of ours speaks the transport. */
  flowTo(hop: Parameters<Transports['flowTo']>[0]): Flow | undefined {
    return this.transports.flowTo(hop);
  }

  /** Whether a URI leads to us, whoever says it. */
  isOwn({ scheme, host, port }: Uri): boolean {
    return scheme !== 'tel' && !this.transports.isAmbiguous(host) && this.transports.isOwn(host, port);
  }

  /** A request of ours as the local routes leave it; undefined when they keep it back. */
  afterLocal(text: string): string | undefined {
    if (this.local === undefined) return text;
    const message = parseMessage(text);
    if (message.kind !== 'request') return text;
    return this.local(message) ? message.text : undefined;
  }

  /** A number that keeps the messages of something new in order on the wire. */
  newOrder(): number {
    return this.world.random.below(0x7fffffff);
  }
}
