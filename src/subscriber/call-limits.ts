/**
 * How many calls a user or a domain has at once. A call is counted from the moment a script asks, and released by
 * whatever ends it: a refusal, a CANCEL, a BYE of either side, a script that throws.
 */
import { assert } from '../base/assert.ts';
import type { Clock, Millis, Timer } from '../base/world.ts';
import type { CallObserver } from '../route/call-observer.ts';
import type { SipRequest } from '../sip/message.ts';
import { topVia } from '../sip/via.ts';

/** A call that was counted and of which nothing more is heard in this time was never begun. */
export const UNBEGUN_MS = 30_000;
/** A call whose BYE never comes is released after so long. */
export const CALL_MS_MAX = 14_400_000;
/** Calls that are counted at once; one more is refused. */
export const COUNTED_MAX = 400_000;
const SWEEP_MS = 5_000;

/** One call, and whom it counts for. */
interface Counted {
  readonly key: string;
  readonly callId: string;
  readonly owners: string[];
  /** The number of its record, by which its BYE is known; 0 before it has begun. */
  number: number;
  until: Millis;
}

/** What names a call before it has a record: its INVITE. */
export type CallName = Pick<SipRequest, 'callId' | 'fromTag' | 'cseq' | 'headers'>;

/** See above. */
export class CallLimits {
  private readonly clock: Clock;
  private readonly counts = new Map<string, number>();
  private readonly byName = new Map<string, Counted>();
  /** Those that have not begun, and those that have: both in the order of their ends, so a sweep looks at few. */
  private readonly unbegun = new Set<Counted>();
  private readonly byNumber = new Map<number, Counted>();
  private sweeper: Timer | undefined = undefined;
  private lastOwnNumber = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Calls that are counted now. */
  get size(): number {
    return this.byName.size;
  }

  /** How many an owner has. */
  countOf(owner: string): number {
    return this.counts.get(owner) ?? 0;
  }

  /** Who has calls, and how many. */
  list(): readonly (readonly [owner: string, calls: number])[] {
    return [...this.counts];
  }

  /** Calls of another exchange count for an owner here, too; their ends are not heard of. */
  assume(owner: string, calls: number): void {
    this.counts.set(owner, this.countOf(owner) + calls);
  }

  /**
   * Counts the call for an owner, who may have so many; false when that is one too many. A call counts once for one
   * owner, however often it is asked for him.
   */
  take(invite: CallName, owner: string, most: number): boolean {
    const key = keyOf(invite);
    const known = this.byName.get(key);
    if (known?.owners.includes(owner) === true) return true;
    const count = this.countOf(owner);
    if (count >= most || (known === undefined && this.byName.size >= COUNTED_MAX)) return false;
    this.counts.set(owner, count + 1);
    if (known === undefined) this.begin(key, invite.callId, owner);
    else known.owners.push(owner);
    return true;
  }

  /** Hears of the life of every call. Without counted calls it costs one look at a number. */
  around(inner: CallObserver): CallObserver {
    return {
      opened: (request, source) => {
        const call = inner.opened(request, source);
        if (this.byName.size === 0) return call;
        const counted = this.byName.get(keyOf(request));
        if (counted === undefined || counted.number !== 0) return call;
        counted.number = call === 0 ? ++this.lastOwnNumber : call;
        counted.until = this.clock.now() + CALL_MS_MAX;
        this.unbegun.delete(counted);
        this.byNumber.set(counted.number, counted);
        return counted.number;
      },
      finished: (call, status, by) => {
        inner.finished(call, status, by);
        if (this.byNumber.size > 0 && status >= 300) this.release(this.byNumber.get(call));
      },
      ended: (call, by, callId, at) => {
        inner.ended(call, by, callId, at);
        if (this.byNumber.size === 0) return;
        const counted = this.byNumber.get(call);
        // After a restart another call may have the number.
        if (counted?.callId === callId) this.release(counted);
      },
    };
  }

  /** Ends its timer. */
  stop(): void {
    this.sweeper?.cancel();
    this.sweeper = undefined;
  }

  private begin(key: string, callId: string, owner: string): void {
    const until = this.clock.now() + UNBEGUN_MS;
    const counted: Counted = { key, callId, owners: [owner], number: 0, until };
    this.byName.set(key, counted);
    this.unbegun.add(counted);
    this.sweeper ??= this.clock.after(SWEEP_MS, this.sweep);
  }

  private release(counted: Counted | undefined): void {
    if (counted === undefined) return;
    this.byName.delete(counted.key);
    this.unbegun.delete(counted);
    this.byNumber.delete(counted.number);
    for (const owner of counted.owners) {
      const left = this.countOf(owner) - 1;
      assert(left >= 0, 'a call is released once');
      if (left === 0) this.counts.delete(owner);
      else this.counts.set(owner, left);
    }
    if (this.byName.size === 0) this.stop();
  }

  private readonly sweep = (): void => {
    this.sweeper = undefined;
    const now = this.clock.now();
    for (const waiting of [this.unbegun, this.byNumber.values()]) {
      for (const counted of waiting) {
        if (counted.until > now) break;
        this.release(counted);
      }
    }
    if (this.byName.size > 0) this.sweeper = this.clock.after(SWEEP_MS, this.sweep);
  };
}

/**
 * Each INVITE transaction is a call, whatever its Call-ID: else a second INVITE with the Call-ID and the tag of the
 * first one would be a call more, and not counted. RFC 3261 §17.2.3
 */
function keyOf({ callId, fromTag, cseq, headers }: CallName): string {
  const via = topVia(headers);
  const { text } = headers;
  const branch =
    via === undefined
      ? ''
      : `${text.substring(via.sentByStart, via.sentByEnd)} ${text.substring(via.branchStart, via.branchEnd)}`;
  return `${callId}\t${fromTag}\t${cseq}\t${branch}`;
}
