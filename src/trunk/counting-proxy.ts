/**
 * The proxy, counting the calls of pools: a seat is taken when a branch to a server is about to be sent, and freed
 * when that branch fails, when another one wins, or when the call ends. A relay to no pool passes through untouched.
 */
import type { CallDialogs } from '../proxy/call-dialogs.ts';
import type { Plan, Target } from '../proxy/plan.ts';
import { Proxy, type ProxyParts } from '../proxy/proxy.ts';
import type { RelayHooks, RelayOptions, ResponseContext } from '../proxy/response-context.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import { pooled, type Seat } from './pool.ts';
import type { CallSeats } from './call-seats.ts';

/** See above. */
export class CountingProxy extends Proxy {
  private readonly calls: CallSeats;

  constructor(parts: ProxyParts, calls: CallSeats) {
    super(parts);
    this.calls = calls;
    this.dialogs.onLeft = (call, callId, tag) => calls.left(call, callId, tag);
  }

  override relay(
    server: ServerTransaction,
    request: SipRequest,
    plan: Plan,
    options: RelayOptions,
  ): ResponseContext {
    const counted = this.calls.watched && server.isInvite && request.toTag === '' && hasPooled(plan);
    if (!counted) return super.relay(server, request, plan, options);
    const seats = new RelaySeats(this.calls, this.dialogs, options.call, request.callId);
    return super.relay(server, request, plan, { ...options, hooks: seats.around(options.hooks) });
  }
}

function hasPooled(plan: Plan): boolean {
  if ('serial' in plan) return plan.serial.some(hasPooled);
  if ('parallel' in plan) return plan.parallel.some(hasPooled);
  return pooled(plan) !== undefined;
}

/** The seat of one branch. */
interface BranchSeat {
  readonly target: Target;
  readonly seat: Seat;
  /** Whether its server, or a host of it, gave a final answer. */
  heard: boolean;
}

/** The seats of one relayed INVITE, until its final response. */
class RelaySeats {
  private readonly calls: CallSeats;
  private readonly dialogs: CallDialogs;
  private readonly call: number;
  private readonly callId: string;
  /** One for each branch, in the order they were sent: a target that stands in a plan twice has two, either will do. */
  private readonly seats: BranchSeat[] = [];
  private answered: Seat | undefined = undefined;

  constructor(calls: CallSeats, dialogs: CallDialogs, call: number, callId: string) {
    this.calls = calls;
    this.dialogs = dialogs;
    this.call = call;
    this.callId = callId;
  }

  around(hooks: RelayHooks): RelayHooks {
    const { opens, branch, reply, failed, finished } = hooks;
    return {
      opens: (target) => opens?.(target) !== false && this.take(target),
      branch:
        branch &&
        ((request, target, index) => {
          const sent = branch(request, target, index);
          if (!sent) this.free(target);
          return sent;
        }),
      reply: (response, target) => {
        this.heard(response, target);
        return reply?.(response, target) ?? true;
      },
      ended: (target, status) => this.ended(target, status),
      failed,
      finished: (status, by) => {
        this.finished(status);
        finished?.(status, by);
      },
    };
  }

  /** False passes the server over: it went down, or its last channel was taken, since it was picked. */
  private take(target: Target): boolean {
    const of = pooled(target);
    if (of === undefined) return true;
    const seat = of.pool.take(of.server, of.needs);
    if (seat === undefined) return false;
    this.seats.push({ target, seat, heard: false });
    return true;
  }

  private heard(response: SipResponse, target: Target): void {
    const { status } = response;
    if (status < 200) return;
    const of = this.seats.findLast((one) => one.target === target);
    if (status >= 300) {
      if (of === undefined) return;
      if (status >= 500 && status < 600) of.seat.server.failed++;
      of.heard = true;
    } else {
      // Held from here on, so that a BYE ends it even if nobody was left to tell of the answer.
      // One that comes when the call is over may never be hung up on, and is part of none.
      if (this.answered !== undefined && this.dialogs.isOver(this.call)) return;
      const seat = of?.seat ?? seatAnyway(target);
      this.answered ??= seat;
      if (seat !== undefined) this.calls.hold(this.call, this.callId, seat, response.toTag);
    }
  }

  /** A silent server failed as one that says so does; what was cancelled, or never left us, says nothing about it. */
  private ended(target: Target, status: number): void {
    const of = this.seats.findLast((one) => one.target === target);
    if (of?.heard === false && (status === 408 || status === 503)) of.seat.server.failed++;
    this.free(target);
  }

  private free(target: Target): void {
    const at = this.seats.findLastIndex((one) => one.target === target);
    if (at >= 0) this.seats.splice(at, 1)[0]!.seat.free();
  }

  private finished(status: number): void {
    if (status >= 300) this.answered = undefined;
    for (const { seat } of this.seats) if (seat !== this.answered) seat.free();
    this.seats.length = 0;
  }
}

/** A server that was given up has answered after all. */
function seatAnyway(target: Target): Seat | undefined {
  const of = pooled(target);
  return of && of.pool.occupy(of.server, of.needs);
}
