/**
 * A disk that survives the program: the real tables and the real statements on SQLite in memory, behind a writer that
 * takes its time, fails when it is told to, and loses what it had not committed when the program is killed.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';
import { TandemError } from '../base/errors.ts';
import type { Clock, Millis } from '../base/world.ts';
import type { UnfinishedCalls } from '../billing/call-list.ts';
import type { BindingRow } from '../location/binding-row.ts';
import { open } from '../store/sqlite.ts';
import type { SubscriberRow } from '../store/sqlite.ts';
import { statements, type StatementName } from '../store/statements.ts';
import type { Done, Value, Writer } from '../store/writer.ts';

/** A row of `calls`, as the laws look at it. */
export interface CallRow {
  readonly id: number;
  readonly call_id: string;
  readonly from_tag: string;
  readonly state: 'open' | 'answered' | 'ended';
  readonly status: number | null;
  readonly started_at: number;
  readonly duration_ms: number | null;
  readonly ended_by: string | null;
}

interface Row {
  readonly statement: StatementName;
  readonly values: readonly Value[];
  readonly done: Done | undefined;
}

/** Makes empty disks: the tables are made once, and copied for each. */
export async function diskMaker(): Promise<() => SwarmDisk> {
  const image = await migrated();
  return () => new SwarmDisk(image);
}

/** See above. */
export class SwarmDisk {
  /** How long a commit takes. */
  commitMs: Millis = 10;
  /** Whether commits fail. */
  broken = false;
  /** Calls of which a row was not on the disk when the program died: their records may be wrong. */
  readonly lostCalls = new Set<string | number>();
  private readonly database = new DatabaseSync(':memory:');
  private readonly prepared = new Map<StatementName, StatementSync>();

  constructor(image: Uint8Array) {
    this.database.deserialize(image);
  }

  /** Commits rows together, or none of them. */
  commit(rows: readonly { readonly statement: StatementName; readonly values: readonly Value[] }[]): void {
    this.database.exec('begin');
    for (const { statement, values } of rows) this.statement(statement).run(...values);
    this.database.exec('commit');
  }

  subscribers(): readonly SubscriberRow[] {
    return this.all('select * from subscriber order by id') as unknown as readonly SubscriberRow[]; // The schema.
  }

  bindings(): readonly BindingRow[] {
    return this.all('select * from location order by last_modified') as unknown as readonly BindingRow[]; // The schema.
  }

  calls(): readonly CallRow[] {
    return this.all('select * from calls order by id') as unknown as readonly CallRow[]; // The schema.
  }

  /** What `CallRecords.restore` takes. */
  unfinishedCalls(): UnfinishedCalls {
    const columns = 'id, state, started_at, setup_ms, status';
    const rows = this.all(`select ${columns} from calls where state <> 'ended' order by id`);
    const lastId = Number(this.all('select max(id) as id from calls')[0]?.['id'] ?? 0);
    return { lastId, rows: rows as unknown as UnfinishedCalls['rows'] }; // The columns asked for.
  }

  close(): void {
    this.database.close();
  }

  private all(sql: string): Record<string, unknown>[] {
    return this.database.prepare(sql).all();
  }

  private statement(name: StatementName): StatementSync {
    let statement = this.prepared.get(name);
    if (statement === undefined) {
      statement = this.database.prepare(statements[name]);
      this.prepared.set(name, statement);
    }
    return statement;
  }
}

/** The writer of one run of the program. */
export class SwarmWriter implements Writer {
  private readonly clock: Clock;
  private readonly disk: SwarmDisk;
  private rows: Row[] = [];
  private flushes: (() => void)[] = [];
  private committing: readonly Row[] = [];
  private closed = false;
  /** Calls of which a row failed: until it is written again, a crash loses it. */
  private readonly failed = new Set<string | number>();

  constructor(clock: Clock, disk: SwarmDisk) {
    this.clock = clock;
    this.disk = disk;
  }

  get waiting(): number {
    return this.rows.length + this.committing.length;
  }

  write(statement: StatementName, values: readonly Value[], done?: Done): void {
    if (this.closed) {
      this.clock.soon(() => done?.(new TandemError('STORE_FAILED', 'the writer is closed')));
      return;
    }
    this.rows.push({ statement, values, done });
    if (this.committing.length === 0 && this.rows.length === 1) this.begin();
  }

  flush(): Promise<void> {
    if (this.waiting === 0) return Promise.resolve();
    return new Promise((settle) => void this.flushes.push(settle));
  }

  close(): Promise<void> {
    this.closed = true;
    // Who has stopped repairs nothing.
    for (const call of this.failed) this.disk.lostCalls.add(call);
    return this.flush();
  }

  /** The program dies: what is not on the disk now never will be. */
  crash(): void {
    this.closed = true;
    for (const row of [...this.committing, ...this.rows]) {
      const call = callOf(row);
      if (call !== undefined) this.disk.lostCalls.add(call);
    }
    for (const call of this.failed) this.disk.lostCalls.add(call);
    this.committing = [];
    this.rows = [];
  }

  private begin(): void {
    this.clock.after(this.disk.commitMs, () => this.commit());
  }

  private commit(): void {
    this.committing = this.rows;
    this.rows = [];
    const fails = this.disk.broken;
    if (!fails) this.disk.commit(this.committing);
    for (const row of this.committing) this.settle(row, fails);
    this.committing = [];
    if (this.rows.length > 0) this.begin();
    else for (const settle of this.flushes.splice(0)) settle();
  }

  private settle(row: Row, fails: boolean): void {
    const call = callOf(row);
    if (fails && call !== undefined) (this.closed ? this.disk.lostCalls : this.failed).add(call);
    row.done?.(fails ? new TandemError('STORE_FAILED', 'the disk is broken') : undefined);
  }
}

/** By its Call-ID when the row begins a record, by its number when it goes on. */
function callOf({ statement, values }: Row): string | number | undefined {
  if (statement === 'openCall') return String(values[1]);
  if (statement === 'answerCall') return Number(values[3]);
  return statement === 'endCall' ? Number(values[6]) : undefined;
}

/** Migrated once, in a file for a moment, since that is how a server makes them. */
async function migrated(): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-swarm-'));
  try {
    const file = join(folder, 'swarm.db');
    const db = await open(file);
    await db.destroy();
    const connection = new DatabaseSync(file);
    // A database in memory has no log beside it.
    connection.exec('pragma journal_mode = delete');
    const image = connection.serialize();
    connection.close();
    return image;
  } finally {
    await rm(folder, { recursive: true });
  }
}
