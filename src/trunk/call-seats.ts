/** The seats of calls that were answered, until somebody hangs up. */
import type { CallObserver } from '../route/call-observer.ts';
import type { Seat } from './pool.ts';

interface Held {
  readonly callId: string;
  seat: Seat;
  /** Of further dialogs at other servers, by the callee's tag. */
  others: Map<string, Seat> | undefined;
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
   * The call was answered at this seat; at another one too, when forks answer together or a server that was given up
   * answers late: each server holds its dialog of the call. Without a number its end is never heard of, and time frees
   * the seat.
   */
  hold(call: number, callId: string, seat: Seat, tag: string): void {
    if (call === 0) return;
    const held = this.held.get(call);
    if (held?.callId === callId) return this.holdAlso(held, seat, tag);
    this.held.set(call, { callId, seat, others: undefined });
    seat.freed = () => this.held.delete(call);
  }

  /** One dialog of the call ended, and another goes on. */
  left(call: number, callId: string, tag: string): void {
    const held = this.held.get(call);
    if (held?.callId !== callId || held.others === undefined) return;
    const other = held.others.get(tag);
    if (other !== undefined) {
      held.others.delete(tag);
      return other.free();
    }
    // The first one's; another takes its place.
    const [next] = held.others;
    if (next === undefined) return;
    held.others.delete(next[0]);
    const { seat } = held;
    next[1].freed = seat.freed;
    seat.freed = undefined;
    held.seat = next[1];
    seat.free();
  }

  /** The call ended, by whomever. Told twice, the first one counts; a call of another run is none of ours. */
  ended(call: number, callId: string): void {
    const held = this.held.get(call);
    if (held?.callId !== callId) return;
    held.seat.free();
    if (held.others !== undefined) for (const seat of held.others.values()) seat.free();
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

  private holdAlso(held: Held, seat: Seat, tag: string): void {
    const isThere = held.seat.server === seat.server || held.others?.has(tag) === true;
    if (isThere) return seat.free();
    held.others ??= new Map();
    held.others.set(tag, seat);
  }
}
