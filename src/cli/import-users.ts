/** `tandem users import`: accounts from a CSV or JSON file. */
import { readFileSync } from 'node:fs';
import { TandemError } from '../base/errors.ts';
import { IMPORT_USERS_MAX, importUsers } from '../server/control-accounts.ts';
import type { ImportUser } from '../server/control-accounts.ts';
import type { ImportDocument } from '../server/control-documents.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import { readSubscribers } from '../store/sqlite.ts';
import { Subscribers } from '../subscriber/subscribers.ts';
import { logLines } from '../world/log-lines.ts';
import { nodeWorld } from '../world/node-world.ts';
import { parseCsv } from './csv.ts';
import { EXIT_REFUSED, printResult } from './output.ts';
import type { Session } from './users.ts';

/** A file to import is read whole. */
const IMPORT_BYTES_MAX = 64 << 20;

/** A record and the line it stands on; in JSON its place in the list, from 1. */
interface Placed {
  readonly line: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What was done, with the lines of the file instead of rows of a part. */
interface ImportReport {
  readonly added: number;
  readonly changed: number;
  /** With `--dry-run`: `+ alice@example.com` would be added, `~ bob@example.com` changed. */
  readonly diff?: readonly string[];
  readonly rejected: readonly { readonly line: number; readonly user: string; readonly reason: string }[];
}

/** `users import FILE`: exit 5 when a record was refused; the others are taken all the same. */
export async function importFile(session: Session, file: string, dryRun: boolean): Promise<number> {
  const records = readRecords(file);
  const users = records.map(({ fields }) => importUser(fields));
  const { refused, ...done } = await (dryRun ? tryImport(session, users) : doImport(session, users));
  const report: ImportReport = {
    ...done,
    rejected: refused.map(({ row, reason }) => {
      return { line: records[row - 1]?.line ?? 0, user: users[row - 1]?.user ?? '', reason };
    }),
  };
  printResult(session.terminal, session.json, report, reportText);
  if (!session.json) {
    for (const { line, reason } of report.rejected) session.terminal.note(`${file}:${line}: ${reason}`);
  }
  return report.rejected.length > 0 ? EXIT_REFUSED : 0;
}

function reportText({ added, changed, rejected, diff }: ImportReport): string {
  const counts = `${added} added, ${changed} changed, ${rejected.length} rejected`;
  return diff === undefined ? counts : [...diff, `would be: ${counts}`].join('\n');
}

async function doImport({ commands }: Session, users: readonly ImportUser[]): Promise<ImportDocument> {
  const done = { added: 0, changed: 0, refused: [] as { row: number; reason: string }[] };
  for (let from = 0; from < users.length; from += IMPORT_USERS_MAX) {
    const part = users.slice(from, from + IMPORT_USERS_MAX);
    const { added, changed, refused } = (await commands.change('users.import', {
      users: part,
    })) as ImportDocument;
    done.added += added;
    done.changed += changed;
    done.refused.push(...refused.map(({ row, reason }) => ({ row: row + from, reason })));
  }
  return done;
}

/** The real thing on a copy in memory, which is then forgotten. */
async function tryImport({ commands }: Session, users: readonly ImportUser[]): Promise<TriedImport> {
  const rows = await commands.readIfThere(readSubscribers, []);
  const known = new Set(rows.map(({ username, domain }) => `${username}@${domain}`));
  const { clock } = nodeWorld({ log: logLines({ level: 'error' }), udp: 'dgram' });
  const copy = new Subscribers({ writer: new MemoryWriter(clock), clock, rows });
  const done = await importUsers(copy, users);
  const refused = new Set(done.refused.map(({ row }) => row));
  const taken = users.filter((_, i) => !refused.has(i + 1));
  return { ...done, diff: taken.map(({ user }) => `${known.has(user) ? '~' : '+'} ${user}`) };
}

type TriedImport = ImportDocument & { readonly diff: readonly string[] };

function readRecords(file: string): Placed[] {
  const text = readText(file);
  return /\.json$/i.test(file) ? jsonRecords(file, text) : parseCsv(text);
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
function jsonRecords(file: string, text: string): Placed[] {
  const list = parseJson(file, text);
  if (!Array.isArray(list)) throw new TandemError('INVALID', `${file}: a list of accounts expected`);
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

/** `user` as alice@example.com, or `username` and `domain` as OpenSIPS has them; the rest is ignored. */
function importUser(fields: Readonly<Record<string, unknown>>): ImportUser {
  const text = (name: string): string | undefined => {
    const value = fields[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const [name, domain] = [text('username') ?? text('user') ?? '', text('domain')];
  const [password, ha1, ha1Sha256] = [text('password'), text('ha1'), text('ha1_sha256')];
  return {
    user: domain === undefined ? name : `${name}@${domain}`,
    ...(password === undefined ? {} : { password }),
    ...(ha1 === undefined ? {} : { ha1 }),
    ...(ha1Sha256 === undefined ? {} : { ha1Sha256 }),
  };
}
