/** `tandem import opensips`: the tables of an OpenSIPS database, compared first, then written. */
import { escapeControls } from '../base/escape-controls.ts';
import { openForeign } from '../store/foreign-database.ts';
import type { ForeignDatabase } from '../store/foreign-database.ts';
import type { Schema } from '../store/schema.ts';
import type { Database } from '../store/sqlite.ts';
import type { Value, Writer } from '../store/writer.ts';
import { tableImports, tablesLeftOut } from './opensips-tables.ts';
import type { ImportContext, TableImport } from './opensips-tables.ts';
import { EXIT_REFUSED, printResult } from './output.ts';
import type { Session } from './session.ts';

/** Options of the command. */
export interface ImportOpensipsOptions {
  readonly from: string;
  readonly domain?: string;
  readonly dryRun?: boolean;
}

/** Holds the password of the database that is read, so that it need not stand in the list of processes. */
export const FROM_PASSWORD_VARIABLE = 'TANDEM_FROM_PASSWORD';
/** Rows that are with the writer at once. */
const ROWS_AT_ONCE = 5_000;
/** Rows named of each table; the rest is counted. */
const NAMED_MAX = 20;

/** A row that is not taken over. */
interface LeftOut {
  readonly row: string;
  readonly reason: string;
}

/** What became, or would become, of one table. */
interface TableReport {
  readonly table: string;
  added: number;
  changed: number;
  same: number;
  leftOut: number;
  /** `+ alice@example.com`, `~ bob@example.com`: the first of them. */
  readonly diff: string[];
  readonly reasons: LeftOut[];
}

interface Report {
  readonly written: boolean;
  readonly tables: readonly TableReport[];
  /** Tables with rows and no home here. */
  readonly leftOut: readonly { readonly table: string; readonly rows: number; readonly reason: string }[];
}

/** Exit 5 when a row was left out; the others are taken all the same. */
export async function importOpensips(session: Session, options: ImportOpensipsOptions): Promise<number> {
  const { commands, terminal, json } = session;
  const { from, domain = '', dryRun = false } = options;
  const context = { domain, nowWall: commands.clock.wall() };
  const source = await openForeign(from, process.env[FROM_PASSWORD_VARIABLE]);
  try {
    const tables = dryRun
      ? await commands.readIfThere((db) => takeTables(source, db, undefined, context), undefined)
      : await commands.write((writer, db) => takeTables(source, db, writer, context));
    const report: Report = {
      written: !dryRun,
      tables: tables ?? (await takeTables(source, undefined, undefined, context)),
      leftOut: await countLeftOut(source),
    };
    printResult(terminal, json, report, reportText);
    return report.tables.some(({ leftOut }) => leftOut > 0) ? EXIT_REFUSED : 0;
  } finally {
    await source.close();
  }
}

/** Without a writer nothing is changed; without a database everything is new. */
async function takeTables(
  source: ForeignDatabase,
  db: Database | undefined,
  writer: Writer | undefined,
  context: ImportContext,
): Promise<readonly TableReport[]> {
  const reports: TableReport[] = [];
  for (const one of tableImports) {
    if (!source.tables.has(one.table)) continue;
    reports.push(await new TableTaker(one, await existingRows(one, db), writer, context).take(source));
  }
  return reports;
}

/** Compares the rows of one table with ours, and writes what differs. */
class TableTaker {
  private readonly how: TableImport;
  private readonly existing: Map<string, Row>;
  private readonly writer: Writer | undefined;
  private readonly context: ImportContext;
  private readonly report: TableReport;
  private lastId = 0;

  constructor(
    how: TableImport,
    existing: Map<string, Row>,
    writer: Writer | undefined,
    context: ImportContext,
  ) {
    this.how = how;
    this.existing = existing;
    this.writer = writer;
    this.context = context;
    this.report = { table: how.table, added: 0, changed: 0, same: 0, leftOut: 0, diff: [], reasons: [] };
    for (const row of existing.values()) this.lastId = Math.max(this.lastId, Number(row['id'] ?? 0));
  }

  async take(source: ForeignDatabase): Promise<TableReport> {
    let written = 0;
    for await (const rows of source.rows(this.how.table)) {
      for (const foreign of rows) {
        const row = this.how.map(foreign, this.context);
        if ('leftOut' in row && typeof row.leftOut === 'string')
          this.leaveOut(nameOf(this.how, foreign), row.leftOut);
        else this.compare(row as Row);
      }
      written += rows.length;
      if (written >= ROWS_AT_ONCE) await this.writer?.flush();
    }
    await this.writer?.flush();
    return this.report;
  }

