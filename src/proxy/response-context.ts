/**
 * The response context: all that is known of one relayed request until its one final answer. RFC 3261 §16.7.
 *
 *                        ┌─ branch 0 ── client transaction
 *   server transaction ──┤─ branch 1 ── client transaction
 *                        └─ …            best failure so far
 */
import type { Millis } from '../base/world.ts';
import { breadthShare, maxBreadth } from '../sip/breadth.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { COMPLETED_ELSEWHERE } from '../sip/reason.ts';
import { redirectedTo } from '../sip/redirection.ts';
import { printUri } from '../sip/uri.ts';
import type { ServerTransaction, ServerUser } from '../transaction/server-transaction.ts';
import { TIMER_C } from '../transaction/timers.ts';
import type { Flow } from '../transport/flow.ts';
import { DATAGRAM_BYTES_MAX } from '../transport/large-requests.ts';
import type { Hops } from '../transport/locate.ts';
import type { Hop } from '../transport/transports.ts';
import { BestFailure } from './best.ts';
import { Branch, planFailure, RING_MS } from './branch.ts';
import { branchRequest, isBarred, nextUri, recordRoute } from './branch-request.ts';
import { BranchWaits } from './branch-waits.ts';
import { type FailedTry, withoutOurs, withOurs } from './fail-over.ts';
import { type Fork, PlanRun } from './fork.ts';
import type { BoundFlow } from './flow-routes.ts';
import { textFor } from './forward.ts';
import type { Plan, Target } from './plan.ts';
import type { RelayOptions } from './relay-options.ts';
import type { Proxy } from './proxy.ts';
import { Recursion } from './recursion.ts';
import { REPLY_MS, replyShare } from './reply-times.ts';
import { withoutTopVia } from './reply-path.ts';

export type { BranchEnd, Finisher, PlanFailure, RelayHooks, RelayOptions } from './relay-options.ts';

/** One relayed request. */
export class ResponseContext implements ServerUser {
  private readonly proxy: Proxy;
  private readonly server: ServerTransaction;
  private readonly serverGeneration: number;
  readonly options: RelayOptions;
  private branches: readonly Branch[] = [];
  private readonly best = new BestFailure();
  /** When the first relay of the request began; of an INVITE nobody asks. */
  private begunAt: Millis = 0;
  private replyShareMs = REPLY_MS;
  private readonly run = new PlanRun(this);
  /** The request in the turn that relayed it; later it is read from the transaction, and is not on the heap. */
  private requestAtHand: SipRequest | undefined;
  private breadth: number | undefined = undefined;
  private recursion: Recursion | undefined = undefined;
  private waits: BranchWaits | undefined = undefined;
  /** Once a 2xx came: the dialog of the first one, 0 where no record is kept of it. */
  private answered: number | undefined = undefined;
  private cancelledByCaller = false;
  private planOver = false;

  constructor(proxy: Proxy, server: ServerTransaction, request: SipRequest, options: RelayOptions) {
    this.proxy = proxy;
    this.server = server;
    this.serverGeneration = server.generation;
    this.requestAtHand = request;
    this.options = options;
  }

  start(plan: Plan, breadth: number | undefined): void {
    this.breadth = breadth;
    this.server.user = this;
    this.goOnFrom(this.options.earlier, plan);
    this.run.start(plan);
    this.requestAtHand = this.options.route = this.options.earlier = undefined;
    if (this.callerWaits && !this.server.keepRequest()) {
      this.cancelAll();
      this.answer(503);
    }
  }

  /** All relays of one request make up one response context of RFC 3261 §16.7. */
  private goOnFrom(earlier: ResponseContext | undefined, plan: Plan): void {
    if (earlier !== undefined) this.best.goOnFrom(earlier.best);
    if (this.server.isInvite) return;
    this.begunAt = earlier?.begunAt ?? this.now();
    this.replyShareMs = replyShare(plan, this.now() - this.begunAt);
  }

  now(): Millis {
    return this.proxy.world.clock.now();
  }

  /** Whether the caller was not told its end yet; once it was, its transaction may be another call's. */
  private get callerWaits(): boolean {
    return this.server.generation === this.serverGeneration && this.server.status < 200;
  }

  /** Whether the caller has been told a 2xx, so that it takes others too. */
  private get callerWasAnswered(): boolean {
    return this.server.generation === this.serverGeneration && this.server.status < 300;
  }

  // ─── branches ────────────────────────────────────────────────────────────────────────────────

