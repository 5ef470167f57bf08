/**
 * The rows of one kind, all in memory: found without waiting, changed through the Writer. A change shows only after
 * its commit. Rows that somebody else changed are put in by `apply`.
 */
import { assert } from '../base/assert.ts';
import { TandemError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import { watchedTables, type WatchedTable } from '../store/change-triggers.ts';
import type { Writer } from '../store/writer.ts';
import {
  type Change,
  type Columns,
  fieldNames,
  type Given,
  keyOf,
  keyOfColumns,
  type Kind,
  readRow,
  valuesOf,
} from './kind.ts';
import type { ImportResult } from './subscribers.ts';

/** Rows of one kind. */
export const ROWS_MAX = 2_000_000;
/** Rows of one kind that one owner has. */
export const ROWS_OF_ONE_MAX = 1_000;
/** Rows of an import that are with the writer at once. */
const IMPORT_ROWS_AT_ONCE = 1_000;

/** What rows stand on. */
export interface ShelfParts {
  readonly writer: Writer;
  readonly clock: Clock;
  /** Is told of a row of the database that cannot be read. */
  readonly unreadable: (table: WatchedTable, why: string) => void;
}

/** What keeps the rows of a table in memory while others change them. */
export interface Follower {
  readonly table: WatchedTable;
  /** What was there at the start. */
  restore(rows: readonly Columns[]): void;
  /** From here on our own changes are newer than what is read. */
  beginReading(): void;
  /** A row as somebody left it; without columns it is gone. */
  apply(key: string, columns: Columns | undefined): void;
  keys(): Iterable<string>;
}

/** A shelf without the type of its rows: what commands work with. */
export interface AnyShelf extends Follower {
  readonly name: string;
  readonly size: number;
  add(given: Given): Promise<object>;
  set(given: Given): Promise<object>;
  remove(given: Given): Promise<object>;
  import(rows: readonly Given[]): Promise<ImportResult>;
  removeOf(owner: string): Promise<void>;
}

/** See above. */
export class Shelf<Row extends object> implements AnyShelf {
  readonly kind: Kind<Row>;
  private readonly parts: ShelfParts;
  private readonly rows = new Map<string, Row>();
  /** By owner; those that belong to nobody are not in it. */
  private readonly owned = new Map<string, readonly Row[]>();
  /** Rows whose change is on its way to the disk. */
  private readonly changing = new Set<string>();
  /** Rows that we changed since somebody began to read the database: what was read of them may be older. */
  private readonly changed = new Set<string>();
  /** Grows with every change: who keeps something made of the rows sees by it that they are others now. */
  version = 0;

  constructor(kind: Kind<Row>, parts: ShelfParts) {
    this.kind = kind;
    this.parts = parts;
  }

  get name(): string {
    return this.kind.name;
  }

  get table(): WatchedTable {
    return this.kind.table;
  }

  get size(): number {
    return this.rows.size;
  }

  /** `key`: the columns that name a row in `watchedTables`, a tab between them. */
  get(key: string): Row | undefined {
    return this.rows.get(key);
  }

  /** What one owner has, in the order in which it came. */
  ofOwner(owner: string): readonly Row[] {
    return this.owned.get(owner) ?? NONE;
  }

  values(): Iterable<Row> {
    return this.rows.values();
  }

  keys(): Iterable<string> {
    return this.rows.keys();
  }

  // ─── changes of ours ─────────────────────────────────────────────────────────────────────────

  /** Rejects with CONFLICT when there is one of that name, with INVALID when a field is refused. */
  async add(given: Given): Promise<Row> {
    const row = readRow(this.kind, given);
    const key = keyOf(this.kind, row);
    if (!this.rows.has(key)) return this.put(key, row);
    throw new TandemError('CONFLICT', `${this.kind.one} ${shownKey(key)} exists already`, {
      hint: `tandem ${this.name} set   changes it`,
    });
  }

  /** Changes the fields that are given; rejects with NOT_FOUND when there is none of that name. */
  async set(given: Given): Promise<Row> {
    const { key, row } = this.existing(given);
    return this.put(key, readRow(this.kind, { ...row, ...given }));
  }

  /** Rejects with NOT_FOUND when there is none. */
  async remove(given: Given): Promise<Row> {
    const { key, row } = this.existing(given);
    await this.takeOut(key, row);
    return row;
  }

  /** Adds rows and changes those that exist. One that is refused harms no other. */
  async import(given: readonly Given[]): Promise<ImportResult> {
    const done = { added: 0, changed: 0, refused: [] as { row: number; error: Error }[] };
    const importRow = async (one: Given, number: number): Promise<void> => {
      try {
        const row = readRow(this.kind, one);
        const key = keyOf(this.kind, row);
        const isNew = !this.rows.has(key);
        await this.put(key, row);
        if (isNew) done.added++;
        else done.changed++;
      } catch (error) {
        if (!(error instanceof TandemError)) throw error;
        done.refused.push({ row: number, error });
      }
    };
    for (let from = 0; from < given.length; from += IMPORT_ROWS_AT_ONCE) {
      const part = given.slice(from, from + IMPORT_ROWS_AT_ONCE);
      await Promise.all(part.map((one, place) => importRow(one, from + place + 1)));
    }
    return { ...done, refused: done.refused.toSorted((a, b) => a.row - b.row) };
  }

  /** Everything that an owner has: who gets his name later must not inherit it. */
  async removeOf(owner: string): Promise<void> {
    const rows = [...this.ofOwner(owner)];
    await Promise.all(rows.map((row) => this.takeOut(keyOf(this.kind, row), row)));
  }

  private existing(given: Given): { key: string; row: Row } {
    const key = this.keyOfGiven(given);
    const row = this.rows.get(key);
    if (row !== undefined) return { key, row };
    throw new TandemError('NOT_FOUND', `no ${this.kind.one} ${shownKey(key)}`, {
      hint: `tandem ${this.name} ls   shows them`,
    });
  }

  /** The key fields are checked like all others; what else is written is looked at later. */
  private keyOfGiven(given: Given): string {
    const { kind } = this;
    const row: Partial<Row> = {};
    for (const [place, name] of fieldNames(kind).entries()) {
      const { optional, read } = kind.fields[name];
      if (place < kind.keyFields || optional)
        row[name] = read(place < kind.keyFields ? given[name] : undefined, name);
      else row[name] = '' as Row[typeof name]; // Not looked at: the key is made of the key fields alone.
    }
    return keyOf(kind, row as Row);
  }

  private async put(key: string, row: Row): Promise<Row> {
    const owner = this.kind.ownerOf(row);
    if (!this.rows.has(key)) {
      const { rowsMax = ROWS_MAX } = this.kind;
      if (this.rows.size + this.changing.size >= rowsMax) throw tooMany(rowsMax, this.name, '');
      if (owner !== '' && this.ofOwner(owner).length >= ROWS_OF_ONE_MAX)
        throw tooMany(ROWS_OF_ONE_MAX, this.name, owner);
    }
    await this.write(key, row, this.kind.upsert);
    this.keep(key, row);
    return row;
  }

  private async takeOut(key: string, row: Row): Promise<void> {
    await this.write(key, row, [this.kind.remove]);
    this.drop(key);
  }

  /** Two changes of one row at once could end differently here and on disk: the second is refused. */
  private write(key: string, row: Row, changes: readonly Change[]): Promise<void> {
    if (this.changing.has(key))
      throw new TandemError('CONFLICT', `${shownKey(key)} is being changed by somebody else`, {
        hint: 'try again',
      });
    this.changing.add(key);
    const columns = this.kind.columnsOf(row, this.parts.clock.wall());
    const written = changes.map(
      (change) =>
        new Promise<void>((settle, reject) => {
          this.parts.writer.write(change.statement, valuesOf(change, columns), (error) => {
            if (error === undefined) settle();
            else reject(error);
          });
        }),
    );
    return Promise.all(written)
      .then(() => void this.changed.add(key))
      .finally(() => assert(this.changing.delete(key), 'a change ends once'));
  }

  // ─── rows of the database ────────────────────────────────────────────────────────────────────

  /** What was there at the start. */
  restore(rows: readonly Columns[]): void {
    for (const columns of rows) this.take(keyOfColumns(this.table, columns), columns);
  }

  /** From here on our own changes are newer than what is read. */
  beginReading(): void {
    this.changed.clear();
  }

  /** A row as somebody else left it; without columns it is gone. One that we are changing is told again. */
  apply(key: string, columns: Columns | undefined): void {
    if (this.changing.has(key) || this.changed.has(key)) return;
    if (columns === undefined) this.drop(key);
    else this.take(key, columns);
  }

  private take(key: string, columns: Columns): void {
    try {
      this.keep(key, this.kind.rowOf(columns));
    } catch (error) {
      if (!(error instanceof TandemError)) throw error;
      this.parts.unreadable(this.table, `${shownKey(key)}: ${error.message}`);
      this.drop(key);
    }
  }

  private keep(key: string, row: Row): void {
    this.drop(key);
    this.rows.set(key, row);
    const owner = this.kind.ownerOf(row);
    if (owner !== '') this.owned.set(owner, [...this.ofOwner(owner), row]);
  }

  private drop(key: string): void {
    this.version++;
    const row = this.rows.get(key);
    if (row === undefined) return;
    this.rows.delete(key);
    const owner = this.kind.ownerOf(row);
    const left = this.ofOwner(owner).filter((other) => other !== row);
    if (left.length === 0) this.owned.delete(owner);
    else this.owned.set(owner, left);
  }
}

const NONE: readonly never[] = [];

/** The columns of a table that name its rows. */
export function keyColumns(table: WatchedTable): readonly string[] {
  return watchedTables[table];
}

function shownKey(key: string): string {
  return key
    .split('\t')
    .filter((part) => part !== '')
    .join(' ');
}

function tooMany(most: number, name: string, owner: string): TandemError {
  return new TandemError('INVALID', `more than ${most} ${name}${owner === '' ? '' : ` of ${owner}`}`);
}
