/** A decision becomes an answer, branches or nothing. */
import type { Logger } from '../base/world.ts';
import { SipError } from '../base/errors.ts';
import type { PlanFailure, RelayHooks } from '../proxy/response-context.ts';
import type { Proxy } from '../proxy/proxy.ts';
import type { SipResponse } from '../sip/message.ts';
import { printUri } from '../sip/uri.ts';
import type { Target } from '../proxy/plan.ts';
import type { CallObserver } from './call-observer.ts';
import { BranchContext, FailureContext, ReplyContext, RequestContext } from './context.ts';
import type { FailureDecision, Forward, Relay, RelayOptions, RequestDecision } from './decision.ts';
import type { Incoming } from './incoming.ts';
import type { ReplyRoute, Router } from './router.ts';

/** Requests that may begin a dialog: we stay on its path unless the script says otherwise. */
const DIALOG_FORMING = new Set(['INVITE', 'SUBSCRIBE', 'REFER']);

/** How often failure routes may relay one request anew. */
const RELAYS_MAX = 32;

const NO_HOOKS: RelayHooks = {};

/** What performing needs. */
export interface PerformerParts {
  readonly proxy: Proxy;
  readonly calls: CallObserver;
  readonly log: Logger;
  /** Where a script's failure is answered: the error's status, else 500. */
  readonly failed: (incoming: Incoming, error: unknown) => void;
  /** Runs a promise of a script under the route's time limit. */
  readonly watch: <T>(work: Promise<T>, incoming: Incoming, done: (value: T) => void) => void;
}

/** Performs decisions, and those of the failure routes that follow. */
export class Performer {
  private readonly parts: PerformerParts;

  constructor(parts: PerformerParts) {
    this.parts = parts;
  }

  /** `router` is the generation that decided: its reply routes stay with the request. */
  perform(
    decision: RequestDecision,
    incoming: Incoming,
    c: RequestContext<never>,
    router: Router<never>,
  ): void {
    if (incoming.answered) return;
    if (incoming.server?.cancelled) return this.finish(incoming, 487);
    switch (decision.do) {
      case 'reply':
        if (decision.status >= 200) this.record(incoming, decision.status);
        incoming.reply(decision.status, decision.reason, decision.headers, decision.body);
        break;
      case 'redirect':
        this.record(incoming, 302);
        incoming.reply(302, undefined, [
          ['Contact', decision.to.map((uri) => `<${printUri(uri)}>`).join(', ')],
        ]);
        break;
      case 'relay':
        this.relay(decision, incoming, c, router);
        break;
      case 'forward':
        this.forward(decision, incoming);
        break;
      case 'drop':
        if (incoming.server !== undefined && !incoming.server.isInvite) incoming.server.abandon();
        else if (incoming.server !== undefined) incoming.reply(480);
        break;
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

  private relay(decision: Relay, incoming: Incoming, c: RequestContext<never>, router: Router<never>): void {
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
      recordRoute: options.recordRoute ?? (begins && DIALOG_FORMING.has(request.method)),
      advanceOn: this.advanceOn(decision, incoming),
      call: incoming.call,
      loopMark: incoming.loopMark,
      route: incoming.route,
      hooks: this.hooks(decision, incoming, c, router),
    });
  }

  private hooks(
    decision: Relay,
    incoming: Incoming,
    c: RequestContext<never>,
    router: Router<never>,
  ): RelayHooks {
    const { onBranch, onReply, onFailure } = decision.options;
    const { call } = incoming;
    const recorded = call !== 0 && incoming.request.toTag === '';
    const { onReply: onEveryReply } = router;
    if (!recorded && !onBranch && !onReply && !onFailure && !onEveryReply) return NO_HOOKS;
    const routes = [onEveryReply, onReply].filter((route) => route !== undefined);
    return {
      branch:
        onBranch &&
        ((request, target, index) =>
          this.guard(
            incoming,
            true,
            () => onBranch(new BranchContext(c, request, target, index)).do === 'pass',
          )),
      reply:
        routes.length === 0
          ? undefined
          : (response, target) => this.guard(incoming, true, () => replyPasses(routes, c, response, target)),
      failed:
        onFailure && ((failure, context) => this.onFailure(decision, failure, incoming, c, router, context)),
      finished: recorded ? (status, by) => this.parts.calls.finished(call, status, by) : undefined,
    };
  }

  private onFailure(
    decision: Relay,
    failure: PlanFailure,
    incoming: Incoming,
    c: RequestContext<never>,
    router: Router<never>,
    context: { pass(): void },
  ): void {
    const server = incoming.server;
    const { onFailure } = decision.options;
    if (server === undefined || onFailure === undefined) return context.pass();
    // A fresh copy: the request as the request route left it.
    const again = new RequestContext<never>(c.var, c.log, server.request, c.source, (status, reason) =>
      incoming.reply(status, reason),
    );
    const act = (next: FailureDecision): void => {
      if (incoming.over) return;
      if (next.do === 'pass') context.pass();
      else this.perform(next, incoming, again, router);
    };
    const fail = (error: unknown): void => this.parts.failed(incoming, error);
    try {
      const next = onFailure(new FailureContext(again, failure));
      if (next instanceof Promise) this.parts.watch(next, incoming, act);
      else act(next);
    } catch (error) {
      fail(error);
    }
  }

  /** One that throws moves nothing on. */
  private advanceOn(decision: Relay, incoming: Incoming): RelayOptions<never>['advanceOn'] {
    const { advanceOn } = decision.options;
    return advanceOn && ((end) => this.guard(incoming, false, () => advanceOn(end)));
  }

  /** What a script lets us ask in between: when it throws, that harms its own branch only. */
  private guard(incoming: Incoming, otherwise: boolean, run: () => boolean): boolean {
    try {
      return run();
    } catch (error) {
      const call = incoming.request.callId;
      this.parts.log.error('a branch or reply route threw', { call, why: String(error) });
      return otherwise;
    }
  }

  /** Stateless: an INVITE cannot go so, because its CANCEL and the ACK of a refusal would find nobody. §16.11 */
  private forward(decision: Forward, incoming: Incoming): void {
    const { proxy } = this.parts;
    const { request, order } = incoming;
    if (request.method === 'INVITE')
      throw new SipError('BAD_MESSAGE', 500, 'an INVITE is relayed, not forwarded');
    const route = proxy.routes(request, incoming.route);
    if (proxy.forwardStateless(request, route, decision.to, order)) incoming.server?.forget();
    else throw new SipError('BAD_HEADER', 500, `no listener speaks ${decision.to.transport}`);
  }
}

function replyPasses(
  routes: readonly ReplyRoute<never>[],
  c: RequestContext<never>,
  response: SipResponse,
  target: Target,
): boolean {
  const context = new ReplyContext<never>(c, response, target);
  for (const route of routes) if (route(context).do === 'drop') return false;
  return true;
}
