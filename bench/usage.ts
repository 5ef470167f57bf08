/**
 * What processes used, read from /proc. Run time comes from `schedstat`, in nanoseconds, user and system
 * together: the ticks of `stat` miss the short bursts that a SIP server consists of.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** Run time of every live process, and what the whole machine was busy, at one moment. */
export interface Snapshot {
  readonly runNs: ReadonlyMap<number, number>;
  readonly parents: ReadonlyMap<number, number>;
  readonly machineBusySeconds: number;
  /** What the host of a virtual machine gave to others while someone here wanted to run. */
  readonly stolenSeconds: number;
}

const TICKS_PER_SECOND = 100;

/** Reads every process once. */
export function takeSnapshot(): Snapshot {
  const runNs = new Map<number, number>();
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const parent = Number.isInteger(pid) ? parentOf(pid) : undefined;
    if (parent === undefined) continue;
    runNs.set(pid, runTimeNs(pid));
    parents.set(pid, parent);
  }
  return { runNs, parents, ...machineSeconds() };
}

/** A process and all that descend from it. */
export function treeOf(root: number, at: Snapshot): ReadonlySet<number> {
  const tree = new Set([root]);
  for (let grew = true; grew;) {
    grew = false;
    for (const [pid, parent] of at.parents) {
      if (tree.has(pid) || !tree.has(parent)) continue;
      tree.add(pid);
      grew = true;
    }
  }
  return tree;
}

/** Seconds of CPU these processes used between two snapshots. */
export function cpuSeconds(pids: Iterable<number>, before: Snapshot, after: Snapshot): number {
  let ns = 0;
  for (const pid of pids) ns += Math.max(0, (after.runNs.get(pid) ?? 0) - (before.runNs.get(pid) ?? 0));
  return ns / 1e9;
}

/** Proportional set size: memory shared between processes is counted once. */
export function pssBytes(pids: Iterable<number>): number {
  let kilobytes = 0;
  for (const pid of pids) {
    const pss = /^Pss:\s+(\d+)/m.exec(readOrEmpty(`/proc/${pid}/smaps_rollup`))?.[1];
    kilobytes += Number(pss ?? 0);
  }
  return kilobytes * 1024;
}

/** What a process ran since its start, 0 when it is gone. */
export function runTimeNs(pid: number): number {
  let ns = 0;
  for (const thread of entriesOf(`/proc/${pid}/task`)) {
    ns += Number(readOrEmpty(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0] ?? 0);
  }
  return ns;
}

/** Whether it has stopped itself, to be told when to go on. */
export function isStopped(pid: number): boolean {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  return stat.charAt(stat.lastIndexOf(')') + 2) === 'T';
}

function parentOf(pid: number): number | undefined {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return stat === '' ? undefined : Number(afterName[1]);
}

function machineSeconds(): Pick<Snapshot, 'machineBusySeconds' | 'stolenSeconds'> {
  const line = readOrEmpty('/proc/stat').split('\n', 1)[0] ?? '';
  const ticks = line.split(/\s+/).slice(1).map(Number);
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, softInterrupts = 0, stolen = 0] = ticks;
  const busy = user + nice + system + interrupts + softInterrupts;
  return { machineBusySeconds: busy / TICKS_PER_SECOND, stolenSeconds: stolen / TICKS_PER_SECOND };
}

/** A process may end while it is being read. */
function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
