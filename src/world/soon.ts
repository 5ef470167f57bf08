/** What a batch of packets asked for, done once after it, in the check phase of the event loop. */
export class Soon {
  private runs: (() => void)[] = [];
  private lastRuns: (() => void)[] = [];
  private end: (() => void) | undefined = undefined;
  private armed = false;

  /** Runs in the order of asking. What is asked for meanwhile runs in the next turn. */
  add(run: () => void): void {
    this.runs.push(run);
    this.arm();
  }

  /** Runs after all that came by `add`: sockets send then what those queued. */
  addLast(run: () => void): void {
    this.lastRuns.push(run);
    this.arm();
  }

  /** Runs when a turn has nothing more to do; once, and one alone. */
  atEnd(run: () => void): void {
    this.end = run;
    this.arm();
  }

  /** Takes its place among the immediates now: what is asked for later in this turn is done in this turn. */
  arm(): void {
    if (this.armed) return;
    this.armed = true;
    setImmediate(this.fire);
  }

  private readonly fire = (): void => {
    this.armed = false;
    const runs = this.runs;
    if (runs.length > 0) {
      this.runs = [];
      this.runAll(runs, this.runs);
    }
    const lastRuns = this.lastRuns;
    if (lastRuns.length > 0) {
      this.lastRuns = [];
      this.runAll(lastRuns, this.lastRuns);
    }
    if (this.end !== undefined && !this.armed) this.runEnd(this.end);
  };

  private runEnd(end: () => void): void {
    this.end = undefined;
    end();
  }

  /** One that throws is reported by the process; those behind it run in the next turn. */
  private runAll(runs: readonly (() => void)[], next: (() => void)[]): void {
    let done = 0;
    try {
      while (done < runs.length) runs[done++]?.();
    } finally {
      if (done < runs.length) next.unshift(...runs.slice(done));
      if (this.runs.length + this.lastRuns.length > 0) this.arm();
    }
  }
}
