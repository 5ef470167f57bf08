/**
 * One data folder, one exchange: `tandem.pid` in it names the process that has it, and nothing else, so that
 * `kill $(cat tandem.pid)` is right. Which process of that number it was says `tandem.started`.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TandemError } from '../base/errors.ts';

/** A data folder that is ours until released. */
export interface Claim {
  release(): void;
}

/** Others have no business among passwords and call records. */
const OWNER_ONLY = 0o700;

/** Makes the folder if need be, and takes it; throws CONFLICT when a living exchange has it. */
export function claimDataFolder(folder: string): Claim {
  try {
    makeFolder(folder);
    if (!take(folder)) {
      const other = claimant(folder);
      if (other !== undefined) throw claimed(folder, `pid ${other}`, `stop it (kill ${other})`);
      leave(folder);
      if (!take(folder)) throw claimed(folder, 'starting just now', 'let it');
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

/** The pid of the living exchange that has the folder; undefined when none has. */
export function claimant(folder: string): number | undefined {
  const found = readClaim(folder);
  return found !== undefined && isAlive(found) ? found.pid : undefined;
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
}

/** False when it is taken already. */
function take(folder: string): boolean {
  try {
    writeFileSync(pidFile(folder), `${process.pid}\n`, { flag: 'wx', mode: 0o600 });
    writeFileSync(startFile(folder), `${startTime(process.pid)}\n`, { mode: 0o600 });
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

function claimed(folder: string, who: string, instead: string): TandemError {
  return new TandemError('CONFLICT', `another exchange (${who}) has the data folder ${folder}`, {
    hint: `${instead}, or start this one with --data and another folder`,
  });
}

/** Releases before wrote the start behind the pid. */
function readClaim(folder: string): PidFile | undefined {
  const [pid = '', before = ''] = textIn(pidFile(folder)).split(' ');
  if (!/^\d+$/.test(pid)) return undefined;
  return { pid: Number(pid), startedAt: before === '' ? textIn(startFile(folder)) : before };
}

/** Empty when there is no such file. */
function textIn(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
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
