/**
 * The floor plan: who may import whom. `floorplan.json` is the table; this reads every import against it.
 *
 *   floors              lowest first; a room may import lower floors and itself
 *   worldIsImportedBy   everyone else is given a World
 *   nodeIO              the rooms that may touch disks, sockets, threads and the process
 *   doors               the only files that may be called index.ts
 *   beside              for tests alone
 */
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { isTest, ROOT, sourceFiles } from './source-files.ts';
import type { SourceFile } from './source-files.ts';

/** What floorplan.json holds. */
export interface FloorPlan {
  readonly floors: readonly (readonly string[])[];
  readonly worldIsImportedBy: readonly string[];
  readonly nodeIO: readonly string[];
  readonly doors: readonly string[];
  readonly beside: readonly string[];
}

const IO_MODULES = new Set(
  (
    'child_process cluster dgram dns dns/promises ffi fs fs/promises http http2 https inspector net os ' +
    'process readline readline/promises repl sqlite timers timers/promises tls tty worker_threads'
  ).split(' '),
);

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^'";]*?from\s+'([^']+)'|\bimport\(\s*'([^']+)'|\bimport\s+'([^']+)'/g;

/** Reads floorplan.json. */
export function readFloorPlan(): FloorPlan {
  return JSON.parse(readFileSync(join(ROOT, 'floorplan.json'), 'utf8')) as FloorPlan;
}

/** Every breach of the plan, as `file: what is wrong`. */
export function breaches(plan: FloorPlan, files: readonly SourceFile[] = sourceFiles(['src'])): string[] {
  return files.flatMap((file) => [
    ...wrongIndex(plan, file),
    ...importsOf(file.text).flatMap((name) => {
      const complaint = name.startsWith('.')
        ? wrongRoom(plan, file.path, posix.normalize(posix.join(posix.dirname(file.path), name)))
        : wrongModule(plan, file.path, name);
      return complaint === undefined ? [] : [`${file.path}: ${complaint}`];
    }),
  ]);
}

/** The names after `from`, in order. */
export function importsOf(text: string): string[] {
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

function wrongIndex(plan: FloorPlan, file: SourceFile): string[] {
  if (!file.path.endsWith('/index.ts') || plan.doors.includes(file.path)) return [];
  return [`${file.path}: index.ts is a name for doors only: ${plan.doors.join(', ')}`];
}

function wrongRoom(plan: FloorPlan, from: string, to: string): string | undefined {
  const [room, other] = [roomOf(from), roomOf(to)];
  if (room === other || isBeside(plan, from)) return undefined;
  if (isBeside(plan, to)) return isTest(from) ? undefined : `imports ${to}; only tests may`;
  if (plan.doors.includes(from)) return undefined;
  if (plan.doors.includes(to)) return `imports the door ${to}; import the file itself`;
  const [floor, otherFloor] = [floorOf(plan, room), floorOf(plan, other)];
  if (floor === undefined) return `stands in the room ${room}, which floorplan.json does not know`;
  if (otherFloor === undefined) return `imports ${to}, whose room floorplan.json does not know`;
  if (otherFloor >= floor) return `imports ${to}; ${other} is not on a floor below ${room}`;
  if (other !== 'world' || plan.worldIsImportedBy.includes(room) || isTest(from)) return undefined;
  return `imports ${to}; be given a World instead`;
}

function wrongModule(plan: FloorPlan, from: string, name: string): string | undefined {
  const module = name.replace(/^node:/, '');
  if (!IO_MODULES.has(module)) return undefined;
  if (isTest(from) || isBeside(plan, from) || plan.nodeIO.includes(roomOf(from))) return undefined;
  return `imports ${name}; only ${plan.nodeIO.join(', ')} touch the outside`;
}

function isBeside(plan: FloorPlan, path: string): boolean {
  return plan.beside.some((folder) => path.startsWith(`${folder}/`));
}

/** `src/sip/uri.ts` → `sip`; `src/index.ts` → `src`; what lies outside src has its first folder. */
function roomOf(path: string): string {
  const parts = path.split('/');
  return parts[0] === 'src' && parts.length > 2 ? parts[1]! : parts[0]!;
}

function floorOf(plan: FloorPlan, room: string): number | undefined {
  const floor = plan.floors.findIndex((rooms) => rooms.includes(room));
  return floor < 0 ? undefined : floor;
}
