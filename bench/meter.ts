/** What a server and everyone else used while something was done. */
import { livingPids } from './processes.ts';
import { cpuSeconds, pssBytes, runTimeNs, type Snapshot, takeSnapshot, treeOf } from './usage.ts';

/** What came of the work, and what it took. */
export interface Metered<T> {
  readonly result: T;
  /** Of the server and all its processes. */
  readonly cpuSeconds: number;
  /** Of everyone but the server, the load and the bench. */
  readonly othersSeconds: number;
  /** Taken from all of them by the host of a virtual machine. */
  readonly stolenSeconds: number;
  readonly pssBytes: number;
}

/** Generators end before they can be asked: their last reading, at most this old, stands for the whole. */
const LOAD_SAMPLE_MS = 50;

/** Does the work and says what it cost the server. */
export async function metered<T>(serverPid: number, work: () => Promise<T>): Promise<Metered<T>> {
  const before = takeSnapshot();
  const load = new Map<number, number>();
  const watch = setInterval(() => sampleLoad(load, serverPid), LOAD_SAMPLE_MS);
  const result = await work().finally(() => clearInterval(watch));
  const after = takeSnapshot();
  const tree = treeOf(serverPid, after);
  const loadSeconds = [...load.values()].reduce((sum, ns) => sum + ns, 0) / 1e9;
  return {
    result,
    cpuSeconds: cpuSeconds(tree, before, after),
    stolenSeconds: after.stolenSeconds - before.stolenSeconds,
    othersSeconds: othersSeconds(new Set([...tree, process.pid]), load, loadSeconds, before, after),
    pssBytes: pssBytes(tree),
  };
}

function sampleLoad(load: Map<number, number>, serverPid: number): void {
  for (const pid of livingPids()) {
    if (pid !== serverPid) load.set(pid, Math.max(load.get(pid) ?? 0, runTimeNs(pid)));
  }
}

/** From processes, or from the machine's own count when that is higher. */
function othersSeconds(
  ours: ReadonlySet<number>,
  load: ReadonlyMap<number, number>,
  loadSeconds: number,
  before: Snapshot,
  after: Snapshot,
): number {
  const strangers = [...after.runNs.keys()].filter((pid) => !ours.has(pid) && !load.has(pid));
  const seen = cpuSeconds(strangers, before, after);
  const busy = after.machineBusySeconds - before.machineBusySeconds;
  return Math.max(seen, busy - loadSeconds - cpuSeconds(ours, before, after));
}
