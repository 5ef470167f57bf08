/**
 * The proxy, counting the calls of pools: a seat is taken when a branch to a server is about to be sent, and freed
 * when that branch fails, when another one wins, or when the call ends. A relay to no pool passes through untouched.
 */
import type { Plan, Target } from '../proxy/plan.ts';
import { Proxy, type ProxyParts } from '../proxy/proxy.ts';
import type { PlanFailure, RelayHooks, RelayOptions, ResponseContext } from '../proxy/response-context.ts';
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
  }

  override relay(
    server: ServerTransaction,
    request: SipRequest,
    plan: Plan,
    options: RelayOptions,
  ): ResponseContext {
    const counted = this.calls.watched && server.isInvite && request.toTag === '' && hasPooled(plan);
    if (!counted) return super.relay(server, request, plan, options);
    const seats = new RelaySeats(this.calls, options.call, request.callId, 'serial' in plan);
    return super.relay(server, request, plan, { ...options, hooks: seats.around(options.hooks) });
  }
}

function hasPooled(plan: Plan): boolean {
  if ('serial' in plan) return plan.serial.some(hasPooled);
  if ('parallel' in plan) return plan.parallel.some(hasPooled);
  return pooled(plan) !== undefined;
}

/** The seats of one relayed INVITE, until its final response. */
class RelaySeats {
  private readonly calls: CallSeats;
  private readonly call: number;
  private readonly callId: string;
  private readonly serial: boolean;
  /** By branch, in the order they were sent. */
  private readonly seats = new Map<Target, Seat>();
  private answered: Seat | undefined = undefined;

  constructor(calls: CallSeats, call: number, callId: string, serial: boolean) {
    this.calls = calls;
    this.call = call;
    this.callId = callId;
    this.serial = serial;
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
      failed: (failure, context) => {
        this.failed(failure);
        if (failed === undefined) context.pass();
        else failed(failure, context);
      },
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
    this.seats.set(target, seat);
    return true;
  }

  private free(target: Target): void {
    this.seats.get(target)?.free();
    this.seats.delete(target);
  }

  private heard({ status }: SipResponse, target: Target): void {
    const seat = this.seats.get(target);
    if (status < 200 || seat === undefined) return;
    if (status >= 300) {
      if (status >= 500 && status < 600) seat.server.failed++;
      this.free(target);
    } else if (this.answered === undefined) {
      // Held from here on, so that a BYE ends it even if nobody was left to tell of the answer.
      this.answered = seat;
      this.countSilent(target);
      this.calls.hold(this.call, this.callId, seat);
    }
  }

  /** Serial targets before the one that answered, and not heard of since, were given up. */
  private countSilent(answered: Target): void {
    if (!this.serial) return;
    for (const [target, seat] of this.seats) {
      if (target === answered) return;
      seat.server.failed++;
    }
  }

  private failed({ ends }: PlanFailure): void {
    for (const { target, timedOut } of ends) {
      const seat = timedOut ? this.seats.get(target) : undefined;
      if (seat !== undefined) seat.server.failed++;
    }
    this.freeAll();
  }

  private finished(status: number): void {
    if (status >= 300) this.answered = undefined;
    this.freeAll();
  }

  private freeAll(): void {
    for (const seat of this.seats.values()) if (seat !== this.answered) seat.free();
    this.seats.clear();
  }
}
