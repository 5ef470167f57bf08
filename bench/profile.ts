/**
 * Who spent the time, out of what `--profile` left behind: self time by room (src/<room>) and the collector; and what
 * only `perf` tells from the rest of the engine: the kernel, the compiler, and what the language has built in.
 */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Profile } from './peers/tandem.ts';

const run = promisify(execFile);

/** Samples by the name of who was at work. */
export type Shares = Map<string, number>;

const PERF_OUTPUT_BYTES_MAX = 1 << 30;
const COLLECTOR = 'collector';
const COMPILER = 'compiler';
const BUILT_INS = 'built-ins';
const ENGINE = 'engine';
const KERNEL = 'kernel';
const IDLE = 'idle';
const ROOM = /\/src\/([a-z]+)\//;
const PACKAGE = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//;
const SCRIPTS = /\/(bench\/scripts|examples)\//;
/** Functions of V8 that collect, in whatever thread. */
const COLLECTING = /Scaveng|MarkCompact|Marking|Sweep|Evacuat|Heap::Collect|GCTracer|ConcurrentMark|YoungGen/;
const COMPILING = /v8::internal::(?:compiler|maglev|turboshaft|baseline|interpreter|Compiler|Parser)/;
const NODE_BINARY = '/bin/node)';

/** A table of all profiles in the folder; of processes that idled, only what they did counts. */
export async function profileTable({ tool, folder }: Profile): Promise<string> {
  const shares: Shares = new Map();
  const ending = tool === 'cpu' ? '.cpuprofile' : '.perf';
  const files = readdirSync(folder).filter((name) => name.endsWith(ending));
  for (const name of files) {
    const file = join(folder, name);
    if (tool === 'cpu') addCpuProfile(JSON.parse(readFileSync(file, 'utf8')) as CpuProfile, shares);
    else addPerfScript(await perfScript(file), shares);
  }
  return `${files.length} profiles in ${folder}\n${tableOf(shares)}`;
}

/** What V8 writes: one node a place in the tree of calls, and which node each sample met. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** In microseconds. System calls are part of the engine's share here. */
export function addCpuProfile(profile: CpuProfile, shares: Shares): void {
  const owners = new Map(
    profile.nodes.map(({ id, callFrame }) => [id, ownerOfFrame(callFrame.functionName, callFrame.url)]),
  );
  for (const [place, sample] of profile.samples.entries()) {
    add(shares, owners.get(sample) ?? ENGINE, profile.timeDeltas[place] ?? 0);
  }
}

function ownerOfFrame(functionName: string, url: string): string {
  if (functionName === '(garbage collector)') return COLLECTOR;
  if (functionName === '(idle)') return IDLE;
  return ownerOfFile(url) ?? ENGINE;
}

function ownerOfFile(path: string): string | undefined {
  const name = PACKAGE.exec(path)?.[1];
  if (name !== undefined) return name;
  const room = ROOM.exec(path)?.[1];
  if (room !== undefined) return `src/${room}`;
  return SCRIPTS.test(path) ? 'script' : undefined;
}

async function perfScript(file: string): Promise<string> {
  const args = ['script', '-i', file, '-F', 'ip,sym,dso'];
  const { stdout } = await run('perf', args, { maxBuffer: PERF_OUTPUT_BYTES_MAX });
  return stdout;
}

/** Samples stand apart by an empty line, the innermost frame first: `ip symbol (object)`. */
export function addPerfScript(text: string, shares: Shares): void {
  for (const sample of text.split('\n\n')) {
    const frames = sample.split('\n').filter((line) => line.trim() !== '');
    if (frames.length > 0) add(shares, ownerOfStack(frames), 1);
  }
}

/** The kernel's work counts as the kernel's whoever asked for it, and what the collector calls as the collector's. */
function ownerOfStack(frames: readonly string[]): string {
  const [inner = ''] = frames;
  if (frames.some((frame) => COLLECTING.test(frame))) return COLLECTOR;
  if (inner.includes('([kernel')) return KERNEL;
  if (frames.some((frame) => COMPILING.test(frame))) return COMPILER;
  if (inner.includes(' Builtins_')) return BUILT_INS;
  return (inner.includes(NODE_BINARY) ? undefined : ownerOfFile(inner)) ?? ENGINE;
}

/** Largest first, in per cent of all that was done. */
export function tableOf(shares: Shares): string {
  const done = [...shares].filter(([name]) => name !== IDLE).sort((a, b) => b[1] - a[1]);
  const total = done.reduce((sum, [, amount]) => sum + amount, 0);
  const rows = done.map(([name, amount]) => `| ${name} | ${((100 * amount) / total).toFixed(1)} % |`);
  return ['| self time | share |', '| --- | --- |', ...rows].join('\n');
}

function add(shares: Shares, name: string, amount: number): void {
  shares.set(name, (shares.get(name) ?? 0) + amount);
}
