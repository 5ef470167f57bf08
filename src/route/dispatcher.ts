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
import { stampReceived, topVia, type ViaSpan } from '../sip/via.ts';
import { takesBack } from '../transaction/cancel.ts';
import { transactionKey } from '../transaction/key.ts';
import type { TransactionLayer } from '../transaction/layer.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { Flow } from '../transport/flow.ts';
import type { CallObserver } from './call-observer.ts';
import { checkedDecision, goesOn } from './checked.ts';
import { LocalContext, RequestContext } from './context.ts';
import type { Awaitable, RequestDecision } from './decision.ts';
import { ErrorRoutes, type MessageFault } from './error-routes.ts';
import { RouteFailures } from './failures.ts';
import type { Generation, Generations } from './generation.ts';
import { ANSWER_FACTOR_MAX, Incoming } from './incoming.ts';
import { Performer } from './perform.ts';
import { admit } from './preamble.ts';
import { callingLine, describeFault } from './source-line.ts';
import { leadsOf, type LineFinder, nameOfDecision, type StepObserver, TakenStep } from './step.ts';
import { RouteWatch } from './watch.ts';

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

/** Of a request that says nowhere whom to answer. */
const NO_VIA: MessageFault = { status: 400, why: 'Via missing or malformed' };

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
  private readonly failures: RouteFailures;
  private readonly errorRoutes: ErrorRoutes;
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
      appFailed: (incoming, app, error) => this.failures.appFailed(incoming, app, error),
      threw: () => void this.counters.scriptErrors++,
      watch: (work, incoming, done) => this.routeWatch.watch(work, incoming, done),
    });
    const { performer, counters, generations } = this;
    this.failures = new RouteFailures({ log: parts.world.log, counters, generations, performer });
    this.errorRoutes = new ErrorRoutes(parts.world, counters);
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
    const { router } = generation;
    const { onLocal } = router;
    if (onLocal === undefined) return true;
    const c = new LocalContext(this.world.log, request);
    if (this.onStep !== undefined) c.lines = this.lines;
    let decision = 'throws';
    generation.marks?.enter('local', generation.number, c);
    try {
      decision = goesOn(onLocal(c)) ? 'pass' : 'drop';
    } catch (error) {
      this.counters.scriptErrors++;
      const facts = describeFault(error, router.placeOfOther('local'));
      this.world.log.error('a local route threw', { call: request.callId, ...facts });
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
      if (message.kind === 'request') this.receiveRequest(message, flow, text);
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

  private receiveRequest(request: SipRequest, flow: Flow, text: string): void {
    this.counters.requests++;
    const via = this.stampVia(request, flow);
    if (via === undefined) {
      this.counters.badMessages++;
      // The script is told; whoever sent it cannot be.
      this.errorRoutes.answer(this.generation, text, flow, NO_VIA);
      return;
    }
    const { method } = request;
    const fault = checkRequest(request);
    const ofInvite = method === 'ACK' || method === 'CANCEL';
    const key = transactionKey(request, via, ofInvite ? 'INVITE' : method);
    const known = fault === undefined ? this.layer.findServer(key) : undefined;
    const order = callOrder(request);
    if (method === 'ACK' && fault === undefined) return this.receiveAck(request, flow, order, known);
    if (known !== undefined && method !== 'CANCEL') return known.requestAgain();
    const incoming = new Incoming(this.layer, request, via, key, flow, order);
    incoming.bytes = text.length;
    if (fault !== undefined) this.receiveFaulty(incoming, text, fault);
    else if (method === 'CANCEL') this.receiveCancel(incoming, known);
    else if (this.draining && request.toTag === '') {
      incoming.replyStateless(503, undefined, [['Retry-After', '10']]);
    } else if (!this.isForAgent(request)) this.begin(incoming);
    else {
      const server = incoming.open();
      if (server !== undefined) this.agent.receive(server, request);
    }
  }

  /** What breaks the grammar is for the error route to answer. RFC 3261 §17.1.1.3: never an ACK. */
  private receiveFaulty(incoming: Incoming, text: string, fault: MessageFault): void {
    this.counters.badMessages++;
    const answer = this.errorRoutes.answer(this.generation, text, incoming.flow, fault);
    if (answer === undefined || incoming.request.method === 'ACK') return;
    incoming.replyStateless(answer.status, answer.reason);
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

  /** RFC 3261 §9.2: hop by hop, answered at once, whatever becomes of the INVITE. 481 to all but its sender. */
  private receiveCancel(incoming: Incoming, invite: ServerTransaction | undefined): void {
    const { request, flow } = incoming;
    const isMeant = invite !== undefined && takesBack(request, flow, invite);
    incoming.replyStateless(isMeant ? 200 : 481);
    if (!isMeant || invite.status >= 200 || invite.cancelled) return;
    invite.cancelled = true;
    invite.user?.cancelled(invite, reasonOf(request));
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
    incoming.script = generation;
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

  private readonly fail = (incoming: Incoming, error: unknown): void => this.failures.answer(incoming, error);

  /** What is no SIP message is answered when it is a request that says whom to answer, else dropped. */
  private refuse(bad: BadMessage, text: string, flow: Flow): void {
    this.counters.badMessages++;
    this.world.log.debug('not a SIP message', { from: flow.remote.key, why: bad.why });
    const { headers, method } = bad;
    const answer = this.errorRoutes.answer(this.generation, text, flow, bad);
    if (answer === undefined || headers === undefined || method === '' || method === 'ACK') return;
    const request = new SipRequest(method, headers);
    const via = this.stampVia(request, flow);
    if (via === undefined) return;
    const { status, reason } = answer;
    const reply = replyTo(request, status, { reason, toTag: this.layer.toTag(request) });
    // Who writes another's address on what is hardly a message shall not have him flooded with answers to it.
    if (!flow.reliable && reply.length > ANSWER_FACTOR_MAX * text.length) return;
    this.layer.flowBack(request, via, flow).send(reply, 0);
  }
}
