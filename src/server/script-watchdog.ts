/**
 * Notices a script that does not come back. JavaScript has one thread for all calls: a loop without an end in a route
 * holds up every one of them, and nothing on that thread can say so. Another thread can:
 *
 *   SIP thread      beat, beat, beat, …(a route loops)…
 *                     └─ shared memory: beats, the route that runs, its generation
 *   watchdog          looks every 100 ms ─▶ no beat for `stall_ms` ─▶ asks the debugger for the line ─▶ log
 */
import { Worker } from 'node:worker_threads';
import type { Clock, Logger, Millis, Timer } from '../base/world.ts';
import { ROUTE_KINDS, type RouteKind, type RouteMarks } from '../route/step.ts';
import type { LogLevel } from '../world/log-lines.ts';

/** How often the SIP thread shows that it lives, and how often the watchdog looks. */
export const BEAT_MS = 100;
/**
 * The places in the shared memory. `route` holds a place in ROUTE_KINDS plus one, 0 for none; `serves` is 1 once calls
 * are taken: what keeps us busy until then, but the script, holds up nobody.
 */
export const CELLS = { beats: 0, route: 1, generation: 2, serves: 3 } as const;

/** What the watchdog's thread is given. */
export interface WatchdogParts {
  readonly cells: Int32Array;
  /** The process that started us and hands on its signals; undefined where nobody does. */
  readonly launcher: number | undefined;
  readonly stallMs: Millis;
  readonly level: LogLevel;
  readonly format: 'lines' | 'json' | undefined;
}

/** The side of the SIP thread. */
export class ScriptWatchdog implements RouteMarks {
  private readonly clock: Clock;
  private readonly cells: Int32Array;
  private readonly worker: Worker;
  private beating: Timer | undefined = undefined;

  constructor(clock: Clock, log: Logger, options: Omit<WatchdogParts, 'cells' | 'launcher'>) {
    this.clock = clock;
    this.cells = new Int32Array(new SharedArrayBuffer(Object.keys(CELLS).length * 4));
    const launcher = process.channel === undefined ? undefined : process.ppid;
    const workerData: WatchdogParts = { ...options, cells: this.cells, launcher };
    this.worker = new Worker(new URL('./script-watchdog-worker.ts', import.meta.url), { workerData });
    this.worker.unref();
    // Who only looks on must end no call.
    this.worker.on('error', (error) => {
      log.error('the watchdog of scripts has ended', { error: String(error) });
    });
    this.beat();
  }

  enter(route: RouteKind, generation: number): void {
    this.cells[CELLS.route] = ROUTE_KINDS.indexOf(route) + 1;
    this.cells[CELLS.generation] = generation;
  }

  leave(): void {
    this.cells[CELLS.route] = 0;
  }

  /** Calls are taken from now on. */
  serves(): void {
    this.cells[CELLS.serves] = 1;
  }

  async stop(): Promise<void> {
    this.beating?.cancel();
    await this.worker.terminate();
  }

  private beat(): void {
    Atomics.add(this.cells, CELLS.beats, 1);
    this.beating = this.clock.after(BEAT_MS, () => this.beat());
  }
}