  launch(target: Target, index: number, parent: Fork | undefined, isLast: boolean): void {
    const ringMs = target.ringMs ?? this.options.ringMs ?? (isLast ? TIMER_C : RING_MS);
    const branch = new Branch(this, target, index, parent, isLast, ringMs);
    // An array that was pushed to has room for many, for as long as a phone rings.
    this.branches = this.branches.length === 0 ? [branch] : [...this.branches, branch];
    if (target.waitMs === undefined) return this.tryOpen(branch);
    this.waits ??= new BranchWaits(this.proxy.world.clock);
    this.waits.begin(branch, target.waitMs, () => this.tryOpen(branch));
  }

  private tryOpen(branch: Branch): void {
    try {
      this.open(branch);
    } catch (error) {
      this.spoilt(branch, error);
    }
  }

  /** How long it may be silent. */
  replyMs({ replyMs }: Target): Millis {
    return replyMs ?? this.options.replyMs ?? this.replyShareMs;
  }

  /** Whether the caller could be told something if the plan ended now. */
  get hasToTell(): boolean {
    return this.best.hasToTell;
  }

  advances(branch: Branch): boolean {
    const { status, timedOut } = branch;
    if (this.options.advanceOn !== undefined) return this.options.advanceOn({ status, timedOut });
    return status !== 401 && status !== 407 && status < 600;
  }

  provisional(branch: Branch, response: SipResponse): void {
    if (this.run.stopped || this.planOver || !this.callerWaits) return;
    if (this.options.hooks.reply?.(response, branch.target) === false) return;
    this.server.respond(response.status, this.proxy.textUp(response, branch.client?.flow));
  }

  /** Every 2xx goes back to the caller at once, and the other branches are given up. §16.7 step 5 and 10 */
  succeeded(branch: Branch, response: SipResponse): void {
    if (!this.callerWaits && !this.callerWasAnswered)
      return this.proxy.hangUp(branch.client, response, this.answered);
    const first = this.answered === undefined && this.callerWaits;
    // Another one, when a failure route has relayed anew since this branch was given up.
    const { user } = this.server;
    this.answered = this.proxy.dialogs.confirm(this.options.call, response, this.server);
    this.run.stopped = true;
    const { toTag, text: came } = response;
    this.hear(branch, response);
    this.proxy.onBranchEnd?.(response.callId, branch, this.options.callMark);
    const { cleanReply, refreshes } = this.options;
    if (refreshes !== undefined && first) {
      const { request, flow: came } = this.server;
      this.proxy.refreshed(refreshes, { request, came, response, by: branch.client?.flow });
    }
    const text = this.proxy.textUp(response, branch.client?.flow);
    const edits = response.text === came ? undefined : (late: SipResponse) => this.hear(branch, late);
    this.proxy.answerLate(branch.client, this.server, cleanReply, edits && { toTag, text, edits });
    if (this.server.generation === this.serverGeneration) this.server.respond(response.status, text);
    if (!first) return;
    this.options.hooks.finished?.(response.status, 'callee');
    for (const other of this.branches) other.cancel(COMPLETED_ELSEWHERE);
    if (user !== this) user?.cancelled(this.server, COMPLETED_ELSEWHERE);
  }

  /** A reply route sees a final response, and may change its status. */
  private hear(branch: Branch, response: SipResponse): void {
    this.options.hooks.reply?.(response, branch.target);
    branch.status = response.status;
  }

  refused(branch: Branch, response: SipResponse): void {
    this.hear(branch, response);
    if (response.status < 400 && this.options.hooks.failed !== undefined)
      branch.contacts = redirectedTo(response);
    // A 487 to the CANCEL that ended the ring time says that nobody answered. §16.8
    if (response.status === 487 && branch.timedOut) return branch.end(408);
    this.proxy.onBranchEnd?.(response.callId, branch, this.options.callMark);
    if (response.status === 430 && branch.target.flowToken === undefined) return this.flowGone(branch);
    this.options.hooks.ended?.(branch.target, branch.status);
    if (this.follows(branch, response)) return;
    // Without a Via below ours it must not go on: §16.7 step 3. Its status is all that counts.
    this.best.add({ status: response.status, response: response.hasNextVia ? response : undefined });
    if (response.status >= 600) {
      this.run.stopped = true;
      for (const other of this.branches) other.cancel();
    }
    this.run.branchEnded(branch);
  }

