/**
 * A request that came in, until it is decided what becomes of it.
 * A server transaction is opened only when somebody has to wait: a challenge or a refusal that can be given at once
 * is given without one (RFC 3261 §8.2.7), so a stranger's request leaves nothing behind.
 */
import { replyTo } from '../sip/build.ts';
import type { SipRequest } from '../sip/message.ts';
import type { ViaSpan } from '../sip/via.ts';
import type { TransactionKey } from '../transaction/key.ts';
import type { TransactionLayer } from '../transaction/layer.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { Stem } from '../transaction/stem.ts';
import type { DialogFlow } from '../proxy/flow-routes.ts';
import type { RouteView } from '../proxy/loose-route.ts';
import type { ResponseContext } from '../proxy/response-context.ts';
import type { RouteMark } from '../proxy/route-signer.ts';
import type { Flow } from '../transport/flow.ts';
import { withCapabilities } from './capabilities.ts';
import type { Generation } from './generation.ts';
import type { Admitted } from './preamble.ts';
import type { Router } from './router.ts';
import type { RouteKind } from './step.ts';

type HeaderLines = readonly (readonly [string, string])[];

/** How much longer than a datagram the challenge to it may be, or what we say of ourselves. */
export const ANSWER_FACTOR_MAX = 2;
const TOO_SHORT = 'Too Short To Be Challenged';

/** One request, and how it is answered. */
export class Incoming {
  readonly request: SipRequest;
  readonly flow: Flow;
  readonly order: number;
  /** Whether it came for a sips URI. */
  readonly isSips: boolean;
  /** The number of the call's record, 0 for none. */
  call = 0;
  /** Its Route values, once the preamble has looked at them. */
  route: RouteView | undefined = undefined;
  /** It must not be sent on, only answered. */
  noHopsLeft = false;
  /** How long it was when it came. */
  bytes: number;
  /** What our mark in its Route says; undefined outside a dialog. */
  mark: RouteMark | undefined = undefined;
  /** How the other side of its dialog is reached, when only its flow leads there. */
  bound: DialogFlow | undefined = undefined;
  /** `loopHash` of the request as it came, before any edit. */
  loopMark = 0;
  /** What it stems from, when it has come back to us. */
  private stem: Stem | undefined = undefined;
  /** How often it was relayed: more than once when a failure route did. */
  relays = 0;
  /** The relay that failed last: a failure route goes on from it. */
  failed: ResponseContext | undefined = undefined;
  /** The kind of route that decides about it. */
  asks: RouteKind;
  /** The load of the script that decides about it. */
  script: Generation | undefined = undefined;
  server: ServerTransaction | undefined = undefined;
  /** The methods that the script takes; undefined before the preamble has let it through. */
  private router: Pick<Router, 'allow'> | undefined = undefined;
  /** It asks what we can: our 200 says so. */
  private asksUs = false;
  private generation = 0;
  private readonly flowBack: Flow;
  private readonly key: TransactionKey;
  private readonly layer: TransactionLayer;

  constructor(
    layer: TransactionLayer,
    request: SipRequest,
    via: ViaSpan,
    key: TransactionKey,
    flow: Flow,
    order: number,
  ) {
    this.layer = layer;
    this.key = key;
    this.request = request;
    this.flowBack = layer.flowBack(request, via, flow); // Now: a script's edits move the Via.
    this.flow = flow;
    this.order = order;
    this.bytes = request.text.length;
    this.isSips = request.isSips;
    this.asks = request.toTag === '' ? 'request' : 'in dialog';
  }

  /** The preamble has let it through, to the script with these routes. */
  admitted(admitted: Admitted, router: Pick<Router, 'allow'>): void {
    this.mark = admitted.mark;
    this.route = admitted.route;
    this.bound = admitted.bound;
    this.loopMark = admitted.loopMark;
    this.stem = admitted.stem;
    this.noHopsLeft = admitted.noHopsLeft;
    this.asksUs = admitted.asksUs;
    this.router = router;
  }

  /** Opens the server transaction, once. Undefined when there is no room: the request has been answered 503. */
  open(): ServerTransaction | undefined {
    if (this.server !== undefined) return this.server;
    this.server = this.layer.openServer(this.key, this.request, this.flowBack, this.order, this.stem);
    if (this.server === undefined) this.replyStateless(503, undefined, [['Retry-After', '5']]);
    else this.generation = this.server.generation;
    return this.server;
  }

  /** Whether the caller has been told its end; from then on its transaction may be another call's. */
  get answered(): boolean {
    const { server } = this;
    return server !== undefined && (server.generation !== this.generation || server.status >= 200);
  }

  /** Whether the caller has been told its end, or has given up. */
  get over(): boolean {
    return this.answered || this.server?.cancelled === true;
  }

  reply(status: number, reason?: string, headers: HeaderLines = [], body?: string): void {
    if (this.answered) return;
    const stateful = status < 200 || (this.request.method === 'INVITE' && status !== 401 && status !== 407);
    if (this.server === undefined && stateful) this.open();
    if (this.server === undefined) {
      if (!stateful) this.replyStateless(status, reason, headers, body);
      return;
    }
    const text = this.answer(status, reason, headers, body);
    if (this.isTooLong(status, text)) this.server.respond(400, this.answer(400, TOO_SHORT));
    else this.server.respond(status, text);
  }

  replyStateless(status: number, reason?: string, headers: HeaderLines = [], body?: string): void {
    const text = this.answer(status, reason, headers, body);
    this.flowBack.send(this.isTooLong(status, text) ? this.answer(400, TOO_SHORT) : text, this.order);
  }

  private answer(status: number, reason?: string, headers: HeaderLines = [], body?: string): string {
    const { request, router } = this;
    const toTag = this.layer.toTag(request);
    const allow = status === 405 ? router?.allow : undefined;
    const parts = { reason, toTag, headers, body, allow };
    if (this.asksUs && status === 200 && router !== undefined) {
      const whole = replyTo(request, status, { ...parts, headers: withCapabilities(headers, router.allow) });
      if (!this.enlarges(whole)) return whole;
    }
    return replyTo(request, status, parts);
  }

  /**
   * A challenge goes to whoever is written in a datagram, and is the longest answer that a stranger gets for nothing.
   * One who asks in too few bytes to be a user agent is not challenged: he would have another flooded with them.
   */
  private isTooLong(status: number, text: string): boolean {
    return (status === 401 || status === 407) && this.enlarges(text);
  }

  /** Whether somebody could have more sent to another by us than he sends himself. */
  private enlarges(text: string): boolean {
    return !this.flowBack.reliable && text.length > ANSWER_FACTOR_MAX * this.bytes;
  }
}
