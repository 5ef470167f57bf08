/** A decision becomes an answer, branches or nothing. */
import type { Agent } from '../agent/agent.ts';
import type { AnswerWatch } from '../agent/invite-answer.ts';
import type { Logger, Millis } from '../base/world.ts';
import { SipError } from '../base/errors.ts';
import { hasOption } from '../dialog/session-timer.ts';
import type { Finisher, PlanFailure, RelayHooks, ResponseContext } from '../proxy/response-context.ts';
import type { Proxy } from '../proxy/proxy.ts';
import { RECURSION_MAX, type RecursionOptions } from '../proxy/recursion.ts';
import type { SipRequest } from '../sip/message.ts';
import type { Uri } from '../sip/uri.ts';
import { isSecure } from '../transport/flow.ts';
import type { CallObserver } from './call-observer.ts';
import { checkedFailure, checkedYesOrNo, goesOn } from './checked.ts';
import { contactLine } from './contact-line.ts';
import { BranchContext, type Context, FailureContext, ReplyContext, RequestContext } from './context.ts';
import type {
  Answer,
  FailureDecision,
  Forward,
  Relay,
  RelayOptions,
  RequestDecision,
  Serve,
} from './decision.ts';
import type { Incoming } from './incoming.ts';
import { noHopsLeft } from './preamble.ts';
import type { Generation } from './generation.ts';
import type { BranchRoute, ReplyRoute } from './router.ts';
import { RouteGuard } from './route-guard.ts';
import { leadsOf, nameOfDecision, type RouteKind, type StepObserver, TakenStep } from './step.ts';

/** Requests that may begin a dialog: we stay on its path unless the script says otherwise. */
const DIALOG_FORMING = new Set(['INVITE', 'SUBSCRIBE', 'REFER']);
/** Those that may change where the other side sends its requests. RFC 3261 §12.2, RFC 3311 §5.1, RFC 6665 §4.4 */
const TARGET_REFRESHING = new Set(['INVITE', 'UPDATE', 'SUBSCRIBE', 'NOTIFY', 'REFER']);

/** How often failure routes may relay one request anew. */
const RELAYS_MAX = 32;

const NO_HOOKS: RelayHooks = {};

/** What performing needs. */
export interface PerformerParts {
  readonly proxy: Proxy;
  readonly agent: Agent;
  readonly calls: CallObserver;
  readonly log: Logger;
  /** Where a script's failure is answered: the error's status, else 500. */
  readonly failed: (incoming: Incoming, error: unknown) => void;
  /** An application that a script gave a call to threw: its call is answered by whoever runs it. */
  readonly appFailed: (incoming: Incoming, app: string, error: unknown) => void;
  /** A branch or reply route threw: for the count. */
  readonly threw: () => void;
  /** Runs a promise of a script under the route's time limit. */
  readonly watch: <T>(work: Promise<T>, incoming: Incoming, done: (value: T) => void) => void;
}

/** Performs decisions, and those of the failure routes that follow. */
export class Performer {
  /** Is told of each step; undefined costs nothing. */
  onStep: StepObserver | undefined = undefined;
  private readonly parts: PerformerParts;
  private readonly guard: RouteGuard;

  constructor(parts: PerformerParts) {
    const { log, threw } = parts;
    this.parts = parts;
    this.guard = new RouteGuard({ log, observed: this, threw });
  }

  /** `generation` is the one that decided: its reply routes stay with the request. */
  perform(
    decision: RequestDecision,
    incoming: Incoming,
    c: RequestContext<never>,
    generation: Generation,
  ): void {
    if (incoming.answered) return;
    if (incoming.server?.cancelled) return this.finish(incoming, 487);
    switch (decision.do) {
      case 'reply':
        this.hangsUp(incoming)?.(decision.status, 'callee');
        incoming.reply(decision.status, decision.reason, decision.headers, decision.body);
        this.record(incoming, decision.status);
        break;
      case 'redirect':
        if (decision.to.length === 0) return this.finish(incoming, 480); // RFC 3261 §8.3: a 302 has a Contact.
        incoming.reply(302, undefined, [contactLine(decision.to)]);
        this.record(incoming, 302);
        break;
      case 'relay':
        this.relay(decision, incoming, c, generation);
        break;
      case 'forward':
        this.forward(decision, incoming);
        break;
      case 'answer':
        this.answer(decision, incoming, c);
        break;
      case 'serve':
        this.serve(decision, incoming, c);
        break;
      case 'drop':
        if (incoming.server !== undefined && !incoming.server.isInvite) incoming.server.abandon();
        else if (incoming.server !== undefined) incoming.reply(480);
        break;
      default:
        return decision satisfies never; // What scripts return has been looked at.
    }
  }

  /** A record for an INVITE that is refused before it was relayed; a challenge is not the end of the attempt. */
  private record(incoming: Incoming, status: number): void {
    if (incoming.request.method !== 'INVITE' || status === 401 || status === 407) return;
    if (incoming.request.toTag !== '') return;
    if (incoming.call === 0) incoming.call = this.parts.calls.opened(incoming.request, incoming.flow);
    this.parts.calls.finished(incoming.call, status, status === 487 ? 'caller' : 'us');
  }

