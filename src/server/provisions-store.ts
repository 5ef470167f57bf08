/** Provisions and the database: read at the start, and read again where somebody else changed them. */
import type { Clock, Logger, Timer } from '../base/world.ts';
import { type RowChange, type Watch, watchChanges } from '../store/changes.ts';
import { openDatabaseToRead } from '../store/database.ts';
import type { DatabasePlace } from '../store/database-place.ts';
import { readRows } from '../store/read-rows.ts';
import type { Database, SubscriberRow } from '../store/sqlite.ts';
import type { WatchedTable } from '../store/change-triggers.ts';
import type { Writer } from '../store/writer.ts';
import type { Columns } from '../subscriber/kind.ts';
import { keyOfColumns } from '../subscriber/kind.ts';
import { Provisions } from '../subscriber/provisions.ts';
import { type Follower, keyColumns } from '../subscriber/shelf.ts';
import type { Subscribers } from '../subscriber/subscribers.ts';

/** Rows that are read again by one query. */
const ROWS_AT_ONCE = 100;
/** Between two queries calls have their turn. */
const PAUSE_MS = 5;
/** After a failure. */
const RETRY_MS = 2_000;
/** More changed rows of one table than this are not read one by one: the whole table is. */
export const CHANGED_ROWS_MAX = 100_000;

/** All rows of every kind, or of those that are needed, as new provisions. */
export async function readProvisions(
  db: Database,
  parts: { readonly writer: Writer; readonly clock: Clock; readonly log: Logger },
  isNeeded: (table: WatchedTable) => boolean = () => true,
): Promise<Provisions> {
  const { log } = parts;
  const provisions = new Provisions({
    ...parts,
    unreadable: (table, why) => log.warn('a row cannot be read', { table, why }),
  });
  for (const follower of provisions.followers) {
    if (!isNeeded(follower.table)) continue;
    const all = db.selectFrom(follower.table).selectAll().orderBy('id');
    for await (const rows of readRows(db, all)) follower.restore(rows);
  }
  return provisions;
}

/** What is kept current. */
export interface Followed {
  readonly place: DatabasePlace;
  readonly clock: Clock;
  readonly log: Logger;
  /** Something of these tables is other than it was. */
  readonly changed: (tables: ReadonlySet<WatchedTable>) => void;
}

/** Hears of changes from the moment it is opened; carries them out once it knows what to keep current. */
export class ChangeFollower {
  private readonly parts: Followed;
  private readonly waiting = new Map<WatchedTable, Set<string> | 'all'>();
  private readonly followers = new Map<WatchedTable, Follower>();
  private watch: Watch | undefined = undefined;
  private db: Database | undefined = undefined;
  private timer: Timer | undefined = undefined;
  private reading: Promise<void> | undefined = undefined;
  private closed = false;

  private constructor(parts: Followed) {
    this.parts = parts;
  }

  /** From here on nothing is missed: read the tables after this has settled. */
  static async open(parts: Followed, tables: readonly WatchedTable[]): Promise<ChangeFollower> {
    const { place, clock, log } = parts;
    const made = new ChangeFollower(parts);
    made.watch = await watchChanges(place, tables, (change) => made.hear(change), { clock, log });
    return made;
  }

  /** Keeps these current. */
  async follow(followers: readonly Follower[]): Promise<void> {
    this.db = await openDatabaseToRead(this.parts.place);
    for (const follower of followers) this.followers.set(follower.table, follower);
    this.readLater();
  }

  /** Looks now; settles when all that was changed before is known here. */
  async catchUp(): Promise<void> {
    await this.watch?.look();
    this.timer?.cancel();
    this.timer = undefined;
    while (this.waiting.size > 0 || this.reading !== undefined) await (this.reading ?? this.read());
  }

