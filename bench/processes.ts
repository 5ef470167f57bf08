/** Programs the bench starts: each in a group of its own, on one core, ended with the bench. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Servers run on this core and nothing else does, so that a figure does not depend on who shares it. */
export const SERVER_CORE = 0;
/** Generators, SIPp and the bench itself. */
export const LOAD_CORE = 1;

const STOP_MS = 5000;

/** A program that was started. */
export interface Started {
  readonly pid: number;
  readonly command: string;
  /** The exit code, or 128 when it died of a signal. */
  readonly ended: Promise<number>;
  running(): boolean;
}

/** Where it runs and where its output goes; without `output` it is thrown away. */
export interface StartOptions {
  readonly core: number;
  readonly folder: string;
  readonly output?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

const living = new Map<number, ChildProcess>();

/** Starts a program pinned to one core. */
export function start(command: string, args: readonly string[], options: StartOptions): Started {
  const output = options.output === undefined ? 'ignore' : openSync(options.output, 'a');
  const child = spawn('taskset', ['-c', String(options.core), command, ...args], {
    cwd: options.folder,
    detached: true,
    stdio: ['ignore', output, output],
    env: { ...process.env, TERM: 'xterm', ...options.environment },
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} could not be started`);
  living.set(pid, child);
  const ended = once(child, 'exit').then(([code]) => {
    living.delete(pid);
    return typeof code === 'number' ? code : 128;
  });
  return { pid, command, ended, running: () => living.has(pid) };
}

/** Asks the group to end, and after a while makes it. */
export async function stop(started: Started, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (!started.running()) return;
  signalGroup(started.pid, signal);
  const patience = new AbortController();
  const late = sleep(STOP_MS, 'late', { signal: patience.signal }).catch(() => 'ended');
  if ((await Promise.race([started.ended, late])) === 'late') signalGroup(started.pid, 'SIGKILL');
  patience.abort();
  await started.ended;
  signalGroup(started.pid, 'SIGKILL'); // What the group's leader left behind.
}

/** Ends everything at once: for Ctrl-C and for a bench that failed. */
export function killAll(): void {
  for (const pid of living.keys()) signalGroup(pid, 'SIGKILL');
}

/** The pids of what the bench started, without what those started in turn. */
export function livingPids(): readonly number[] {
  return [...living.keys()];
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
