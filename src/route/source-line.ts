/** Where in a script something stands: read from a stack, so only when somebody asks. */
import { inspect } from 'node:util';
import { TandemError } from '../base/errors.ts';

/** The folder of all our source; what a stack names elsewhere is a script's, or Node's. */
const OURS = new URL('..', import.meta.url).href;
const FRAME = /(?:\(|at |async )((?:file|data):[^\s)]+?|\/[^\s)]+?):(\d+):(\d+)\)?$/;
/** What the loader adds to the name of a script's file. */
const GENERATION = /\?generation=[\w.]+/;
const FRAMES_MAX = 10;
/** Who asks for the line, and on whose behalf. */
const CONTEXT = new Set(
  ['source-line.ts', 'context.ts', 'steps.ts', 'steps-lines.ts'].map(
    (name) => new URL(name, import.meta.url).href,
  ),
);

/** A place in a file. */
export interface SourceLine {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The line of the script that called the context, as `route.ts:12`; undefined when it was no script. */
export function callingLine(): string | undefined {
  for (const frame of framesHere()) {
    const file = frame.getFileName() ?? '';
    if (CONTEXT.has(file)) continue;
    return isOfScript(file) ? shortLine({ file, line: frame.getLineNumber() ?? 0, column: 0 }) : undefined;
  }
  return undefined;
}

/** The innermost place in a script that led here; undefined when none did. */
export function callingPlace(): SourceLine | undefined {
  for (const frame of framesHere()) {
    const file = frame.getFileName() ?? '';
    if (isOfScript(file))
      return { file, line: frame.getLineNumber() ?? 0, column: frame.getColumnNumber() ?? 0 };
  }
  return undefined;
}

/** As text a stack costs ten times as much. */
function framesHere(): readonly NodeJS.CallSite[] {
  const { stackTraceLimit } = Error;
  // oxlint-disable-next-line typescript/unbound-method -- it is put back as it was
  const { prepareStackTrace } = Error;
  Error.stackTraceLimit = FRAMES_MAX;
  Error.prepareStackTrace = asFrames;
  const here: { stack?: readonly NodeJS.CallSite[] } = {};
  Error.captureStackTrace(here, framesHere);
  const { stack = [] } = here;
  Error.stackTraceLimit = stackTraceLimit;
  Error.prepareStackTrace = prepareStackTrace;
  return stack;
}

function asFrames(_error: Error, frames: NodeJS.CallSite[]): readonly NodeJS.CallSite[] {
  return frames;
}

/** The innermost place in a script that an error went through. */
export function scriptLineOf(error: unknown): SourceLine | undefined {
  if (!(error instanceof Error) || error.stack === undefined) return undefined;
  const places = error.stack.split('\n').flatMap((frame) => placeIn(frame) ?? []);
  return places.find(({ file }) => GENERATION.test(file)) ?? places[0];
}

/** Whether an error went through a script that was loaded by its path: nothing else has such frames. */
export function isOfLoadedScript(error: unknown): boolean {
  return error instanceof Error && GENERATION.test(error.stack ?? '');
}

/** What was thrown, without its stack. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : thrownText(error);
}

/** `route.ts:12` */
export function shortLine({ file, line }: SourceLine): string {
  const name = file.replace(GENERATION, '');
  return `${name.slice(name.lastIndexOf('/') + 1)}:${line}`;
}

/**
 * The facts of a script's mistake for the log: what was thrown, and in which file and line. `otherwise`: the place that
 * is told of what has none of its own, such as a text that was thrown.
 */
export function describeFault(
  error: unknown,
  otherwise?: SourceLine,
): { why: string; file?: string; line?: number } {
  const why = error instanceof TandemError ? `${error.code} ${error.message}` : textOf(error);
  const place = scriptLineOf(error) ?? otherwise;
  return place === undefined ? { why } : { why, file: pathOf(place.file), line: place.line };
}

/** A frame of a script. */
function placeIn(frame: string): SourceLine | undefined {
  const [, file = '', line, column] = FRAME.exec(frame.trimEnd()) ?? [];
  return isOfScript(file) ? { file, line: Number(line), column: Number(column) } : undefined;
}

/** Whether a file is a script's: not a package's, not Node's, not ours (but our tests'). */
function isOfScript(file: string): boolean {
  if (!/^(?:file:|data:|\/)/.test(file) || file.includes('/node_modules/')) return false;
  return !file.startsWith(OURS) || file.includes('.test.ts');
}

function pathOf(file: string): string {
  const name = file.replace(GENERATION, '');
  return name.startsWith('file://') ? decodeURIComponent(new URL(name).pathname) : name;
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : thrownText(error);
}

/** Of what was thrown and is no Error: one line, however deep it is. */
function thrownText(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown;
  return `${inspect(thrown, { depth: 1, breakLength: Infinity })} was thrown, which is no Error`;
}