  /** A redirection that the script wants followed: its Contacts take the place of the branch. §16.7 step 4 */
  private follows(branch: Branch, response: SipResponse): boolean {
    const { recurse } = this.options;
    if (recurse === undefined || response.status >= 400 || this.run.stopped || !this.callerWaits)
      return false;
    if (this.recursion === undefined) this.recursion = new Recursion(recurse, this.options.isSips === true);
    for (const { target } of this.branches) this.recursion.note(target.uri);
    const plan = this.recursion.planFor(response);
    if (plan === undefined) return false;
    const share = breadthShare(plan, this.breadth ?? maxBreadth(this.server.request));
    if (share === 0) return false;
    this.breadth = share ?? this.breadth;
    this.run.instead(branch, plan);
    return true;
  }

  /** Its flow is gone: another one of the device takes its place, else 480: a 430 is for proxies. RFC 5626 §7, §11.3 */
  private flowGone(branch: Branch): void {
    this.proxy.phones?.flowFailed(branch.target);
    if (!this.triesOther(branch)) branch.end(480);
  }

  private triesOther(branch: Branch): boolean {
    const other = branch.target.others?.[0];
    if (other === undefined || this.run.stopped || !this.callerWaits) return false;
    branch.status = 430;
    this.run.instead(branch, other);
    return true;
  }

  /** Nobody is there yet; whoever comes in time takes the branch's place. RFC 8599 §5.6.1 */
  private awaitLate(branch: Branch, late: Promise<Plan | undefined>): void {
    late
      .then((plan) => {
        if (branch.ended) return;
        if (plan === undefined || this.run.stopped) return branch.end(480);
        branch.status = 480; // Of itself it rang nobody.
        this.run.instead(branch, plan);
      })
      .catch((error: unknown) => this.spoilt(branch, error));
  }

  /** It ended without a response to keep: silent, broken or cancelled. */
  branchEnded(branch: Branch): void {
    this.waits?.end(branch);
    this.options.hooks.ended?.(branch.target, branch.status);
    if (this.callerWaits) this.proxy.onBranchEnd?.(this.server.request.callId, branch, this.options.callMark);
    if (branch.wasSilent) this.proxy.phones?.flowSilent(branch.target);
    if ((branch.wasSilent || branch.status === 503) && this.triesOther(branch)) return;
    this.best.add({ status: branch.status, response: undefined });
    this.run.branchEnded(branch);
  }

  planEnded(): void {
    if (this.answered !== undefined || this.planOver) return;
    this.planOver = true;
    if (!this.callerWaits) return;
    const { hooks } = this.options;
    if (hooks.failed === undefined || this.cancelledByCaller) this.pass();
    else hooks.failed(planFailure(this.branches, this.best.best?.status ?? this.best.unasked), this);
  }

  // ─── the caller ──────────────────────────────────────────────────────────────────────────────

  /** §16.10: CANCEL goes to every pending branch, and says why; the final answer is what they make of it. */
  cancelled(_server: ServerTransaction, reason: string): void {
    this.cancelledByCaller = true;
    this.cancelAll(reason);
    if (this.planOver) this.pass();
  }

  /** Lets the best failure go back to the caller. §16.7 steps 6 to 9 */
  pass(): void {
    if (!this.callerWaits) return;
    if (this.cancelledByCaller) return this.answer(487);
    const { status, response } = this.best.ofRequest().forCaller(this.server.isInvite);
    if (response === undefined) return this.answer(status);
    this.options.hooks.finished?.(status, 'callee');
    this.server.respond(status, withoutTopVia(response, this.best.textWithChallenges(response)));
  }

  private answer(status: number): void {
    if (!this.callerWaits) return;
    this.options.hooks.finished?.(status, status === 487 ? 'caller' : 'us');
    // RFC 4320 §4.1: no 408 for a request that is no INVITE; it would only come too late.
    if (status === 408 && !this.server.isInvite) this.server.abandon();
    else this.server.reply(status);
  }

  private cancelAll(reason = ''): void {
    this.run.stopped = true;
    for (const branch of this.branches) branch.cancel(reason);
  }

  // ─── sending ─────────────────────────────────────────────────────────────────────────────────

  private open(branch: Branch): void {
    const { target, index } = branch;
    const { hooks } = this.options;
    if (hooks.opens?.(target) === false) {
      // Without a status: it was asked nothing.
      this.proxy.onBranchEnd?.(this.server.request.callId, branch, this.options.callMark);
      this.best.unasked = 503;
      return this.passOver(branch, 503);
    }
    const request = branchRequest(this.requestAtHand ?? this.server.request, this.options, this.breadth);
    if (hooks.branch?.(request, target, index) === false) return this.passOver(branch);
    if (target.late !== undefined) return this.awaitLate(branch, target.late);
    const bound = this.boundFlow(target);
    if (bound !== undefined) {
      if (bound.flow === undefined) return branch.end(430); // RFC 5626 §5.3.1
      return this.sendBy(branch, request, bound.flow);
    }
    if (target.hop !== undefined) return this.send(branch, request, target.hop);
    const { order, flow } = this.server;
    const hops = this.proxy.hops(
      nextUri(this.proxy, request, target, this.options),
      order,
      flow,
      target.isChosen,
    );
    if (hops.mayHaveMore) branch.hops = hops;
    const hop = hops.next();
    if (!(hop instanceof Promise)) return this.send(branch, request, hop, hops);
    hop
      .then((found) => this.send(branch, request, found, hops))
      .catch((error: unknown) => this.spoilt(branch, error));
  }

