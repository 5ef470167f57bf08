/**
 * The thread that a simulation runs in. Its script is the real one, and nothing on the thread of a script that loops
 * can end it:
 *
 *   this thread          looks whether the other one beats ─▶ not for 5 s ─▶ asks the debugger where it is
 *   the simulation       beat, beat, …(the script loops)…                     └─ in a script: ended, with its line
 */
import { Worker } from 'node:worker_threads';
import { type ErrorCode, TandemError } from '../base/errors.ts';
import type { Clock, Millis } from '../base/world.ts';
import { scriptLineOf, shortLine } from '../route/source-line.ts';
import type { DryRunReport } from '../server/dry-run.ts';
import type { NotTaken } from '../server/dry-run-coverage.ts';
import { scriptPlaceInWorker } from '../server/script-place.ts';
import type { Settings } from '../server/settings.ts';
import type { SimOptions } from './sim-request.ts';

/** How often the thread shows that it lives. */
export const BEAT_MS = 100;
/** A script that holds up its thread for longer does not come back. */
export const STANDS_MS = 5_000;
const LOOK_MS = 250;

/** What `--json` prints. */
export interface SimDocument extends DryRunReport {
  readonly method: string;
  readonly uri: string;
  readonly from: string;
  readonly source: string;
  readonly at: string;
  /** The final status; null when the caller would hear none. */
  readonly status: number | null;
  readonly why: string | null;
  readonly notTaken: readonly NotTaken[];
}

/** What the thread is given. */
export interface SimTask {
  readonly settings: Settings;
  readonly options: SimOptions;
  /** Counts its beats. */
  readonly beats: Int32Array;
}

/** What it says: what would happen, or what an operator or a script did wrong. */
export type SimSaid =
  | { readonly document: SimDocument }
  | { readonly code: ErrorCode; readonly message: string; readonly hint: string | undefined };

const THREAD = new URL('./sim-worker.ts', import.meta.url);

/** Runs one. Rejects with SCRIPT_INVALID, and the line, when the script does not come back. */
export async function inThread(
  task: Omit<SimTask, 'beats'>,
  clock: Clock,
  standsMs: Millis = STANDS_MS,
): Promise<SimDocument> {
  const beats = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const workerData: SimTask = { ...task, beats };
  const worker = new Worker(THREAD, { workerData });
  const over = new AbortController();
  try {
    return await Promise.race([documentFrom(worker), standing(beats, clock, standsMs, over.signal)]);
  } finally {
    over.abort();
    void worker.terminate();
  }
}

function documentFrom(worker: Worker): Promise<SimDocument> {
  return new Promise((resolve, reject) => {
    worker.on('message', (said: SimSaid) => {
      if ('document' in said) resolve(said.document);
      else
        reject(new TandemError(said.code, said.message, said.hint === undefined ? {} : { hint: said.hint }));
    });
    worker.on('error', (error) => reject(asFault(error)));
    worker.on('exit', () => {
      reject(invalid('the script ended its thread', 'a script never calls process.exit()'));
    });
  });
}

/** What was thrown where nobody waits for it is the script's, if it went through one. */
function asFault(error: unknown): unknown {
  const place = scriptLineOf(error);
  if (place === undefined || !(error instanceof Error)) return error;
  return invalid(`${shortLine(place)}: ${error.message}`, 'mend that line');
}

/** Rejects when the thread stands still in a script. What holds it up otherwise, such as much data, is waited for. */
async function standing(
  beats: Int32Array,
  clock: Clock,
  standsMs: Millis,
  over: AbortSignal,
): Promise<never> {
  let seen = -1;
  let seenAt = clock.now();
  while (!over.aborted) {
    await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve));
    const now = Atomics.load(beats, 0);
    if (now !== seen) [seen, seenAt] = [now, clock.now()];
    else if (clock.now() - seenAt >= standsMs && !over.aborted) {
      const place = await scriptPlaceInWorker(THREAD.href, clock);
      seenAt = clock.now();
      if (place === undefined || Atomics.load(beats, 0) !== seen) continue;
      const { file, line } = place;
      const message = `${file}:${line}: the script does not come back: it is still here after ${standsMs / 1000} s`;
      throw invalid(message, 'end that loop');
    }
  }
  return new Promise(() => {});
}

function invalid(message: string, hint: string): TandemError {
  return new TandemError('SCRIPT_INVALID', message, { hint });
}
