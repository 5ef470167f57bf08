/** Where in a script something stands: read from a stack, so only when somebody asks. */
import { TandemError } from '../base/errors.ts';

/** The folder of all our source; what a stack names elsewhere is a script's, or Node's. */
const OURS = new URL('..', import.meta.url).href;
const FRAME = /(?:\(|at |async )((?:file|data):[^\s)]+?|\/[^\s)]+?):(\d+):(\d+)\)?$/;
/** What the loader adds to the name of a script's file. */
const GENERATION = /\?generation=[\w.]+/;
const FRAMES_MAX = 10;
/** Who asks for the line, and on whose behalf. */
const CONTEXT = [import.meta.url, new URL('context.ts', import.meta.url).href];

/** A place in a file. */
export interface SourceLine {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The line of the script that called the context, as `route.ts:12`; undefined when it was no script. */
export function callingLine(): string | undefined {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = FRAMES_MAX;
  const frames = new Error('where are we').stack?.split('\n').slice(1) ?? [];
  Error.stackTraceLimit = stackTraceLimit;
  const caller = frames.find((frame) => CONTEXT.every((file) => !frame.includes(file)));
  const place = caller && placeIn(caller);
  return place && shortLine(place);
}

/** The innermost place in a script that an error went through. */
export function scriptLineOf(error: unknown): SourceLine | undefined {
  if (!(error instanceof Error) || error.stack === undefined) return undefined;
  const places = error.stack.split('\n').flatMap((frame) => placeIn(frame) ?? []);
  return places.find(({ file }) => GENERATION.test(file)) ?? places[0];
}

/** `route.ts:12` */
export function shortLine({ file, line }: SourceLine): string {
  const name = file.replace(GENERATION, '');
  return `${name.slice(name.lastIndexOf('/') + 1)}:${line}`;
}

/** The facts of a script's mistake for the log: what was thrown, and in which file and line. */
export function describeFault(error: unknown): { why: string; file?: string; line?: number } {
  const why = error instanceof TandemError ? `${error.code} ${error.message}` : textOf(error);
  const place = scriptLineOf(error);
  return place === undefined ? { why } : { why, file: pathOf(place.file), line: place.line };
}

/** A frame of a script; our own source (but its tests) and Node's are left out. */
function placeIn(frame: string): SourceLine | undefined {
  const [, file = '', line, column] = FRAME.exec(frame.trimEnd()) ?? [];
  if (file === '' || file.includes('/node_modules/')) return undefined;
  if (file.startsWith(OURS) && !file.includes('.test.ts')) return undefined;
  return { file, line: Number(line), column: Number(column) };
}

function pathOf(file: string): string {
  const name = file.replace(GENERATION, '');
  return name.startsWith('file://') ? decodeURIComponent(new URL(name).pathname) : name;
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
