/** The watchdog's own thread: it must not need the one it watches, so it writes to stderr by itself. */
import { writeSync } from 'node:fs';
import { type Debugger, type InspectorNotification, Session } from 'node:inspector';
import { setTimeout as sleep } from 'node:timers/promises';
import { workerData } from 'node:worker_threads';
import type { Logger, Millis } from '../base/world.ts';
import { logLines } from '../world/log-lines.ts';
import { ROUTE_KINDS } from '../route/step.ts';
import { type Found, placeIn } from './script-place.ts';
import { BEAT_MS, CELLS, type WatchdogParts } from './script-watchdog.ts';

/** The debugger is not asked more often: to stop the thread costs it a few milliseconds. */
const ASK_MS = 10_000;
/** A debugger that has said nothing for so long says nothing. */
const ANSWER_MS = 2_000;
const STDERR = 2;

type Parsed = InspectorNotification<Debugger.ScriptParsedEventDataType>;
type Paused = InspectorNotification<Debugger.PausedEventDataType>;

const parts = workerData as WatchdogParts; // `ScriptWatchdog` has made it.
const { cells, launcher, stallMs, level, format } = parts;
/** Made when it is needed, which may be never. */
let log: Logger | undefined;

let beats = 0;
let beatAt: Millis = performance.now();
let toldAt: Millis | undefined;
/** Whether the log has heard of it. */
let isTold = false;
let askedAt = -ASK_MS;

setInterval(look, BEAT_MS);

function look(): void {
  const now = performance.now();
  const seen = Atomics.load(cells, CELLS.beats);
  if (seen !== beats) {
    if (toldAt !== undefined && isTold) openLog().warn('calls go on', { stoodMs: Math.round(now - beatAt) });
    beats = seen;
    beatAt = now;
    toldAt = undefined;
  } else if (toldAt === undefined && now - beatAt >= stallMs) {
    toldAt = now;
    isTold = false;
    void tell(Math.round(now - beatAt));
  }
  if (toldAt !== undefined) endWithLauncher();
}

/** Whoever kills the launcher wants us gone, too: the thread that would notice is the one that stands still. */
function endWithLauncher(): void {
  if (launcher !== undefined && process.ppid !== launcher) process.kill(process.pid, 'SIGKILL');
}

async function tell(stoodMs: number): Promise<void> {
  const route = ROUTE_KINDS[Atomics.load(cells, CELLS.route) - 1];
  const generation = Atomics.load(cells, CELLS.generation);
  const now = performance.now();
  const found = now - askedAt < ASK_MS ? 'not asked' : await placeOfMainThread();
  askedAt = now;
  const isFound = typeof found === 'object';
  const isScript = isFound ? found.isScript : route !== undefined;
  isTold = isScript || Atomics.load(cells, CELLS.serves) === 1;
  if (!isTold) return;
  const ours = found === 'no answer' ? 'the machine or its disk holds us up' : 'the exchange itself is busy';
  const why = isScript ? 'the script does not come back' : ours;
  const facts = route === undefined ? {} : { route, generation };
  openLog().error(`every call stands still: ${why}`, { stoodMs, ...facts, ...(isFound && found.place) });
}

function openLog(): Logger {
  const form = format === undefined ? {} : { form: format };
  log ??= logLines({ level, ...form, write: (line) => writeSync(STDERR, line) });
  return log;
}

/**
 * Stops the main thread for a moment, wherever it is, and reads its stack. One that waits for the kernel answers when
 * that lets it go, which may be after we have given up: whatever it says then is read by nobody, and it goes on.
 */
async function placeOfMainThread(): Promise<Found | 'no answer' | undefined> {
  const session = new Session();
  session.connectToMainThread();
  const urls = new Map<string, string>();
  session.on('Debugger.scriptParsed', ({ params }: Parsed) => urls.set(params.scriptId, params.url));
  const paused = new Promise<Found | undefined>((resolve) => {
    session.once('Debugger.paused', ({ params }: Paused) => resolve(placeIn(params.callFrames, urls)));
  });
  session.post('Debugger.enable');
  session.post('Debugger.pause');
  const patience = new AbortController();
  const gaveUp = sleep(ANSWER_MS, 'no answer' as const, { signal: patience.signal });
  const found = await Promise.race([paused, gaveUp]);
  patience.abort();
  session.post('Debugger.resume');
  session.post('Debugger.disable', () => session.disconnect());
  return found;
}
