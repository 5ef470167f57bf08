/**
 * REGISTERs that wait for the disk, or for one of their address-of-record that does.
 *
 *   save ─▶ begins at once, or in its turn ─▶ committed ─▶ its answer
 *             │ after STORE_MS
 *             └▶ 503: what has begun is carried out when the disk takes it, what has not begun never is
 *
 * RFC 3261 §10.3 has a registrar that fails take its changes back. One that only waits has not failed: the row is on
 * its way, a second one behind it would be later still, and what the phone does next (it asks again, as Retry-After
 * says) finds what the disk holds.
 */
import { InLine, WaitingLine } from '../base/waiting-line.ts';
import type { Clock, Millis, Timer } from '../base/world.ts';

/** The longest wait. A route ends after five seconds, of which the script may have used some before. */
export const STORE_MS: Millis = 3_000;

/** One that may have to wait. */
export interface StoreWait {
  /** Whether it was told to come back: then it must not begin any more. */
  over: boolean;
}

class Waiting<T> extends InLine {
  readonly wait: StoreWait;
  readonly dueAt: Millis;
  readonly settle: (value: T) => void;

  constructor(wait: StoreWait, dueAt: Millis, settle: (value: T) => void) {
    super();
    this.wait = wait;
    this.dueAt = dueAt;
    this.settle = settle;
  }
}

/** All that wait, the oldest first. */
export class StoreWaits<T> {
  private readonly clock: Clock;
  private readonly late: () => T;
  private readonly waiting = new WaitingLine<Waiting<T>>();
  private timer: Timer | undefined = undefined;

  /** `late` makes the answer of one that has waited long enough. */
  constructor(clock: Clock, late: () => T) {
    this.clock = clock;
    this.late = late;
  }

  /** What the work comes to, or `late` when that takes too long. */
  bound(wait: StoreWait, work: Promise<T>): Promise<T> {
    return new Promise((settle, fail) => {
      const waiting = new Waiting(wait, this.clock.now() + STORE_MS, settle);
      this.waiting.join(waiting);
      if (this.timer === undefined) this.wake(STORE_MS);
      work.then(
        (value) => {
          this.waiting.leave(waiting);
          settle(value);
        },
        (error: unknown) => {
          this.waiting.leave(waiting);
          fail(error);
        },
      );
    });
  }

  /** Nobody is told any more; who waits hears what comes of his work. */
  stop(): void {
    this.timer?.cancel();
  }

  private wake(delay: Millis): void {
    this.timer = this.clock.after(delay, () => this.sweep());
  }

  private sweep(): void {
    this.timer = undefined;
    const now = this.clock.now();
    for (let { oldest } = this.waiting; oldest !== undefined; { oldest } = this.waiting) {
      if (oldest.dueAt > now) return this.wake(oldest.dueAt - now);
      this.waiting.leave(oldest);
      oldest.wait.over = true;
      oldest.settle(this.late());
    }
  }
}
