import type { Millis } from '../base/world.ts';
import type { Beat } from './beat.ts';
import type { Kernel } from './kernel.ts';
import type { NodeClock } from './node-clock.ts';
import { Pace } from './pace.ts';
import { ReadPoll } from './read-poll.ts';
import type { Soon } from './soon.ts';

/** What looking needs. */
export interface LookParts {
  readonly kernel: Kernel;
  readonly soon: Soon;
  readonly clock: NodeClock;
  /** Look once a tick under load; undefined: be woken by each message. */
  readonly beat: Beat | undefined;
}

/**
 * When a descriptor is looked at: woken by libuv's own loop, or once a tick of `pace.ts`.
 *
 *   woken:  poll: readable → check: look, microtasks, soon, flush
 *   paced:  `beat.ts`: the same once a tick
 */
export class Looks {
  private readonly parts: LookParts;
  private readonly look: () => number;
  private readonly poll: ReadPoll;
  private readonly pace = new Pace();
  private tickMs: Millis = 0;
  private pending = false;
  private closed = false;

  /** `look` reads what there is and tells how many messages that were. */
  constructor(parts: LookParts, fd: number, look: () => number) {
    this.parts = parts;
    this.look = look;
    this.poll = new ReadPoll(parts.kernel, fd, this.again);
    this.poll.start();
  }

  /** `soon` takes its place right behind the reading, so that answers leave in the same turn. */
  readonly again = (): void => {
    if (this.pending) return;
    this.pending = true;
    setImmediate(this.lookPending);
    this.parts.soon.arm();
  };

  /** Not at all from now on. */
  close(): void {
    this.closed = true;
    this.parts.beat?.leave(this.lookNow);
    this.poll.close();
  }

  private readonly lookPending = (): void => {
    this.pending = false;
    this.lookNow();
  };

  private readonly lookNow = (): void => {
    if (this.closed) return;
    const messages = this.look();
    if (!this.closed) this.waitForMore(messages);
  };

  private waitForMore(messages: number): void {
    const { beat, clock } = this.parts;
    const tickMs = beat === undefined ? 0 : this.pace.afterLook(messages, clock.now());
    if (tickMs > 0 && tickMs === this.tickMs) return;
    this.tickMs = tickMs;
    if (tickMs > 0) {
      this.poll.stop();
      beat?.join(this.lookNow, tickMs);
      return;
    }
    beat?.leave(this.lookNow);
    this.poll.start();
  }
}
