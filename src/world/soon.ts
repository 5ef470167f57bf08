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

  /** Asks for another turn only when something is left for it: an empty one costs as much as a message. */
  private readonly fire = (): void => {
    try {
      this.runAll();
      this.runAllLast();
    } finally {
      this.armed = false;
      if (this.runs.length + this.lastRuns.length > 0) this.arm();
    }
    if (this.end !== undefined && !this.armed) this.runEnd(this.end);
  };

  private runEnd(end: () => void): void {
    this.end = undefined;
    end();
  }

  private runAll(): void {
    const { runs } = this;
    if (runs.length === 0) return;
    this.runs = [];
    runEach(runs, this.runs);
  }

  private runAllLast(): void {
    const { lastRuns } = this;
    if (lastRuns.length === 0) return;
    this.lastRuns = [];
    runEach(lastRuns, this.lastRuns);
  }
}

/** One that throws is reported by the process; those behind it run in the next turn. */
function runEach(runs: readonly (() => void)[], next: (() => void)[]): void {
  let done = 0;
  try {
    while (done < runs.length) runs[done++]?.();
  } finally {
    if (done < runs.length) next.unshift(...runs.slice(done));
  }
}
