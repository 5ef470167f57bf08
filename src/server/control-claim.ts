/**
 * One data folder, one exchange: `tandem.pid` in it names the process that has it, and nothing else, so that
 * `kill $(cat tandem.pid)` is right. Which process of that number it was says `tandem.started`, and whether it is an
 * exchange or a command that changes something where none runs.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TandemError } from '../base/errors.ts';
import type { Clock, Millis } from '../base/world.ts';

/** A data folder that is ours until released. */
export interface Claim {
  release(): void;
}

/** Who takes a folder. */
export type Claimer = 'exchange' | 'command';

/** A living process has the folder. */
export class FolderClaimed extends TandemError {
  readonly by: Claimer;

  constructor(by: Claimer, message: string, hint: string) {
    super('CONFLICT', message, { hint });
    this.by = by;
  }
}

/** How long an exchange that starts waits for a command, and a command for either; how often they look. */
export const CLAIM_WAIT_MS: Millis = 5_000;
export const CLAIM_LOOK_MS: Millis = 50;

/** Others have no business among passwords and call records. */
const OWNER_ONLY = 0o700;

/** Makes the folder if need be, and takes it; throws FolderClaimed when a living process has it. */
export function claimDataFolder(folder: string, by: Claimer = 'exchange'): Claim {
  try {
    makeFolder(folder);
    if (!take(folder, by)) {
      const other = livingClaim(folder);
      if (other !== undefined) throw claimed(folder, other);
      leave(folder);
      if (!take(folder, by)) throw claimed(folder, undefined);
    }
  } catch (cause) {
    if (cause instanceof TandemError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TandemError('DATA_FOLDER', `cannot use the data folder ${folder}: ${why}`, {
      cause,
      hint: 'give another one with --data, or mend its permissions',
    });
  }
  return { release: () => leave(folder) };
}

/** The same for an exchange, which waits for a command that is about to be done. */
export async function claimForExchange(folder: string, clock: Clock): Promise<Claim> {
  const until = clock.now() + CLAIM_WAIT_MS;
  for (;;) {
    try {
      return claimDataFolder(folder);
    } catch (error) {
      if (!(error instanceof FolderClaimed) || error.by === 'exchange' || clock.now() > until) throw error;
    }
    await new Promise<void>((go) => void clock.after(CLAIM_LOOK_MS, go));
  }
}

/** The pid of the living process that has the folder; undefined when none has. */
export function claimant(folder: string): number | undefined {
  return livingClaim(folder)?.pid;
}

function livingClaim(folder: string): PidFile | undefined {
  const found = readClaim(folder);
  return found !== undefined && isAlive(found) ? found : undefined;
}

/** Node's own `recursive` never ends where the system says ENOENT of a folder whose parent is there, as in /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: OWNER_ONLY });
  } catch (error) {
    if (!existsSync(folder)) throw error; // Else somebody else was quicker.
  }
}

interface PidFile {
  readonly pid: number;
  readonly startedAt: string;
  readonly by: Claimer;
}

/** False when it is taken already. */
function take(folder: string, by: Claimer): boolean {
  try {
    writeFileSync(pidFile(folder), `${process.pid}\n`, { flag: 'wx', mode: 0o600 });
    writeFileSync(startFile(folder), `${startTime(process.pid)} ${by}\n`, { mode: 0o600 });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** The start goes first: a pid without one counts as long as it lives, a new pid with an old start would not. */
function leave(folder: string): void {
  rmSync(startFile(folder), { force: true });
  rmSync(pidFile(folder));
}

function pidFile(folder: string): string {
  return join(folder, 'tandem.pid');
}

function startFile(folder: string): string {
  return join(folder, 'tandem.started');
}

function claimed(folder: string, other: PidFile | undefined): FolderClaimed {
  const by = other?.by ?? 'exchange';
  const who = other === undefined ? 'starting just now' : `pid ${other.pid}`;
  if (by === 'command') {
    const message = `a command (${who}) changes what is in the data folder ${folder}`;
    return new FolderClaimed(by, message, 'let it end, and try again');
  }
  const instead = other === undefined ? 'let it' : `stop it (kill ${other.pid})`;
  return new FolderClaimed(
    by,
    `another exchange (${who}) has the data folder ${folder}`,
    `${instead}, or start this one with --data and another folder`,
  );
}

/** Releases before wrote the start behind the pid, and not who it was: an exchange nearly always. */
function readClaim(folder: string): PidFile | undefined {
  const [pid = '', before = ''] = textIn(pidFile(folder)).split(' ');
  if (!/^\d+$/.test(pid)) return undefined;
  const [startedAt = '', by] = textIn(startFile(folder)).split(' ');
  return {
    pid: Number(pid),
    startedAt: before === '' ? startedAt : before,
    by: by === 'command' ? by : 'exchange',
  };
}

/** Empty when there is no such file. */
function textIn(file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}

/** A pid is used again after a crash, in containers at once; together with its start time it is not. */
function isAlive(found: PidFile): boolean {
  if (found.pid === process.pid) return found.startedAt === startTime(process.pid);
  try {
    process.kill(found.pid, 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  const now = startTime(found.pid);
  return now === '' || found.startedAt === '' || now === found.startedAt;
}

/** When the process began, in clock ticks since the machine did; empty where the system does not say. */
function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in parentheses and may hold blanks; start time is the 22nd.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    // No /proc on macOS, or the process is gone: the pid alone must do.
    return '';
  }
}
