import type { Millis } from '../base/world.ts';
import { type Kernel, systemError } from './kernel.ts';
import { ReadPoll } from './read-poll.ts';
import { Region } from './region.ts';
import type { Soon } from './soon.ts';

const CLOCK_MONOTONIC = 1;
/** TFD_CLOEXEC | TFD_NONBLOCK */
const FLAGS = 0o2004000;
const ITIMERSPEC_BYTES = 32;
/** `it_value.tv_nsec`; all else of the structure stays zero: once, in less than a second. */
const NANOS_WORD = 6;
const NANOS = 1_000_000;

/**
 * One wake-up for everybody who looks once a tick. A timer of the kernel wakes libuv as a socket would, so that a tick
 * is one turn of the event loop, and comes when it is due:
 *
 *   poll: the timer is readable → check: all looks, microtasks, soon, flush
 *
 * A timer of Node counts whole milliseconds: it wakes too early, sleeps again, and takes three turns.
 */
export class Beat {
  private readonly kernel: Kernel;
  private readonly soon: Soon;
  private readonly looks = new Map<() => void, Millis>();
  private readonly due: Region;
  private readonly fd: number;
  private poll: ReadPoll | undefined = undefined;
  private everyMs: Millis = 0;

  /** Takes its descriptor now: when a rush begins there may be none left. Throws with a Node-style `code`. */
  constructor(kernel: Kernel, soon: Soon) {
    this.kernel = kernel;
    this.soon = soon;
    this.due = new Region(kernel, ITIMERSPEC_BYTES);
    this.fd = kernel.call.timerfd_create(CLOCK_MONOTONIC, FLAGS);
    if (this.fd < 0) throw systemError(kernel.errno, 'timerfd_create', '');
  }

  /** From now on `look` is called so often, or more often when others want that; less than a second. */
  join(look: () => void, everyMs: Millis): void {
    this.looks.set(look, everyMs);
    this.everyMs = Math.min(...this.looks.values());
    this.poll ??= new ReadPoll(this.kernel, this.fd, this.struck);
    this.poll.start();
    this.wind(this.everyMs);
  }

  leave(look: () => void): void {
    if (!this.looks.delete(look)) return;
    this.everyMs = Math.min(...this.looks.values());
    if (this.looks.size > 0) return;
    this.poll?.stop();
    this.wind(0);
  }

  /** To be readable after so long, and not before; 0: never. */
  private wind(ms: Millis): void {
    this.due.words[NANOS_WORD] = ms * NANOS;
    this.kernel.call.timerfd_settime(this.fd, 0, this.due.pointer, 0n);
  }

  /** Outside Node's bookkeeping: see ReadPoll. */
  private readonly struck = (): void => {
    setImmediate(this.lookAll);
    this.soon.arm();
  };

  private readonly lookAll = (): void => {
    if (this.looks.size === 0) return;
    this.wind(this.everyMs);
    for (const look of this.looks.keys()) look();
  };
}