  /** Nobody was asked, so it says nothing about the callee. */
  private passOver(branch: Branch, status = 480): void {
    branch.status = status;
    this.run.branchEnded(branch);
  }

  /** The same request to another hop, as a transaction of its own. RFC 3263 §4.3 */
  sendAgain(branch: Branch, failed: FailedTry, hop: Hop): void {
    if (branch.ended) return; // Cancelled, or answered after all, while a name was looked up.
    if (this.run.stopped) return branch.end(487);
    if (failed.response !== undefined) this.options.hooks.reply?.(failed.response, branch.target);
    const flow = this.proxy.flowTo(hop);
    const request = withoutOurs(failed);
    if (flow === undefined || request === undefined) return branch.end(503);
    if (isBarred(flow, this.options)) return branch.end(480);
    const client = this.proxy.openClient(flow, request, this.server, branch);
    if (client === undefined) return branch.end(503);
    branch.recordRoute = recordRoute(this.proxy, this.server.flow, flow, request, this.options);
    const text = withOurs(request, client.via(this.options.loopMark), branch.recordRoute);
    branch.begin(client, text);
  }

  /** A branch that cannot be made, because an edit broke its request, ends alone. */
  spoilt(branch: Branch, error: unknown): void {
    const call = this.callerWaits ? this.server.request.callId : '';
    const facts = { call, branch: branch.index, why: String(error) };
    this.proxy.world.log.error('a branch could not be sent', facts);
    if (!branch.ended) branch.end(500);
  }

  /** `hops`: where the hop was found; none when the target named it. */
  private send(branch: Branch, request: SipRequest, hop: Hop | undefined, hops?: Hops): void {
    if (branch.ended) return; // Cancelled while its name was looked up.
    if (this.run.stopped) return branch.end(487);
    if (hop === undefined) return branch.end(hops?.status ?? 480);
    const flow = this.proxy.flowTo(hop);
    if (flow !== undefined) this.sendBy(branch, request, flow, hops && hop, hops);
    else if (hop.connected === true) this.flowGone(branch);
    else branch.end(480);
  }

  /** The flow that a token names: the target's own, or that of the other side within a dialog. */
  private boundFlow(target: Target): BoundFlow | undefined {
    const { flowToken } = target;
    const from = this.server.flow;
    if (flowToken !== undefined)
      return this.proxy.boundFlow(flowToken, from, target.uri) ?? { flow: undefined };
    const { bound } = this.options;
    if (bound === undefined || target.hop !== undefined || target.path !== undefined) return undefined;
    // A target that a route has put in place of the other side is reached where it says.
    return (target.uriText ?? printUri(target.uri)) === bound.uriText ? bound : undefined;
  }

  /** With `hop` and `hops` another hop may take the place of this one. */
  private sendBy(branch: Branch, request: SipRequest, flow: Flow, hop?: Hop, hops?: Hops): void {
    if (isBarred(flow, this.options)) return branch.end(480);
    const { target } = branch;
    const uriText = target.uriText ?? printUri(target.uri);
    const ours = recordRoute(this.proxy, this.server.flow, flow, request, this.options);
    const route = this.proxy.routes(request, this.options.route);
    const client = this.proxy.openClient(flow, request, this.server, branch);
    if (client === undefined) return branch.end(503);
    const via = client.via(this.options.loopMark);
    const text = textFor(client, request, { uriText, via, recordRoute: ours, path: target.path, route });
    if (text.length > DATAGRAM_BYTES_MAX && hop !== undefined && hops !== undefined) {
      const larger = this.proxy.overTcp(nextUri(this.proxy, request, target, this.options), hop, hops);
      const connection = larger?.first && this.proxy.flowTo(larger.first);
      if (connection !== undefined) {
        client.end();
        branch.hops = larger;
        return this.sendBy(branch, request, connection);
      }
    }
    if (branch.hops !== undefined) branch.recordRoute = ours;
    branch.begin(client, text);
  }
}