  private finish(incoming: Incoming, status: number): void {
    this.record(incoming, status);
    incoming.reply(status);
  }

  private relay(decision: Relay, incoming: Incoming, c: RequestContext<never>, generation: Generation): void {
    if (incoming.noHopsLeft) throw noHopsLeft();
    const server = incoming.open();
    if (server === undefined) return;
    const { request } = incoming;
    const { options } = decision;
    const begins = request.toTag === '';
    if (begins && request.method === 'INVITE' && incoming.call === 0) {
      incoming.call = this.parts.calls.opened(request, incoming.flow);
    }
    if (++incoming.relays > RELAYS_MAX)
      throw new SipError('BAD_MESSAGE', 500, 'failure routes relay without an end');
    this.parts.proxy.relay(server, c.req, decision.plan, {
      replyMs: options.replyMs,
      ringMs: options.ringMs,
      recordRoute:
        isNotify(request) || (options.recordRoute ?? (begins && DIALOG_FORMING.has(request.method))),
      path: this.path(options, request),
      advanceOn: this.advanceOn(decision, incoming, c, generation),
      call: incoming.call,
      isSips: incoming.isSips,
      loopMark: incoming.loopMark,
      route: incoming.route,
      earlier: incoming.failed,
      bound: incoming.bound,
      refreshes: TARGET_REFRESHING.has(request.method) ? incoming.mark : undefined,
      recurse: this.recursion(decision, incoming, c, generation),
      cleanReply: options.cleanReply,
      callMark: c.callMark,
      hooks: this.hooks(decision, incoming, c, generation),
    });
  }

  private path({ path = false }: RelayOptions<never>, request: SipRequest): boolean {
    if (path === 'require' && !hasOption(request.headers, 'Supported', 'path'))
      throw new SipError('BAD_EXTENSION', 421, 'a phone without Path', { Require: 'path' });
    return path !== false;
  }

  private serve({ serve }: Serve, incoming: Incoming, c: RequestContext<never>): void {
    const server = incoming.open();
    if (server !== undefined) serve(server, c.req);
  }

  private answer({ app, clean }: Answer, incoming: Incoming, c: RequestContext<never>): void {
    const { request } = incoming;
    const server = incoming.open();
    if (server === undefined) return;
    const { calls, agent } = this.parts;
    if (incoming.call === 0) incoming.call = calls.opened(request, incoming.flow);
    const { call } = incoming;
    const { callId } = request;
    let callee: Finisher = 'callee';
    const watch: AnswerWatch = {
      finished: (status) => calls.finished(call, status, status === 487 ? 'caller' : callee),
      ended: (end) => calls.ended(call, end === 'them' ? 'caller' : callee, callId, this.now()),
      threw: (error) => {
        callee = 'us';
        this.parts.appFailed(incoming, app.name, error);
      },
    };
    agent.answer(server, c.req, app, watch, { isSips: incoming.isSips, clean });
  }

  private hooks(
    decision: Relay,
    incoming: Incoming,
    c: RequestContext<never>,
    generation: Generation,
  ): RelayHooks {
    const { onBranch, onReply, onFailure } = decision.options;
    const { call } = incoming;
    const recorded = call !== 0 && incoming.request.toTag === '';
    const { onReply: onEveryReply } = generation.router;
    const finished = recorded ? this.endsCall(call) : this.hangsUp(incoming);
    if (!finished && !onBranch && !onReply && !onFailure && !onEveryReply) return NO_HOOKS;
    const routes = [onEveryReply, onReply].filter((route) => route !== undefined);
    return {
      branch:
        onBranch &&
        ((request, target, index) =>
          this.guard.run('branch', incoming, c, generation, true, () =>
            this.branchGoes(onBranch, new BranchContext(c, request, target, index), generation),
          )),
      reply:
        routes.length === 0
          ? undefined
          : (response, target) =>
              this.guard.run('reply', incoming, c, generation, true, () =>
                this.replyPasses(routes, new ReplyContext(c, response, target), generation),
              ),
      failed:
        onFailure &&
        ((failure, context) => this.onFailure(decision, failure, incoming, c, generation, context)),
      finished,
    };
  }

  /** Made where nothing else is at hand: what a function holds, its surroundings too, is held while a phone rings. */
  private endsCall(call: number): (status: number, by: Finisher) => void {
    return (status, by) => this.parts.calls.finished(call, status, by);
  }

  /**
   * What the final answer to a BYE says of the call; undefined for other requests. A BYE that is refused,
   * for its CSeq or a challenge, ends nothing: whoever sent it would talk on for free. RFC 3261 §15.1.1. Nor does one
   * that ends one of the call's dialogs and leaves another.
   */
  private hangsUp(incoming: Incoming): ((status: number, by: Finisher) => void) | undefined {
    const { mark, request } = incoming;
    if (mark === undefined || mark.call === 0 || request.method !== 'BYE') return undefined;
    const at = this.now();
    const { callId } = request;
    const tag = mark.fromCaller ? request.toTag : request.fromTag;
    return (status, by) => {
      const isOver = status < 300 || status === 481 || status === 408 || by === 'us';
      if (!isOver || !this.parts.proxy.dialogs.ended(mark.call, callId, tag)) return;
      this.parts.calls.ended(mark.call, mark.fromCaller ? 'caller' : 'callee', callId, at);
    };
  }

