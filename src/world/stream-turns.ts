import type { Millis, StreamEnd, StreamUser } from '../base/world.ts';
import { limits } from './limits.ts';
import { Pace } from './pace.ts';
import type { Soon } from './soon.ts';

/** What streams have of the event loop's turns. */
export interface Turns {
  /** The same user, whose texts are counted. */
  of(user: StreamUser): StreamUser;
  /** Runs when this turn has brought all it brings: what it wrote leaves together. */
  later(flush: () => void): void;
}

/** How a paced loop tells the time, and how its thread sleeps. */
export interface SleepParts {
  readonly now: () => Millis;
  /** Stops the whole thread for so long. */
  readonly sleep: (ms: Millis) => void;
}

/** Less than this is over before the thread has gone to sleep. */
const SLEEP_LEAST_MS = 0.1;

/** Turns as they come. */
export const plainTurns: Turns = { of: (user) => user, later: (flush) => void setImmediate(flush) };

/**
 * A stream brings each message by a wake-up, a read and a write of its own. Where streams bring many, the loop sleeps
 * until the next tick of `pace.ts`, and what has come meanwhile shares them:
 *
 *   poll: data, data, … ─▶ check: what this turn asked for, what it wrote ─▶ sleep, unless the tick is over
 */
export class PacedTurns implements Turns {
  private readonly soon: Soon;
  private readonly parts: SleepParts;
  private readonly pace = new Pace();
  private messages = 0;
  /** When the tick began that is going on. */
  private tickedAt: Millis = 0;

  constructor(soon: Soon, parts: SleepParts = nodeSleep) {
    this.soon = soon;
    this.parts = parts;
  }

  of(user: StreamUser): StreamUser {
    return new CountedUser(user, this);
  }

  later(flush: () => void): void {
    this.soon.addLast(flush);
  }

  /** A stream brought so many bytes. */
  brought(bytes: number): void {
    this.messages += Math.ceil(bytes / limits.streamMessageBytes);
    this.soon.atEnd(this.rest);
  }

  private readonly rest = (): void => {
    const now = this.parts.now();
    const tickMs = this.pace.afterLook(this.messages, now);
    this.messages = 0;
    const left = this.tickedAt + tickMs - now;
    const sleeps = left > SLEEP_LEAST_MS && left <= tickMs;
    if (sleeps) this.parts.sleep(left);
    this.tickedAt = sleeps ? this.tickedAt + tickMs : now;
  };
}

class CountedUser implements StreamUser {
  private readonly user: StreamUser;
  private readonly turns: PacedTurns;

  constructor(user: StreamUser, turns: PacedTurns) {
    this.user = user;
    this.turns = turns;
  }

  opened(): void {
    this.user.opened?.();
  }

  data(text: string): void {
    this.turns.brought(text.length);
    this.user.data(text);
  }

  closed(why: StreamEnd, detail: string): void {
    this.user.closed(why, detail);
  }
}

const nothing = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

const nodeSleep: SleepParts = {
  now: () => performance.now(),
  sleep: (ms) => void Atomics.wait(nothing, 0, 0, ms),
};