  async close(): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    await this.watch?.close();
    await this.reading;
    await this.db?.destroy();
  }

  private hear({ table, key }: RowChange): void {
    const known = this.waiting.get(table);
    if (key === undefined) this.waiting.set(table, 'all');
    else if (known === undefined) this.waiting.set(table, new Set([key.join('\t')]));
    else if (known !== 'all') {
      known.add(key.join('\t'));
      if (known.size > CHANGED_ROWS_MAX) this.waiting.set(table, 'all');
    }
    this.readLater();
  }

  private readLater(): void {
    if (this.closed || this.db === undefined || this.timer !== undefined || this.reading !== undefined)
      return;
    this.timer = this.parts.clock.after(0, this.tick);
  }

  private readonly tick = (): void => {
    this.timer = undefined;
    if (!this.closed && this.reading === undefined) void this.read();
  };

  private read(): Promise<void> {
    this.reading = this.readAll().finally(() => {
      this.reading = undefined;
    });
    return this.reading;
  }

  private async readAll(): Promise<void> {
    const touched = new Set<WatchedTable>();
    try {
      for (let next = this.take(); next !== undefined && !this.closed; next = this.take()) {
        touched.add(next.table);
        await this.readPart(next);
        await new Promise<void>((resolve) => void this.parts.clock.after(PAUSE_MS, resolve));
      }
    } catch (error) {
      this.parts.log.warn('changes of others cannot be read now', { why: String(error) });
      // Which rows were read is not known any more: all of these tables are, when the database is back.
      for (const table of touched) this.waiting.set(table, 'all');
      this.timer ??= this.parts.clock.after(RETRY_MS, this.tick);
    }
    if (touched.size > 0) this.parts.changed(touched);
  }

  /** The next few rows, or a whole table. */
  private take(): Part | undefined {
    for (const [table, keys] of this.waiting) {
      const follower = this.followers.get(table);
      if (follower === undefined || keys === 'all') {
        this.waiting.delete(table);
        if (follower !== undefined) return { table, follower, keys: 'all' };
        continue;
      }
      const some = [...keys].slice(0, ROWS_AT_ONCE);
      for (const key of some) keys.delete(key);
      if (keys.size === 0) this.waiting.delete(table);
      return { table, follower, keys: some };
    }
    return undefined;
  }

  private async readPart({ table, follower, keys }: Part): Promise<void> {
    const { db } = this;
    if (db === undefined) return;
    follower.beginReading();
    if (keys === 'all') return readTable(db, follower);
    const rows = await rowsOf(db, table, keys);
    const found = new Map(rows.map((columns) => [keyOfColumns(table, columns), columns]));
    for (const key of keys) follower.apply(key, found.get(key));
  }
}

interface Part {
  readonly table: WatchedTable;
  readonly follower: Follower;
  readonly keys: readonly string[] | 'all';
}

async function readTable(db: Database, follower: Follower): Promise<void> {
  const gone = new Set(follower.keys());
  for await (const rows of readRows(db, db.selectFrom(follower.table).selectAll().orderBy('id'))) {
    for (const columns of rows) {
      const key = keyOfColumns(follower.table, columns);
      gone.delete(key);
      follower.apply(key, columns);
    }
  }
  for (const key of gone) follower.apply(key, undefined);
}

/** Several rows of one name, which one table may have, come in the order in which they were written. */
async function rowsOf(
  db: Database,
  table: WatchedTable,
  keys: readonly string[],
): Promise<readonly Columns[]> {
  const columns = keyColumns(table);
  return db
    .selectFrom(table)
    .selectAll()
    .where((is) =>
      is.or(
        keys.map((key) => {
          const parts = key.split('\t');
          return is.and(
            columns.map((column, place) => is(is.ref(column as 'id'), '=', parts[place] as never)),
          );
        }),
      ),
    )
    .orderBy('id')
    .execute();
}

/** Accounts as one who is followed. */
export function subscriberFollower(subscribers: Subscribers): Follower {
  return {
    table: 'subscriber',
    restore: () => {}, // They are read before, by `readSubscribers`.
    beginReading: () => subscribers.beginReading(),
    apply: (key, columns) => {
      const [user = '', domain = ''] = key.split('\t');
      subscribers.apply(user, domain, columns as SubscriberRow | undefined); // A row of that table.
    },
    *keys() {
      for (const { user, domain } of subscribers.list()) yield `${user}\t${domain}`;
    },
  };
}
