/** Threads that live through random towns. They are told by URL, so that no product code imports what is for tests. */
import { Worker } from 'node:worker_threads';

/** One town to live through. What `src/testing/swarm-plan.ts` calls its options. */
export interface SwarmJob {
  readonly options: {
    readonly seed: number;
    readonly minutes: number;
    readonly phones?: number | undefined;
    readonly without?: readonly string[] | undefined;
  };
  /** Whether one that breaks a law is tried again with less in it. */
  readonly shrinks: boolean;
}

/** How it went. */
export interface SwarmReport {
  readonly seed: number;
  readonly breaches: readonly {
    readonly law: string;
    readonly why: string;
    readonly callId?: string | undefined;
  }[];
  /** Runs it again, or the smallest town that breaks the same law. */
  readonly command: string;
  readonly ladder: string;
  /** What the exchange heard and said. */
  readonly messages: number;
  /** Equal for runs that were equal. */
  readonly fingerprint: string;
}

/** Runs all jobs on so many threads; `told` hears of each as it ends. Rejects when a thread fails. */
export async function runTowns(
  jobs: Iterable<SwarmJob>,
  threads: number,
  told: (report: SwarmReport) => void,
): Promise<void> {
  const waiting = jobs[Symbol.iterator]();
  await Promise.all(Array.from({ length: threads }, () => runThread(waiting, told)));
}

function runThread(waiting: Iterator<SwarmJob>, told: (report: SwarmReport) => void): Promise<void> {
  const worker = new Worker(new URL('../testing/swarm-worker.ts', import.meta.url));
  return new Promise<void>((resolve, reject) => {
    const next = (): void => {
      const job = waiting.next();
      if (job.done === true) resolve();
      else worker.postMessage(job.value);
    };
    worker.on('message', (report: SwarmReport) => {
      told(report);
      next();
    });
    worker.on('error', reject);
    worker.on('exit', (status) => reject(new Error(`a thread ended with ${status}`)));
    next();
  }).finally(() => void worker.terminate());
}
