/** Starts a script for a trial, in a thread of its own that can be ended: one that never comes back harms nobody. */
import { Worker } from 'node:worker_threads';
import type { Clock, Millis } from '../base/world.ts';
import { START_MS } from '../route/generation.ts';
import type { ScriptProblem } from './script-forms.ts';
import { scriptPlaceInWorker } from './script-place.ts';
import { LOAD_MS } from './script-loader.ts';
import type { Settings } from './settings.ts';

/** The thread itself needs a moment to begin. */
const THREAD_MS = 5_000;
/** How long loading and starting may take together, and the beginning of the thread with them. */
export const DRY_START_MS = LOAD_MS + START_MS + THREAD_MS;

/** What the thread is given. */
export interface DryStart {
  readonly file: string;
  readonly settings: Settings;
}

/** What it says: nothing is wrong, or what is. */
export interface DryStarted {
  readonly problem?: Omit<ScriptProblem, 'file'>;
}

/** How the trial went. `hung`: the thread had to be ended. */
export interface DryStartEnd {
  readonly hung: boolean;
  readonly problem: ScriptProblem | undefined;
}

/** On stores that are empty and without a socket for SIP. */
export function dryStart(
  trial: DryStart,
  clock: Clock,
  limitMs: Millis = DRY_START_MS,
): Promise<DryStartEnd> {
  const { file } = trial;
  const url = new URL('./script-dry-start-worker.ts', import.meta.url);
  const worker = new Worker(url, {
    workerData: trial,
    stdout: true,
    stderr: true,
  });
  return new Promise((resolve, reject) => {
    const end = (hung: boolean, problem?: Omit<ScriptProblem, 'file'>): void => {
      timer.cancel();
      resolve({ hung, problem: problem && { file, ...problem } });
      void worker.terminate();
    };
    const timer = clock.after(limitMs, () => {
      const message = `the script had not started after ${limitMs / 1000} s`;
      void scriptPlaceInWorker(url.href, clock).then((place) => {
        if (place === undefined) end(true, { message, hint: 'look for a wait for what does not come' });
        else end(true, { ...place, message: `${message}: it is still here`, hint: 'end that loop' });
      });
    });
    worker.on('message', ({ problem }: DryStarted) => end(false, problem));
    worker.on('error', (error) => {
      timer.cancel();
      reject(error);
    });
    worker.on('exit', () => {
      end(false, { message: 'the script ended its thread', hint: 'a script never calls process.exit()' });
    });
  });
}
