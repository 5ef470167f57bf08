/** One change at a time of each address-of-record: while one is on its way to disk, others of that AOR wait. */
export class Turns {
  private readonly held = new Map<string, (() => void)[]>();

  isHeld(aor: string): boolean {
    return this.held.has(aor);
  }

  /** Runs the task now, or after those in front of it. Undefined when too many wait. */
  take<T extends object>(aor: string, task: () => T | Promise<T>): T | Promise<T> | undefined {
    if (this.held.size === 0) return task();
    const waiting = this.held.get(aor);
    if (waiting === undefined) return task();
    if (waiting.length === WAITING_MAX) return undefined;
    return new Promise((resolve) => {
      waiting.push(() => resolve(new Promise((settle) => settle(task()))));
    });
  }

  /** Others wait until this has settled. Must be called from within a task. */
  hold<T>(aor: string, work: Promise<T>): Promise<T> {
    this.held.set(aor, []);
    return work.finally(() => this.release(aor));
  }

  /** Runs who waits, up to the first that holds again. */
  private release(aor: string): void {
    const waiting = this.held.get(aor) ?? [];
    this.held.delete(aor);
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      next();
      if (!this.held.has(aor)) continue;
      this.held.set(aor, waiting);
      return;
    }
  }
}

/** More changes of one AOR than this do not wait: a phone has no use for them. */
const WAITING_MAX = 32;
