/**
 * Time that moves only when told. The clock fires one timer, lets every promise settle, then fires the
 * next; timers due at one instant fire in the order they were set. So code may `await` freely and two runs
 * stay equal, as long as it waits for nothing but the World.
 */
import { assert } from '../base/assert.ts';
import type { Clock, Millis, Timer } from '../base/world.ts';

/** What `wall()` shows when a simulation starts: 2026-01-01T00:00:00Z. */
export const WALL_START = Date.UTC(2026, 0, 1);
/** More rounds of `soon` than this without time moving is a loop of our own making. */
export const SOON_ROUNDS_MAX = 1_000;
/** How long `until` waits, in simulated time, unless told otherwise. */
const UNTIL_MS = 120_000;

interface Due {
  readonly at: Millis;
  readonly order: number;
  fire: (() => void) | undefined;
}

/** The clock of a simulated world; all its hosts share it. */
export class SimClock implements Clock {
  private readonly heap: Due[] = [];
  private waiting: (() => void)[] = [];
  private time: Millis = 0;
  private timersSet = 0;
  private wallStart = WALL_START;
  private running = false;

  now(): Millis {
    return this.time;
  }

  wall(): number {
    return Math.floor(this.wallStart + this.time);
  }

  after(delay: Millis, fire: () => void): Timer {
    assert(Number.isFinite(delay), 'a delay is a finite number');
    const due: Due = { at: this.time + Math.max(0, delay), order: this.timersSet++, fire };
    push(this.heap, due);
    return {
      cancel() {
        due.fire = undefined;
      },
    };
  }

  soon(run: () => void): void {
    this.waiting.push(run);
  }

  /** Moves the wall clock, as an operator or NTP does; `now()` does not notice. */
  jumpWall(byMs: Millis): void {
    this.wallStart += byMs;
  }

  /** Lets that much time pass. Rejects with what a timer or a `soon` throws. */
  async run(ms: Millis): Promise<void> {
    await this.runTo(this.time + ms, () => false);
  }

  /** Lets time pass until the promise has settled, and answers as it does. */
  async until<T>(promise: Promise<T>, withinMs: Millis = UNTIL_MS): Promise<T> {
    let settled = false;
    const note = (): void => {
      settled = true;
    };
    promise.then(note, note);
    await this.runTo(this.time + withinMs, () => settled);
    assert(settled, `the promise settles within ${withinMs} ms of simulated time`);
    return promise;
  }

  private async runTo(end: Millis, done: () => boolean): Promise<void> {
    assert(!this.running, 'one run at a time');
    this.running = true;
    try {
      await this.settle();
      while (!done()) {
        const next = this.nextDue(end);
        if (next === undefined) {
          this.time = end;
          return;
        }
        this.time = next.at;
        next.fire?.();
        await this.settle();
      }
    } finally {
      this.running = false;
    }
  }

  /** Takes the first timer due by `end`; those cancelled are dropped on the way. */
  private nextDue(end: Millis): Due | undefined {
    for (;;) {
      const first = this.heap[0];
      if (first === undefined || first.at > end) return undefined;
      pop(this.heap);
      if (first.fire !== undefined) return first;
    }
  }

  /** All promises, then all that was asked for `soon`, and again until nothing is left. */
  private async settle(): Promise<void> {
    await turn();
    for (let round = 0; this.waiting.length > 0; round++) {
      assert(round < SOON_ROUNDS_MAX, `no more than ${SOON_ROUNDS_MAX} rounds of soon() at one instant`);
      const batch = this.waiting;
      this.waiting = [];
      for (const run of batch) run();
      await turn();
    }
  }
}

/** One turn of the event loop: every promise that can settle has settled after it. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function isBefore(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Due[], due: Due): void {
  let at = heap.length;
  heap.push(due);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(due, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = due;
}

function pop(heap: Due[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = at * 2 + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
    if (!isBefore(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
}
