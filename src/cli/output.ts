/** How results and errors look, for people and, with `--json`, for programs. */
import { errorCodes, TandemError } from '../base/errors.ts';
import { escapeControls } from '../base/escape-controls.ts';
import { csvOf } from './csv-write.ts';
import type { Terminal } from './terminal.ts';

/** Wrong usage. */
export const EXIT_USAGE = 2;
/** A value was refused. */
export const EXIT_REFUSED = 5;
/** A check found problems. */
export const EXIT_FOUND_PROBLEMS = 7;
/** A mistake of our own. */
const EXIT_UNEXPECTED = 1;

const GAP = '  ';
const UNEXPECTED = 'UNEXPECTED';

/** A column of a table. The one with the highest `rank` is left out first when the terminal is too narrow. */
export interface Column<T> {
  readonly title: string;
  readonly rank: number;
  readonly right?: boolean;
  readonly cell: (row: T) => string;
}

/** One JSON document, or what `text` makes of it. */
export function printResult<T>(
  terminal: Terminal,
  json: boolean,
  value: T,
  text: (value: T) => string,
): void {
  terminal.result(json ? JSON.stringify(value, undefined, 2) : text(value));
}

/** An export: one JSON document, or CSV. */
export function printExport(
  terminal: Terminal,
  json: boolean,
  names: readonly string[],
  rows: readonly Readonly<Record<string, unknown>>[],
): void {
  if (json) terminal.result(JSON.stringify(rows, undefined, 2));
  else terminal.file(csvOf(names, rows));
}

/** An aligned table. In a terminal it never wraps: columns are left out, and it says so. */
export function printTable<T>(
  terminal: Terminal,
  rows: readonly T[],
  columns: readonly Column<T>[],
  wide: boolean,
): void {
  const shown = wide ? [...columns] : fitting(rows, columns, terminal.columns);
  for (const line of tableLines(rows, shown)) terminal.result(line);
  const hidden = columns.length - shown.length;
  if (hidden > 0) terminal.note(`(${hidden} ${hidden === 1 ? 'column' : 'columns'} hidden, --wide)`);
}

/** The lines of a table, the titles first. */
export function tableLines<T>(rows: readonly T[], columns: readonly Column<T>[]): string[] {
  const widths = columns.map((column) => widthOf(rows, column));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (columns[i]?.right ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join(GAP)
      .trimEnd();
  return [
    line(columns.map(({ title }) => title)),
    ...rows.map((row) => line(columns.map((column) => cellOf(column, row)))),
  ];
}

function fitting<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  width: number | undefined,
): Column<T>[] {
  const shown = [...columns];
  if (width === undefined) return shown;
  const taken = (): number =>
    shown.reduce((sum, column) => sum + widthOf(rows, column) + GAP.length, -GAP.length);
  while (shown.length > 1 && taken() > width) {
    const least = shown.reduce((worst, column) => (column.rank > worst.rank ? column : worst));
    shown.splice(shown.indexOf(least), 1);
  }
  return shown;
}

/** On one line, whatever is in it. */
function cellOf<T>({ cell }: Column<T>, row: T): string {
  return escapeControls(cell(row));
}

function widthOf<T>(rows: readonly T[], column: Column<T>): number {
  return rows.reduce((widest, row) => Math.max(widest, cellOf(column, row).length), column.title.length);
}

/** `2026-11-21 14:03:07`, UTC. */
export function printTime(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}

/** What failed, why, and the next step; with `--json` a document on stdout. Answers with the exit code. */
export function printError(terminal: Terminal, json: boolean, error: unknown): number {
  if (!(error instanceof TandemError)) return printUnexpected(terminal, json, error);
  const { code, message, hint } = error;
  const docs = `docs/errors.md#${code.toLowerCase()}`;
  if (json)
    terminal.result(JSON.stringify({ ok: false, error: { code, message, hint, docs } }, undefined, 2));
  else terminal.complaint(errorText(message, hint));
  const row = errorCodes[code];
  return 'exit' in row ? row.exit : EXIT_UNEXPECTED;
}

/** Each line after the first is indented, and the hint comes last. */
export function errorText(message: string, hint: string | undefined): string {
  const [first, ...rest] = [...message.split('\n'), ...(hint?.split('\n') ?? [])];
  return [`error: ${first}`, ...rest.map((line) => `  ${line}`)].join('\n');
}

function printUnexpected(terminal: Terminal, json: boolean, error: unknown): number {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const hint = 'this is a mistake of ours: please report it with the lines above';
  if (json)
    terminal.result(JSON.stringify({ ok: false, error: { code: UNEXPECTED, message, hint } }, undefined, 2));
  else terminal.complaint(errorText(message, hint));
  return EXIT_UNEXPECTED;
}
