/**
 * Notices of rows that somebody changed: another node, another program, a person. Triggers write the table `changes`;
 * this reads what is new in it, every few seconds, and on PostgreSQL as soon as the server says so.
 *
 * Numbers are given before they are committed, so a lower one may appear after a higher one: one that is missing is
 * waited for, GAP_MS long; it may also belong to a transaction that was undone.
 */
import type { Clock, Logger, Timer } from '../base/world.ts';
import { KEPT_MS, watchedTables } from './change-triggers.ts';
import type { WatchedTable } from './change-triggers.ts';
import { openDatabaseToRead } from './database.ts';
import type { DatabasePlace } from './database-place.ts';
import { dialectOf } from './dialect.ts';
import { textOf } from './order.ts';
import type { Database } from './sqlite.ts';

export type { WatchedTable } from './change-triggers.ts';

/**
 * A row that was added, changed or removed. `key` holds the columns that name it: see `watchedTables`. Without a key
 * more may have changed than is known: everything of the table should be read again.
 */
export interface RowChange {
  readonly table: WatchedTable;
  readonly key: readonly string[] | undefined;
}

/** What a watch needs. */
export interface WatchOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly pollMs?: number;
}

/** A watch that goes on until it is closed. */
export interface Watch {
  /** Looks now; settles when what was there has been told. */
  look(): Promise<void>;
  close(): Promise<void>;
}

/** How often the table is looked at. */
export const POLL_MS = 2_000;
/** A number that is missing so long belongs to no transaction any more: none of ours lasts longer. */
export const GAP_MS = 30_000;
/** Rows read by one look; the rest by the next, at once. */
export const CHANGES_READ_MAX = 1_000;
/** More missing numbers than this are not waited for: all tables are to be read again. */
export const GAPS_MAX = 10_000;
const REMOVE_EVERY_MS = 3_600_000;

/**
 * Tells of every change from now on: read the tables after it has settled, then nothing is missed. Our own changes are
 * told too. Changes of several rows may be told again after the database was lost.
 */
export async function watchChanges(
  place: DatabasePlace,
  tables: readonly WatchedTable[],
  onChange: (change: RowChange) => void,
  options: WatchOptions,
): Promise<Watch> {
  const db = await openDatabaseToRead(place);
  try {
    const watch = new ChangeWatch(db, new Set(tables), onChange, options);
    await watch.begin();
    if (place.dialect === 'postgres') {
      const { listen } = await import('./postgres-listen.ts');
      watch.hurriedBy(listen(place.url, () => void watch.look()));
    }
    return watch;
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

/** Something that asks for a look before its time. */
interface Hurry {
  retry(): void;
  close(): Promise<void>;
}

class ChangeWatch implements Watch {
  private readonly db: Database;
  private readonly tables: ReadonlySet<WatchedTable>;
  private readonly onChange: (change: RowChange) => void;
  private readonly clock: Clock;
  private readonly log: Logger;
  private readonly pollMs: number;
  /** Everything up to here has been told, or is waited for in `gaps`. */
  private last = 0;
  /** Missing numbers, and when each was missed first. */
  private readonly gaps = new Map<number, number>();
  private timer: Timer | undefined;
  private looking: Promise<void> | undefined;
  private again = false;
  private failing = false;
  private closed = false;
  private removedAt: number;
  private hurry: Hurry | undefined;

  constructor(
    db: Database,
    tables: ReadonlySet<WatchedTable>,
    onChange: (change: RowChange) => void,
    { clock, log, pollMs = POLL_MS }: WatchOptions,
  ) {
    this.db = db;
    this.tables = tables;
    this.onChange = onChange;
    this.clock = clock;
    this.log = log;
    this.pollMs = pollMs;
    this.removedAt = clock.now();
  }

  async begin(): Promise<void> {
    const newest = this.db.selectFrom('changes').select((select) => select.fn.max('id').as('id'));
    this.last = (await newest.executeTakeFirst())?.id ?? 0;
    this.lookLater();
  }

  hurriedBy(hurry: Hurry): void {
    this.hurry = hurry;
  }

  look(): Promise<void> {
    if (this.closed) return Promise.resolve();
    if (this.looking !== undefined) {
      this.again = true;
      return this.looking;
    }
    this.timer?.cancel();
    this.looking = this.readAll().finally(() => {
      this.looking = undefined;
      this.lookLater();
    });
    return this.looking;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    await this.hurry?.close();
    await this.looking;
    await this.db.destroy();
  }

  private lookLater(): void {
    if (!this.closed) this.timer = this.clock.after(this.pollMs, () => void this.look());
  }

  private async readAll(): Promise<void> {
    try {
      do {
        this.again = false;
        const rows = await this.readNew();
        for (const row of rows) this.take(row);
        if (rows.length === CHANGES_READ_MAX) this.again = true;
      } while (this.again && !this.closed);
      await this.readGaps();
      await this.removeOld();
      this.failing = false;
    } catch (error) {
      if (!this.failing) this.log.warn('changes of others cannot be read now', { why: textOf(error) });
      this.failing = true;
    }
    this.hurry?.retry();
  }

  private async readNew(): Promise<readonly ChangeRow[]> {
    if (this.failing && (await this.wereRemoved())) this.tellAll();
    return this.changes().where('id', '>', this.last).limit(CHANGES_READ_MAX).execute();
  }

  /** Whether notices that we have not read are gone already: then the database was lost for a day. */
  private async wereRemoved(): Promise<boolean> {
    const oldest = this.db.selectFrom('changes').select((select) => select.fn.min('id').as('id'));
    const first = (await oldest.executeTakeFirst())?.id ?? 0;
    return first > this.last + 1;
  }

  private take(row: ChangeRow): void {
    const now = this.clock.now();
    if (row.id - this.last - 1 + this.gaps.size > GAPS_MAX) this.tellAll();
    else for (let id = this.last + 1; id < row.id; id++) this.gaps.set(id, now);
    this.last = row.id;
    this.tell(row);
  }

  private async readGaps(): Promise<void> {
    if (this.gaps.size === 0) return;
    const missing = [...this.gaps.keys()].slice(0, CHANGES_READ_MAX);
    for (const row of await this.changes().where('id', 'in', missing).execute()) {
      this.gaps.delete(row.id);
      this.tell(row);
    }
    const before = this.clock.now() - GAP_MS;
    for (const [id, since] of this.gaps) if (since <= before) this.gaps.delete(id);
  }

  private changes() {
    return this.db.selectFrom('changes').select(['id', 'table_name', 'row_key']).orderBy('id');
  }

  private tell({ table_name: table, row_key: key }: ChangeRow): void {
    if (isWatched(table) && this.tables.has(table)) this.onChange({ table, key: key.split('\t') });
  }

  private tellAll(): void {
    this.gaps.clear();
    for (const table of this.tables) this.onChange({ table, key: undefined });
  }

  private async removeOld(): Promise<void> {
    // An SQLite file is opened for reading alone here; `open` in sqlite.ts removes them at every start.
    if (dialectOf(this.db) === 'sqlite' || this.clock.now() - this.removedAt < REMOVE_EVERY_MS) return;
    this.removedAt = this.clock.now();
    const before = this.clock.wall() - KEPT_MS;
    await this.db.deleteFrom('changes').where('changed_at', '<', before).execute();
  }
}

interface ChangeRow {
  readonly id: number;
  readonly table_name: string;
  readonly row_key: string;
}

function isWatched(table: string): table is WatchedTable {
  return table in watchedTables;
}