  private compare(row: Row): void {
    const { how, report, existing } = this;
    const key = keyOf(how, row);
    const old = existing.get(key);
    if (old !== undefined && differences(how, old, row).length === 0) {
      report.same++;
      return;
    }
    if (old === undefined) report.added++;
    else report.changed++;
    const what = old === undefined ? '' : `  (${differences(how, old, row).join(', ')})`;
    if (report.diff.length < NAMED_MAX)
      report.diff.push(`${old === undefined ? '+' : '~'} ${nameOf(how, row)}${what}`);
    const numbered = 'id' in row ? { ...row, id: old?.['id'] ?? ++this.lastId } : row;
    existing.set(key, numbered);
    this.write(numbered, old === undefined);
  }

  private write(row: Row, isNew: boolean): void {
    const values = this.how.columns.map((column) => row[column] ?? null);
    this.writer?.write(this.how.statement, values, (error) => {
      if (error === undefined) return;
      if (isNew) this.report.added--;
      else this.report.changed--;
      this.leaveOut(nameOf(this.how, row), error.message);
    });
  }

  private leaveOut(row: string, reason: string): void {
    this.report.leftOut++;
    if (this.report.reasons.length < NAMED_MAX) this.report.reasons.push({ row, reason });
  }
}

type Row = Readonly<Record<string, Value>>;

async function existingRows(how: TableImport, db: Database | undefined): Promise<Map<string, Row>> {
  const existing = new Map<string, Row>();
  if (db === undefined) return existing;
  // The names are those of `tableImports`, all of them tables of ours.
  const rows = await db
    .selectFrom(how.table as keyof Schema)
    .selectAll()
    .execute();
  for (const row of rows as unknown as readonly Row[]) existing.set(keyOf(how, row), row);
  return existing;
}

function keyOf(how: TableImport, row: Row): string {
  return JSON.stringify(how.key.map((column) => row[column] ?? null));
}

function differences(how: TableImport, old: Row, row: Row): readonly string[] {
  const compared = how.columns.filter((column) => !how.ignored.includes(column));
  return compared.filter((column) => (old[column] ?? null) !== (row[column] ?? null));
}

/** Columns that are one name together. */
const PAIRS = [
  ['username', 'domain'],
  ['alias_username', 'alias_domain'],
] as const;

/** Secrets are no part of a name. */
function nameOf(how: TableImport, row: Readonly<Record<string, unknown>>): string {
  // OpenSIPS pads nothing, but CHAR columns of PostgreSQL do.
  const part = (column: string): string => {
    const value = row[column];
    return typeof value === 'string' || typeof value === 'number'
      ? escapeControls(String(value).trimEnd())
      : '';
  };
  const [user, domain] = PAIRS.find((pair) => pair.every((column) => how.key.includes(column))) ?? [];
  const others = how.key.filter((column) => column !== user && column !== domain).map(part);
  const owner = user === undefined ? '' : `${part(user)}@${part(domain)}`;
  return [owner, ...others].filter((text) => text !== '').join(' ');
}

async function countLeftOut(source: ForeignDatabase): Promise<Report['leftOut']> {
  const found: { table: string; rows: number; reason: string }[] = [];
  for (const [table, reason] of Object.entries(tablesLeftOut)) {
    if (!source.tables.has(table)) continue;
    let rows = 0;
    for await (const part of source.rows(table)) rows += part.length;
    if (rows > 0) found.push({ table, rows, reason });
  }
  return found;
}

function reportText({ written, tables, leftOut }: Report): string {
  const would = written ? '' : 'would be ';
  const lines = tables.flatMap(({ table, added, changed, same, leftOut: left, diff, reasons }) => [
    `${table}: ${would}${added} added, ${changed} changed, ${same} the same, ${left} left out`,
    ...(written ? [] : diff.map((line) => `  ${line}`)),
    ...reasons.map(({ row, reason }) => `  ✕ ${row}: ${reason}`),
  ]);
  const others = leftOut.map(({ table, rows, reason }) => `${table}: ${rows} rows left out: ${reason}`);
  return [...lines, ...others].join('\n') || 'no table of OpenSIPS is there';
}
