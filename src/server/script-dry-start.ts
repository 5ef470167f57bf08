/** Starts a script for a trial, in a thread that can be ended: one that never comes back harms nobody. */
import { Worker } from 'node:worker_threads';
import type { Clock, Millis, Timer } from '../base/world.ts';
import { START_MS } from '../route/generation.ts';
import type { ScriptProblem } from './script-forms.ts';
import { scriptPlaceInWorker } from './script-place.ts';
import { LOAD_MS } from './script-loader.ts';
import type { Settings } from './settings.ts';

/** The thread itself needs a moment to begin. */
const THREAD_MS = 5_000;
/** How long loading and starting may take together, and the beginning of the thread with them. */
export const DRY_START_MS = LOAD_MS + START_MS + THREAD_MS;

/** So long a thread waits for the next script on trial, and so many are tried in it: each leaves its modules behind. */
export const KEPT_MS = 10_000;
export const TRIALS_MAX = 20;

/** What the thread is given. */
export interface DryStart {
  readonly file: string;
  readonly settings: Settings;
}

/** What it says: nothing is wrong, or what is. */
export interface DryStarted {
  readonly problem?: Omit<ScriptProblem, 'file'> | undefined;
  /** Whether it did start, and let go of an error as it did. */
  readonly isStray?: boolean;
  /** Nothing of it is left that could wake up again. */
  readonly isClean: boolean;
}

/** How the trial went. `hung`: the thread had to be ended. `isStray`: it started, and let go of an error. */
export interface DryStartEnd {
  readonly hung: boolean;
  readonly isStray: boolean;
  readonly problem: ScriptProblem | undefined;
}

/** On stores that are empty and without a socket for SIP, in a thread that is ended afterwards. */
export async function dryStart(
  trial: DryStart,
  clock: Clock,
  limitMs: Millis = DRY_START_MS,
): Promise<DryStartEnd> {
  const worker = newThread();
  try {
    return await tryIn(worker, trial, clock, limitMs);
  } finally {
    void worker.terminate();
  }
}

/**
 * Trials one after the other, as an exchange makes them that loads its script again and again. A thread takes a second
 * to load our own source, and a script some milliseconds: so one that is left as clean as it was is kept for a while.
 */
export class ScriptTrials {
  private readonly clock: Clock;
  private kept: KeptThread | undefined;
  private closed = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  async dryStart(trial: DryStart): Promise<DryStartEnd> {
    const thread = this.take();
    try {
      const end = await tryIn(thread.worker, trial, this.clock, DRY_START_MS);
      if (end.isClean && ++thread.trials < TRIALS_MAX) this.keep(thread);
      return end;
    } finally {
      if (thread !== this.kept) void thread.worker.terminate();
    }
  }

  /** Ends what is kept; from now on nothing is. */
  close(): void {
    this.closed = true;
    const thread = this.kept;
    this.drop(thread);
    void thread?.worker.terminate();
  }

  /** Whether a thread waits for the next trial. */
  get isWarm(): boolean {
    return this.kept !== undefined;
  }

  private take(): KeptThread {
    const { kept } = this;
    if (kept === undefined) return this.begin();
    this.drop(kept);
    kept.worker.ref();
    return kept;
  }

  private begin(): KeptThread {
    const thread: KeptThread = { worker: newThread(), trials: 0, timer: undefined };
    // What it does by itself while it is kept, such as to fail, harms nobody.
    thread.worker.on('error', () => this.drop(thread)).on('exit', () => this.drop(thread));
    return thread;
  }

  private keep(thread: KeptThread): void {
    if (this.closed || this.kept !== undefined) return;
    this.kept = thread;
    thread.worker.unref();
    thread.timer = this.clock.after(KEPT_MS, () => {
      this.drop(thread);
      void thread.worker.terminate();
    });
  }

  private drop(thread: KeptThread | undefined): void {
    if (thread === undefined || thread !== this.kept) return;
    thread.timer?.cancel();
    this.kept = undefined;
  }
}

interface KeptThread {
  readonly worker: Worker;
  trials: number;
  timer: Timer | undefined;
}

const THREAD = new URL('./script-dry-start-worker.ts', import.meta.url);

function newThread(): Worker {
  const worker = new Worker(THREAD, { stdout: true, stderr: true });
  // Nobody reads what a script says there.
  worker.stdout.resume();
  worker.stderr.resume();
  return worker;
}

/** `isClean`: nothing of the script is left in the thread that could wake up again. */
function tryIn(
  worker: Worker,
  trial: DryStart,
  clock: Clock,
  limitMs: Millis,
): Promise<DryStartEnd & { readonly isClean: boolean }> {
  const { file } = trial;
  const ended = Promise.withResolvers<DryStartEnd & { readonly isClean: boolean }>();
  const end = (
    hung: boolean,
    isClean: boolean,
    problem?: Omit<ScriptProblem, 'file'>,
    isStray = false,
  ): void => ended.resolve({ hung, isClean, isStray, problem: problem && { file, ...problem } });
  const timer = clock.after(limitMs, () => {
    const message = `the script had not started after ${limitMs / 1000} s`;
    void scriptPlaceInWorker(THREAD.href, clock).then((place) => {
      if (place === undefined) end(true, false, { message, hint: 'look for a wait for what does not come' });
      else end(true, false, { ...place, message: `${message}: it is still here`, hint: 'end that loop' });
    });
  });
  const exited = (): void =>
    end(false, false, {
      message: 'the script ended its thread',
      hint: 'a script never calls process.exit()',
    });
  const said = ({ problem, isClean, isStray }: DryStarted): void => end(false, isClean, problem, isStray);
  worker.on('message', said).on('error', ended.reject).on('exit', exited);
  worker.postMessage(trial);
  return ended.promise.finally(() => {
    timer.cancel();
    worker.off('message', said).off('error', ended.reject).off('exit', exited);
  });
}
