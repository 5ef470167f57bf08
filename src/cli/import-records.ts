/** Records of a file to import: CSV or JSON; sent in parts, with a line that says how far it is. */
import { readFileSync } from 'node:fs';
import { TandemError } from '../base/errors.ts';
import type { ImportDocument } from '../server/control-documents.ts';
import type { Clock } from '../base/world.ts';
import { parseCsv } from './csv.ts';
import { EXIT_REFUSED, printResult } from './output.ts';
import type { Session } from './session.ts';

/** A file to import is read whole. */
const IMPORT_BYTES_MAX = 64 << 20;
/** Between two lines that say how far it is. */
const PROGRESS_MS = 1_000;

/** A record and the line it stands on; in JSON its place in the list, from 1. */
export interface Placed {
  readonly line: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What was done, with the lines of the file instead of rows of a part. */
interface ImportReport {
  readonly added: number;
  readonly changed: number;
  /** With `--dry-run`: `+ alice@example.com` would be added, `~ bob@example.com` changed. */
  readonly diff?: readonly string[];
  readonly rejected: readonly { readonly line: number; readonly row: string; readonly reason: string }[];
}

/** What an import did, or would do. */
export type Imported = ImportDocument & { readonly diff?: readonly string[] };

/** The records of a file; one that ends in `.json` is a list of objects. */
export function readRecords(file: string): readonly Placed[] {
  const text = readText(file);
  return /\.json$/i.test(file) ? jsonRecords(file, text) : parseCsv(text);
}

/** Tells what became of the records; exit 5 when one was refused, and the others are taken all the same. */
export function report(
  session: Session,
  file: string,
  records: readonly Placed[],
  { refused, ...done }: Imported,
  nameOf: (row: number) => string,
): number {
  const told: ImportReport = {
    ...done,
    rejected: refused.map(({ row, reason }) => {
      return { line: records[row - 1]?.line ?? 0, row: nameOf(row), reason };
    }),
  };
  printResult(session.terminal, session.json, told, reportText);
  if (!session.json) {
    for (const { line, reason } of told.rejected) session.terminal.note(`${file}:${line}: ${reason}`);
  }
  return told.rejected.length > 0 ? EXIT_REFUSED : 0;
}

/** Sends rows in parts. */
export async function inParts<T>(
  { terminal, commands }: Session,
  rows: readonly T[],
  rowsOfPart: number,
  send: (part: readonly T[]) => Promise<unknown>,
): Promise<ImportDocument> {
  const done = { added: 0, changed: 0, refused: [] as { row: number; reason: string }[] };
  const due = progress(commands.clock);
  for (let from = 0; from < rows.length; from += rowsOfPart) {
    const part = rows.slice(from, from + rowsOfPart);
    const { added, changed, refused } = (await send(part)) as ImportDocument;
    done.added += added;
    done.changed += changed;
    done.refused.push(...refused.map(({ row, reason }) => ({ row: row + from, reason })));
    if (due()) terminal.note(`${from + part.length} of ${rows.length}`);
  }
  return done;
}

/** Whether so much time has passed that somebody who waits wants to hear. */
function progress(clock: Clock): () => boolean {
  let last = clock.now();
  return () => {
    if (clock.now() - last < PROGRESS_MS) return false;
    last = clock.now();
    return true;
  };
}

function reportText({ added, changed, rejected, diff }: ImportReport): string {
  const counts = `${added} added, ${changed} changed, ${rejected.length} rejected`;
  return diff === undefined ? counts : [...diff, `would be: ${counts}`].join('\n');
}

function readText(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TandemError('NOT_FOUND', `cannot read ${file}\n${why}`, { cause });
  }
  if (bytes.length <= IMPORT_BYTES_MAX) return bytes.toString('utf8');
  throw new TandemError(
    'INVALID',
    `${file} is larger than ${IMPORT_BYTES_MAX >> 20} MiB; import it in parts`,
  );
}

/** A list of objects with the same names as the columns of a CSV file. */
function jsonRecords(file: string, text: string): readonly Placed[] {
  const list = parseJson(file, text);
  if (!Array.isArray(list)) throw new TandemError('INVALID', `${file}: a list expected`);
  return list.map((item: unknown, i) => ({ line: i + 1, fields: isRecord(item) ? item : {} }));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TandemError('INVALID', `${file}: ${cause instanceof Error ? cause.message : 'no JSON'}`, {
      cause,
    });
  }
}
