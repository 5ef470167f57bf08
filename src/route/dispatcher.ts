/**
 * The way in: text → message → transaction → preamble → script → decision.
 *
 *   transports ──▶ receive ──▶ parse ──▶ sanity ──▶ matched? ──▶ its transaction
 *                     │ bad: 400                      │ new
 *                     ▼                               ▼
 *                  answered                        preamble ──▶ router ──▶ performer
 */
import { SipError, TandemError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { callOrder } from '../proxy/forward.ts';
import type { Proxy } from '../proxy/proxy.ts';
import { replyTo } from '../sip/build.ts';
import { SipRequest } from '../sip/message.ts';
import { type BadMessage, parseMessage } from '../sip/parse.ts';
import { checkRequest, checkResponse } from '../sip/sanity.ts';
import { responseAddress, stampReceived, topVia, type ViaSpan } from '../sip/via.ts';
import { transactionKey } from '../transaction/key.ts';
import type { TransactionLayer } from '../transaction/layer.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { Flow } from '../transport/flow.ts';
import type { CallObserver } from './call-observer.ts';
import { RequestContext } from './context.ts';
import type { Awaitable, RequestDecision } from './decision.ts';
import { Incoming } from './incoming.ts';
import { Performer } from './perform.ts';
import { admit } from './preamble.ts';
import type { Router } from './router.ts';
import { RouteWatch } from './watch.ts';

/** What the dispatcher stands on. */
export interface DispatcherParts {
  readonly world: World;
  readonly layer: TransactionLayer;
  readonly proxy: Proxy;
  readonly calls: CallObserver;
  readonly router: Router<never>;
}

/** What came in, since the start. */
export interface DispatcherCounters {
  requests: number;
  responses: number;
  badMessages: number;
  scriptErrors: number;
}

/** Takes every message that comes in. */
export class Dispatcher {
  readonly counters: DispatcherCounters = { requests: 0, responses: 0, badMessages: 0, scriptErrors: 0 };
  /** The generation of the script that new requests go to. */
  router: Router<never>;
  /** We are about to stop: nothing new is begun. */
  draining = false;
  private readonly world: World;
  private readonly layer: TransactionLayer;
  private readonly proxy: Proxy;
  private readonly calls: CallObserver;
  private readonly performer: Performer;
  private readonly routeWatch: RouteWatch;

  constructor(parts: DispatcherParts) {
    this.world = parts.world;
    this.layer = parts.layer;
    this.proxy = parts.proxy;
    this.calls = parts.calls;
    this.router = parts.router;
    this.routeWatch = new RouteWatch(parts.world.clock, this.fail);
    this.performer = new Performer({
      proxy: parts.proxy,
      calls: parts.calls,
      log: parts.world.log,
      failed: this.fail,
      watch: (work, incoming, done) => this.routeWatch.watch(work, incoming, done),
    });
  }

  /** One message as it came by a flow. Never throws: a mistake of ours ends one transaction. */
  readonly receive = (text: string, flow: Flow): void => {
    try {
      const message = parseMessage(text);
      if (message.kind === 'request') this.receiveRequest(message, flow);
      else if (message.kind === 'bad') this.refuse(message, flow);
      else {
        this.counters.responses++;
        if (checkResponse(message) !== undefined) this.counters.badMessages++;
        else if (!this.layer.receiveResponse(message)) this.proxy.forwardResponse(message);
      }
    } catch (error) {
      this.counters.scriptErrors++;
      this.world.log.error('a message could not be handled', { from: flow.remote.key, why: describe(error) });
    }
  };

  private receiveRequest(request: SipRequest, flow: Flow): void {
    this.counters.requests++;
    const via = this.stampVia(request, flow);
    if (via === undefined) {
      this.counters.badMessages++;
      return;
    }
    const { method } = request;
    const fault = checkRequest(request);
    const ofInvite = method === 'ACK' || method === 'CANCEL';
    const key = transactionKey(request, via, ofInvite ? 'INVITE' : method);
    const incoming = new Incoming(this.layer, request, via, key, flow, callOrder(request.callId));
    if (fault !== undefined) {
      this.counters.badMessages++;
      if (method !== 'ACK') incoming.replyStateless(fault.status, fault.why);
      return;
    }
    const known = this.layer.findServer(key);
    if (method === 'ACK') this.receiveAck(incoming, known);
    else if (method === 'CANCEL') this.receiveCancel(incoming, known);
    else if (known !== undefined) known.requestAgain();
    else if (this.draining && request.toTag === '') {
      incoming.replyStateless(503, undefined, [['Retry-After', '10']]);
    } else this.begin(incoming);
  }

  /** Undefined when the topmost Via cannot be read: nobody can be answered. */
  private stampVia(request: SipRequest, flow: Flow): ViaSpan | undefined {
    const via = topVia(request.headers);
    if (via === undefined) return undefined;
    const { text } = request.headers;
    stampReceived(request.headers, via, flow.remote.host, flow.remote.port);
    return request.headers.text === text ? via : topVia(request.headers);
  }

  /** An ACK belongs to an INVITE we refused, or goes on along the route set of its dialog. RFC 3261 §17.1.1.3 */
  private receiveAck(incoming: Incoming, invite: ServerTransaction | undefined): void {
    // Some peers give the ACK for a 2xx the branch of its INVITE: it goes on all the same.
    if (invite !== undefined && invite.state !== 'accepted') {
      invite.acknowledged();
      return;
    }
    try {
      const { mark, route, loopMark } = admit(incoming, this.proxy);
      if (mark !== undefined) this.proxy.forwardAck(incoming.request, route, loopMark, incoming.order);
    } catch (error) {
      if (!(error instanceof SipError)) throw error; // An ACK is never answered.
    }
  }

  /** RFC 3261 §9.2: hop by hop, answered at once, whatever becomes of the INVITE. */
  private receiveCancel(incoming: Incoming, invite: ServerTransaction | undefined): void {
    incoming.replyStateless(invite === undefined ? 481 : 200);
    if (invite === undefined || invite.status >= 200 || invite.cancelled) return;
    invite.cancelled = true;
    invite.user?.cancelled(invite);
  }

  private begin(incoming: Incoming): void {
    const { request } = incoming;
    const c = new RequestContext<never>(
      {} as never,
      this.world.log,
      request,
      incoming.flow,
      (status, reason) => incoming.reply(status, reason),
    );
    const { router } = this;
    try {
      const { mark, route, loopMark } = admit(incoming, this.proxy);
      incoming.route = route;
      incoming.loopMark = loopMark;
      if (mark !== undefined && mark.call !== 0) this.calls.within(mark, request);
      this.decided(mark === undefined ? router.route(c) : router.routeInDialog(c), incoming, c, router);
    } catch (error) {
      this.fail(incoming, error);
    }
  }

  private decided(
    decision: Awaitable<RequestDecision>,
    incoming: Incoming,
    c: RequestContext<never>,
    router: Router<never>,
  ): void {
    if (!(decision instanceof Promise)) return this.performer.perform(decision, incoming, c, router);
    // From here on the request may come again before it is decided: its transaction absorbs that.
    if (incoming.open() === undefined) return;
    this.routeWatch.watch(decision, incoming, (done) => this.performer.perform(done, incoming, c, router));
  }

  /** A route that throws harms no other call. Never throws: who calls this may be a promise nobody looks at. */
  private readonly fail = (incoming: Incoming, error: unknown): void => {
    try {
      this.answerFailure(incoming, error);
    } catch (worse) {
      this.counters.scriptErrors++;
      const facts = { call: incoming.request.callId, why: describe(worse) };
      this.world.log.error('a failure could not be answered as it should', facts);
      if (!incoming.answered) incoming.reply(500);
    }
  };

  /** With the error's SIP status, else 500. */
  private answerFailure(incoming: Incoming, error: unknown): void {
    // Who gave up meanwhile still waits for the 487 of its INVITE.
    if (incoming.answered) return;
    const known = error instanceof SipError ? error : undefined;
    if (known === undefined) {
      this.counters.scriptErrors++;
      this.world.log.error('a route failed', { call: incoming.request.callId, why: describe(error) });
    }
    const status = known?.status ?? 500;
    if (known !== undefined && incoming.server === undefined) {
      const reason = status === 400 ? known.message : undefined;
      incoming.replyStateless(status, reason, Object.entries(known.headers));
      return;
    }
    const c = new RequestContext<never>(
      {} as never,
      this.world.log,
      incoming.request,
      incoming.flow,
      () => {},
    );
    const headers = Object.entries(known?.headers ?? {});
    this.performer.perform({ do: 'reply', status, headers }, incoming, c, this.router);
  }

  /** What is no SIP message is answered when it is a request that says whom to answer, else dropped. */
  private refuse(bad: BadMessage, flow: Flow): void {
    this.counters.badMessages++;
    this.world.log.debug('not a SIP message', { from: flow.remote.key, why: bad.why });
    const { headers } = bad;
    if (headers === undefined || bad.method === '' || bad.method === 'ACK') return;
    const request = new SipRequest(bad.method, headers);
    const via = this.stampVia(request, flow);
    if (via === undefined) return;
    const address = responseAddress(headers);
    const back = flow.reliable || address === undefined ? flow : flow.toPort(address.port);
    back.send(replyTo(request, bad.status, { reason: bad.why, toTag: this.layer.toTag(request) }), 0);
  }
}

function describe(error: unknown): string {
  if (error instanceof TandemError) return `${error.code} ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
