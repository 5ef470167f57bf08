/**
 * The way in: text → message → transaction → preamble → script → decision.
 *
 *   transports ──▶ receive ──▶ parse ──▶ sanity ──▶ matched? ──▶ its transaction
 *                     │ bad: 400                      │ new
 *                     ▼                               ▼
 *                  answered                        preamble ──▶ router ──▶ performer
 */
import type { Agent } from '../agent/agent.ts';
import { SipError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { callOrder } from '../proxy/forward.ts';
import type { Proxy } from '../proxy/proxy.ts';
import { replyTo } from '../sip/build.ts';
import { ROUTE } from '../sip/header-table.ts';
import { SipRequest } from '../sip/message.ts';
import { type BadMessage, parseMessage } from '../sip/parse.ts';
import { reasonOf } from '../sip/reason.ts';
import { checkRequest, checkResponse } from '../sip/sanity.ts';
import { responseAddress, stampReceived, topVia, type ViaSpan } from '../sip/via.ts';
import { transactionKey } from '../transaction/key.ts';
import type { TransactionLayer } from '../transaction/layer.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { Flow } from '../transport/flow.ts';
import type { CallObserver } from './call-observer.ts';
import { checkedDecision } from './checked.ts';
import { ErrorContext, LocalContext, RequestContext } from './context.ts';
import type { Awaitable, Reply, RequestDecision } from './decision.ts';
import type { Generation, Generations } from './generation.ts';
import { Incoming } from './incoming.ts';
import { Performer } from './perform.ts';
import { admit } from './preamble.ts';
import { callingLine, describeFault, errorText, scriptLineOf, shortLine } from './source-line.ts';
import { leadsOf, type LineFinder, nameOfDecision, type StepObserver, TakenStep } from './step.ts';
import { RouteError } from './route-error.ts';
import { ROUTE_MS, RouteWatch } from './watch.ts';

/** What the dispatcher stands on. */
export interface DispatcherParts {
  readonly world: World;
  readonly layer: TransactionLayer;
  readonly proxy: Proxy;
  readonly agent: Agent;
  readonly calls: CallObserver;
  readonly generations: Generations;
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
  /** Of the script: new requests go to the one that is current. */
  readonly generations: Generations;
  /** We are about to stop: nothing new is begun. */
  draining = false;
  /** Who finds the lines that steps tell. */
  lines: LineFinder = callingLine;
  private readonly world: World;
  private readonly layer: TransactionLayer;
  private readonly proxy: Proxy;
  private readonly agent: Agent;
  private readonly performer: Performer;
  private readonly routeWatch: RouteWatch;

  constructor(parts: DispatcherParts) {
    this.world = parts.world;
    this.layer = parts.layer;
    this.proxy = parts.proxy;
    this.agent = parts.agent;
    this.generations = parts.generations;
    this.routeWatch = new RouteWatch(parts.world.clock, this.fail);
    this.performer = new Performer({
      proxy: parts.proxy,
      agent: parts.agent,
      calls: parts.calls,
      log: parts.world.log,
      failed: this.fail,
      threw: () => void this.counters.scriptErrors++,
      watch: (work, incoming, done) => this.routeWatch.watch(work, incoming, done),
    });
  }

  /** The generation of the script that new requests go to. */
  get generation(): Generation {
    return this.generations.current;
  }

  /** Routes that took longer than they may. */
  get slowRoutes(): number {
    return this.routeWatch.timedOut;
  }

  /** Requests whose route has not decided yet. */
  get waitingRoutes(): number {
    return this.routeWatch.waiting;
  }

  /** Is told what each route decides; undefined costs nothing. */
  get onStep(): StepObserver | undefined {
    return this.performer.onStep;
  }

  set onStep(observer: StepObserver | undefined) {
    this.performer.onStep = observer;
  }

  /**
   * Whoever makes requests of our own asks before each is sent: the local route may edit it, or hold it back (false).
   * When it throws, the request is sent as it is.
   */
  readonly local = (request: SipRequest): boolean => {
    const { generation } = this;
    const { onLocal } = generation.router;
    if (onLocal === undefined) return true;
    const c = new LocalContext(this.world.log, request);
    if (this.onStep !== undefined) c.lines = this.lines;
    let decision = 'throws';
    generation.marks?.enter('local', generation.number, c);
    try {
      decision = onLocal(c).do;
    } catch (error) {
      this.counters.scriptErrors++;
      this.world.log.error('a local route threw', { call: request.callId, ...describeFault(error) });
    }
    generation.marks?.leave();
    const { callId, method } = request;
    this.onStep?.({ route: 'local', callId, method, generation: generation.number, decision, at: c.line });
    return decision !== 'drop';
  };

  /** One message as it came by a flow. Never throws: a mistake of ours ends one transaction. */
  readonly receive = (text: string, flow: Flow): void => {
    try {
      const message = parseMessage(text);
      if (message.kind === 'request') this.receiveRequest(message, flow, text.length);
      else if (message.kind === 'bad') this.refuse(message, text, flow);
      else {
        this.counters.responses++;
        if (checkResponse(message) !== undefined) this.counters.badMessages++;
        else if (!this.layer.receiveResponse(message)) this.proxy.forwardResponse(message);
      }
    } catch (error) {
      this.counters.scriptErrors++;
      const facts = { from: flow.remote.key, ...describeFault(error) };
      this.world.log.error('a message could not be handled', facts);
    }
  };

  private receiveRequest(request: SipRequest, flow: Flow, bytes: number): void {
    this.counters.requests++;
    const via = this.stampVia(request, flow);
    if (via === undefined) {
      this.counters.badMessages++;
      return;
    }
    const { method } = request;
    const fault = checkRequest(request);
    if (fault !== undefined) this.counters.badMessages++;
    const ofInvite = method === 'ACK' || method === 'CANCEL';
    const key = transactionKey(request, via, ofInvite ? 'INVITE' : method);
    const known = fault === undefined ? this.layer.findServer(key) : undefined;
    const order = callOrder(request);
    if (method === 'ACK') {
      if (fault === undefined) this.receiveAck(request, flow, order, known);
      return;
    }
    if (known !== undefined && method !== 'CANCEL') return known.requestAgain();
    const incoming = new Incoming(this.layer, request, via, key, flow, order);
    incoming.bytes = bytes;
    if (fault !== undefined) incoming.replyStateless(fault.status, fault.why);
    else if (method === 'CANCEL') this.receiveCancel(incoming, known);
    else if (this.draining && request.toTag === '') {
      incoming.replyStateless(503, undefined, [['Retry-After', '10']]);
    } else if (!this.isForAgent(request)) this.begin(incoming);
    else {
      const server = incoming.open();
      if (server !== undefined) this.agent.receive(server, request);
    }
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
  private receiveAck(
    request: SipRequest,
    flow: Flow,
    order: number,
    invite: ServerTransaction | undefined,
  ): void {
    // Some peers give the ACK for a 2xx the branch of its INVITE: it goes on all the same.
    if (invite !== undefined && invite.state !== 'accepted') {
      invite.acknowledged();
      return;
    }
    try {
      if (this.isForAgent(request)) {
        this.agent.receiveAck(request);
        return;
      }
      const admitted = admit(request, order, this.proxy);
      if (admitted.mark !== undefined) this.proxy.forwardAck(request, admitted, order, flow);
    } catch (error) {
      if (!(error instanceof SipError)) throw error; // An ACK is never answered.
    }
  }

  /**
   * Whether we are the other end of its dialog. A route set of ours that it still carries comes first: on the way to
   * us it passes our proxy, which keeps the record of that call.
   */
  private isForAgent(request: SipRequest): boolean {
    if (this.agent.dialogCount === 0 || request.toTag === '' || !this.agent.takes(request)) return false;
    if (request.headers.find(ROUTE) < 0) return true;
    const route = this.proxy.routes(request);
    return route.next === undefined && route.token === undefined;
  }

  /** RFC 3261 §9.2: hop by hop, answered at once, whatever becomes of the INVITE. */
  private receiveCancel(incoming: Incoming, invite: ServerTransaction | undefined): void {
    incoming.replyStateless(invite === undefined ? 481 : 200);
    if (invite === undefined || invite.status >= 200 || invite.cancelled) return;
    invite.cancelled = true;
    invite.user?.cancelled(invite, reasonOf(incoming.request));
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
    const { generation } = this;
    if (this.onStep !== undefined) c.lines = this.lines;
    try {
      const admitted = admit(request, incoming.order, this.proxy);
      incoming.admitted(admitted, generation.router);
      c.flowToken = admitted.route.user;
      this.decided(generation.ask(c, admitted.mark !== undefined), incoming, c, generation);
    } catch (error) {
      this.fail(incoming, error);
    }
  }

  private decided(
    decision: Awaitable<RequestDecision>,
    incoming: Incoming,
    c: RequestContext<never>,
    generation: Generation,
  ): void {
    if (!(decision instanceof Promise)) return this.perform(decision, incoming, c, generation);
    // From here on the request may come again before it is decided: its transaction absorbs that.
    if (incoming.open() === undefined) return;
    this.routeWatch.watch(decision, incoming, (done) => this.perform(done, incoming, c, generation));
  }

  private perform(
    decision: RequestDecision,
    incoming: Incoming,
    c: RequestContext<never>,
    generation: Generation,
  ): void {
    checkedDecision(decision);
    this.tell(decision, incoming, c, generation);
    this.performer.perform(decision, incoming, c, generation);
  }

  private tell(
    decision: RequestDecision,
    { asks: route }: Incoming,
    c: RequestContext<never>,
    { number: generation }: Generation,
  ): void {
    if (this.onStep === undefined) return;
    const name = nameOfDecision(decision);
    this.onStep(new TakenStep(route, c, generation, name, undefined, leadsOf(decision)), c);
  }

  /** A route that throws harms no other call. Never throws: who calls this may be a promise nobody looks at. */
  private readonly fail = (incoming: Incoming, error: unknown): void => {
    try {
      this.answerFailure(incoming, error);
    } catch (worse) {
      this.counters.scriptErrors++;
      const facts = { call: incoming.request.callId, ...describeFault(worse) };
      this.world.log.error('a failure could not be answered as it should', facts);
      if (!incoming.answered) incoming.reply(500);
    }
  };

  /** With the error's SIP status, else 500. */
  private answerFailure(incoming: Incoming, error: unknown): void {
    // Who gave up meanwhile still waits for the 487 of its INVITE.
    if (incoming.answered) return;
    const known = error instanceof SipError ? error : undefined;
    // What a stranger can bring about is no mistake of the script's: it is answered, and fills no log.
    const isSlow = known?.code === 'ROUTE_SLOW';
    if (known === undefined || known.status === 500 || known instanceof RouteError) {
      if (!isSlow) this.counters.scriptErrors++;
      this.logThrown(incoming, error, isSlow);
      this.tellThrown(incoming, error);
    }
    const status = known?.status ?? 500;
    const ofScript = known instanceof RouteError ? known.message : undefined;
    if (known !== undefined && ofScript === undefined && incoming.server === undefined) {
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
    this.performer.perform({ do: 'reply', status, reason: ofScript, headers }, incoming, c, this.generation);
  }

  private logThrown({ request, asks: route }: Incoming, error: unknown, isSlow: boolean): void {
    const call = request.callId;
    const { log } = this.world;
    if (isSlow) log.warn('a route took too long and was answered 500', { call, route, limitMs: ROUTE_MS });
    else log.error('a route failed', { call, route, ...describeFault(error) });
  }

  private tellThrown({ request, asks: route }: Incoming, error: unknown): void {
    const place = scriptLineOf(error);
    this.onStep?.({
      route,
      callId: request.callId,
      method: request.method,
      generation: this.generation.number,
      decision: 'throws',
      leads: errorText(error),
      at: place && shortLine(place),
    });
  }

  /** What is no SIP message is answered when it is a request that says whom to answer, else dropped. */
  private refuse(bad: BadMessage, text: string, flow: Flow): void {
    this.counters.badMessages++;
    this.world.log.debug('not a SIP message', { from: flow.remote.key, why: bad.why });
    const { headers } = bad;
    const answer = this.errorAnswer(bad, text, flow);
    if (answer === undefined) return;
    if (headers === undefined || bad.method === '' || bad.method === 'ACK') return;
    const request = new SipRequest(bad.method, headers);
    const via = this.stampVia(request, flow);
    if (via === undefined) return;
    const address = responseAddress(headers);
    const back = flow.reliable || address === undefined ? flow : flow.toPort(address.port);
    const { status, reason } = answer;
    back.send(replyTo(request, status, { reason, toTag: this.layer.toTag(request) }), 0);
  }

  /** What the error route answers; undefined when it drops. One that throws is as good as none. */
  private errorAnswer(bad: BadMessage, text: string, flow: Flow): Reply | undefined {
    const { generation } = this;
    const usual: Reply = { do: 'reply', status: bad.status, reason: bad.why };
    const { onError } = generation.router;
    if (onError === undefined) return usual;
    const c = new ErrorContext(this.world.log, text, flow, { status: bad.status, message: bad.why });
    generation.marks?.enter('error', generation.number);
    try {
      const decision = onError(c);
      return decision.do === 'drop' ? undefined : decision;
    } catch (error) {
      this.counters.scriptErrors++;
      this.world.log.error('an error route threw', { from: flow.remote.key, ...describeFault(error) });
      return usual;
    } finally {
      generation.marks?.leave();
    }
  }
}
