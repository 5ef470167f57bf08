/** Tells `call.ended`. While nobody listens nothing is remembered. */
import type { Clock, Millis } from '../base/world.ts';
import type { CallObserver } from '../route/call-observer.ts';
import type { EventBus } from '../route/events.ts';
import type { SipRequest } from '../sip/message.ts';
import { callerOf } from '../sip/party.ts';
import { aorOf } from '../sip/uri.ts';

/** Calls whose ends are awaited; the oldest is forgotten for one more. */
export const CALLS_AWAITED_MAX = 200_000;

interface Awaited {
  readonly callId: string;
  readonly caller: string;
  readonly callee: string;
  answeredAt: Millis | undefined;
  status: number;
}

type Ender = 'caller' | 'callee' | 'us';

/** Passes everything on to `inner`, and tells the bus of each end. */
export function withCallEvents(
  inner: CallObserver,
  events: EventBus,
  clock: Clock,
  callsMax = CALLS_AWAITED_MAX,
): CallObserver {
  return new CallEvents(inner, events, clock, callsMax);
}

class CallEvents implements CallObserver {
  private readonly inner: CallObserver;
  private readonly events: EventBus;
  private readonly clock: Clock;
  private readonly callsMax: number;
  private readonly calls = new Map<number, Awaited>();
  private lastOwnNumber = 0;

  constructor(inner: CallObserver, events: EventBus, clock: Clock, callsMax: number) {
    this.inner = inner;
    this.events = events;
    this.clock = clock;
    this.callsMax = callsMax;
  }

  opened(...asked: Parameters<CallObserver['opened']>): number {
    const recorded = this.inner.opened(...asked);
    if (!this.events.hears('call.ended')) return recorded;
    // Without records the number is ours: it comes back with the BYE all the same.
    const call = recorded === 0 ? ++this.lastOwnNumber : recorded;
    if (this.calls.size === this.callsMax) this.calls.delete(this.calls.keys().next().value ?? 0);
    this.calls.set(call, awaited(asked[0]));
    return call;
  }

  finished(call: number, status: number, by: Ender): void {
    this.inner.finished(call, status, by);
    const known = this.calls.get(call);
    if (known === undefined) return;
    known.status = status;
    if (status >= 300) this.tell(call, known, by, this.clock.now());
    else known.answeredAt ??= this.clock.now();
  }

  ended(call: number, by: Ender, callId: string, at: Millis): void {
    this.inner.ended(call, by, callId, at);
    const known = this.calls.get(call);
    // After a restart another call may have the number.
    if (known?.callId === callId) this.tell(call, known, by, at);
  }

  private tell(call: number, known: Awaited, by: Ender, at: Millis): void {
    this.calls.delete(call);
    const { callId, caller, callee, status, answeredAt } = known;
    const durationMs = answeredAt === undefined ? 0 : Math.round(at - answeredAt);
    this.events.tell('call.ended', { callId, caller, callee, status, durationMs, by });
  }
}

function awaited(request: SipRequest): Awaited {
  const { callId } = request;
  return { callId, caller: callerOf(request), callee: aorOf(request.uri), answeredAt: undefined, status: 0 };
}
