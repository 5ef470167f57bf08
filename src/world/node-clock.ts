import type { Clock, Millis, Timer } from '../base/world.ts';
import { limits } from './limits.ts';
import type { Soon } from './soon.ts';

const RUNNING = -1;

/** The time of Node. To read it costs as much as to find a header field, and a call asks for it two dozen times. */
export class NodeClock implements Clock {
  private readonly turns: Soon;
  private stoodStillAt: Millis = RUNNING;

  constructor(soon: Soon) {
    this.turns = soon;
    // Once before anything is compiled: the first whole number that becomes a fraction would undo all that asks for it.
    this.standStill();
    this.goOn();
  }

  now(): Millis {
    const { stoodStillAt } = this; // Once: what is compiled while the clock runs holds when it stands still.
    return stoodStillAt === RUNNING ? performance.now() : stoodStillAt;
  }

  wall(): number {
    return Date.now();
  }

  after(delay: Millis, fire: () => void): Timer {
    return new NodeTimer(delay, fire);
  }

  soon(run: () => void): void {
    this.turns.add(run);
  }

  /** Until `goOn` is called `now` answers this moment: datagrams that were read at once came at one time. */
  standStill(): void {
    this.stoodStillAt = performance.now();
  }

  goOn(): void {
    this.stoodStillAt = RUNNING;
  }
}

class NodeTimer implements Timer {
  private timeout: NodeJS.Timeout;

  constructor(delay: Millis, fire: () => void) {
    const waitMs = delay > 0 ? Math.ceil(delay) + limits.timerGrainMs : 0;
    this.timeout = this.start(waitMs, fire);
  }

  cancel(): void {
    clearTimeout(this.timeout);
  }

  /** A wait that is too long for Node goes in pieces: it would make a millisecond of it. */
  private start(waitMs: Millis, fire: () => void): NodeJS.Timeout {
    if (waitMs <= limits.timeoutMs) return setTimeout(fire, waitMs);
    const next = (): void => void (this.timeout = this.start(waitMs - limits.timeoutMs, fire));
    return setTimeout(next, limits.timeoutMs);
  }
}
