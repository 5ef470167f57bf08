/**
 * Time of a dry run: it stands still while the program has something to do, and then jumps to the next timer. Three
 * minutes of ringing pass at once.
 */
import { setImmediate } from 'node:timers/promises';
import { assert } from '../base/assert.ts';
import type { Clock, Millis, Timer } from '../base/world.ts';

/** Rounds of `soon` without time moving; more is a loop. */
const SOON_ROUNDS_MAX = 1_000;

interface Due {
  readonly at: Millis;
  readonly fire: () => void;
}

/** See above. */
export class DryRunClock implements Clock {
  private readonly wallStart: number;
  private readonly due = new Set<Due>();
  private waiting: (() => void)[] = [];
  private time: Millis = 0;

  /** `wall`: what time of day the run begins, milliseconds since 1970. */
  constructor(wall: number) {
    this.wallStart = wall;
  }

  now(): Millis {
    return this.time;
  }

  wall(): number {
    return this.wallStart + Math.floor(this.time);
  }

  after(delay: Millis, fire: () => void): Timer {
    const due: Due = { at: this.time + Math.max(0, delay), fire };
    this.due.add(due);
    return { cancel: () => void this.due.delete(due) };
  }

  soon(run: () => void): void {
    this.waiting.push(run);
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    await setImmediate();
    for (let round = 0; this.waiting.length > 0; round++) {
      assert(round < SOON_ROUNDS_MAX, `no more than ${SOON_ROUNDS_MAX} rounds of soon() at one instant`);
      for (const run of this.waiting.splice(0)) run();
      await setImmediate();
    }
  }

  /** Lets time pass until `isOver` or the limit. `before` is awaited each time the clock is about to move. */
  async run(limitMs: Millis, isOver: () => boolean, before: () => Promise<void>): Promise<void> {
    const end = this.time + limitMs;
    await this.settle();
    while (!isOver()) {
      await before();
      if (isOver()) return;
      const next = this.next();
      if (next === undefined || next.at > end) return;
      this.due.delete(next);
      this.time = next.at;
      next.fire();
      await this.settle();
    }
  }

  /** The timer due first; of two the one that was set first. */
  private next(): Due | undefined {
    let first: Due | undefined;
    for (const due of this.due) if (first === undefined || due.at < first.at) first = due;
    return first;
  }
}
