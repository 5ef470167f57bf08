/** The seats of calls that were answered, until somebody hangs up. */
import type { CallObserver } from '../route/call-observer.ts';
import type { Seat } from './pool.ts';

interface Held {
  readonly callId: string;
  readonly seat: Seat;
}

/** Which call sits where. A call is named by the number in its signed route, so its BYE finds it in any order. */
export class CallSeats {
  /** Whether there are pools; without them nothing is looked at. */
  watched = false;
  private readonly held = new Map<number, Held>();
  private lastNumber = 0;

  /** Calls that were answered and not ended. */
  get count(): number {
    return this.held.size;
  }

  /**
   * The call was answered at this seat; at another one too, when a server that was given up answers late: that is no
   * second call. Without a number its end is never heard of, and time frees the seat.
   */
  hold(call: number, callId: string, seat: Seat): void {
    if (call === 0) return;
    if (this.held.get(call)?.callId === callId) return seat.free();
    this.held.set(call, { callId, seat });
    seat.freed = () => this.held.delete(call);
  }

  /** The call ended, by whomever. Told twice, the first one counts; a call of another run is none of ours. */
  ended(call: number, callId: string): void {
    const held = this.held.get(call);
    if (held?.callId === callId) held.seat.free();
  }

  /** Hears of every call's end, and numbers calls of which no record is kept. */
  around(inner: CallObserver): CallObserver {
    return {
      finished: (call, status, by) => inner.finished(call, status, by),
      opened: (request, source) => {
        const call = inner.opened(request, source);
        return call === 0 && this.watched ? ++this.lastNumber : call;
      },
      ended: (call, by, callId, at) => {
        if (this.held.size > 0) this.ended(call, callId);
        inner.ended(call, by, callId, at);
      },
    };
  }
}
