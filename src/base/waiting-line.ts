/**
 * Who waits, the oldest first; anybody may leave from where he stands.
 *
 *   oldest ⇄ … ⇄ newest
 *
 * A Map or a Set does the same, but not for what comes and goes with every request: each time V8 gives such a table new
 * room, the old one keeps what it held and points to the new one. Once one of them is among the old objects, whatever
 * waits at such a moment is kept, with the whole text it came in, until the next full collection.
 */

/** One that may wait in a line. */
export abstract class InLine {
  /** For the line alone. */
  before: this | undefined = undefined;
  /** For the line alone. */
  behind: this | undefined = undefined;
  /** Whether it waits. */
  waits = false;
}

/** See the figure above. */
export class WaitingLine<T extends InLine> {
  private first: T | undefined = undefined;
  private last: T | undefined = undefined;
  private count = 0;

  get size(): number {
    return this.count;
  }

  get oldest(): T | undefined {
    return this.first;
  }

  /** The newest one now. It must wait nowhere else. */
  join(one: T): void {
    one.waits = true;
    one.before = this.last;
    if (this.last === undefined) this.first = one;
    else this.last.behind = one;
    this.last = one;
    this.count++;
  }

  /** False when it waits no more. It forgets its neighbours, so that nobody is kept by one that is gone. */
  leave(one: T): boolean {
    if (!one.waits) return false;
    const { before, behind } = one;
    if (before === undefined) this.first = behind;
    else before.behind = behind;
    if (behind === undefined) this.last = before;
    else behind.before = before;
    one.before = one.behind = undefined;
    one.waits = false;
    this.count--;
    return true;
  }
}