  private now(): Millis {
    return this.parts.proxy.world.clock.now();
  }

  private onFailure(
    decision: Relay,
    failure: PlanFailure,
    incoming: Incoming,
    c: RequestContext<never>,
    generation: Generation,
    context: ResponseContext,
  ): void {
    const server = incoming.server;
    const { onFailure } = decision.options;
    if (server === undefined || onFailure === undefined || generation.dropped) return context.pass();
    // A fresh copy: the request as the request route left it.
    const again = new RequestContext<never>(c.var, c.log, server.request, c.source, (status, reason) =>
      incoming.reply(status, reason),
    );
    const asked = new FailureContext(again, failure);
    asked.lines = c.lines;
    incoming.failed = context;
    const act = (decided: FailureDecision): void => {
      if (incoming.over) return;
      const next = checkedFailure(decided);
      if (this.onStep !== undefined) {
        const leads = leadsOf(next);
        this.step('failure', asked, generation, nameOfDecision(next), String(failure.status), leads);
      }
      again.lines = c.lines; // Only now: what `asked` makes by way of it has its line already.
      if (next.do === 'pass') context.pass();
      else this.perform(next, incoming, again, generation);
    };
    const fail = (error: unknown): void => this.parts.failed(incoming, error);
    incoming.asks = 'failure';
    generation.marks?.enter('failure', generation.number, asked);
    try {
      const next = onFailure(asked);
      generation.marks?.leave();
      if (next instanceof Promise) this.parts.watch(next, incoming, act);
      else act(next);
    } catch (error) {
      generation.marks?.leave();
      fail(error);
    }
  }

  /** One that throws follows nothing. */
  private recursion(
    decision: Relay,
    incoming: Incoming,
    c: RequestContext<never>,
    generation: Generation,
  ): RecursionOptions | undefined {
    const { recurse = false, mayRecurse } = decision.options;
    if (recurse === false || recurse === 0) return undefined;
    const { proxy } = this.parts;
    const mayFollow: RecursionOptions['mayFollow'] =
      mayRecurse === undefined
        ? (uri) => proxy.isOwn(uri, true)
        : (uri) =>
            this.guard.run('mayRecurse', incoming, c, generation, false, () =>
              checkedYesOrNo(mayRecurse(uri)),
            );
    return { max: recurse === true ? RECURSION_MAX : recurse, mayFollow };
  }

  /** One that throws moves nothing on. */
  private advanceOn(
    decision: Relay,
    incoming: Incoming,
    c: RequestContext<never>,
    generation: Generation,
  ): RelayOptions<never>['advanceOn'] {
    const { advanceOn } = decision.options;
    return (
      advanceOn &&
      ((end) =>
        this.guard.run('advanceOn', incoming, c, generation, false, () => checkedYesOrNo(advanceOn(end))))
    );
  }

  private branchGoes(onBranch: BranchRoute<never>, b: BranchContext<never>, generation: Generation): boolean {
    const goes = goesOn(onBranch(b));
    if (this.onStep !== undefined) {
      this.step('branch', b, generation, goes ? 'send' : 'skip', b.target.uri);
    }
    return goes;
  }

  private replyPasses(
    routes: readonly ReplyRoute<never>[],
    r: ReplyContext<never>,
    generation: Generation,
  ): boolean {
    const passes = routes.every((route) => goesOn(route(r)));
    this.step('reply', r, generation, passes ? 'pass' : 'drop', String(r.status));
    return passes;
  }

  private step(
    route: RouteKind,
    c: Context<never>,
    generation: Generation,
    decision: string,
    about: string | Uri,
    leads?: string | Uri,
  ): void {
    this.onStep?.(new TakenStep(route, c, generation.number, decision, about, leads));
  }

  /** Stateless: no transaction, and nothing of it is kept. RFC 3261 §16.11 */
  private forward(decision: Forward, incoming: Incoming): void {
    const { proxy } = this.parts;
    const { request, order } = incoming;
    if (incoming.noHopsLeft) throw noHopsLeft();
    if (incoming.isSips && !isSecure(decision.to.transport))
      throw new SipError('BAD_HEADER', 480, 'what came for a sips URI goes on by TLS'); // RFC 5630 §5.3
    const route = proxy.routes(request, incoming.route);
    const sent = proxy.forwardStateless(request, route, decision.to, order, incoming.flow);
    if (sent) incoming.server?.forget();
    else throw new SipError('BAD_HEADER', 500, `no listener speaks ${decision.to.transport}`);
  }
}

/** A NOTIFY makes the dialog of its subscriber, whose route set is the one that it brings. RFC 6665 §4.3, §4.4.1 */
function isNotify(request: SipRequest): boolean {
  return request.method === 'NOTIFY' && request.toTag !== '';
}
