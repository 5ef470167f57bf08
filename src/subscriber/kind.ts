/** A kind of row that operators and users provision: its fields, its table, and the changes that write it. */
import { TandemError } from '../base/errors.ts';
import { watchedTables, type WatchedTable } from '../store/change-triggers.ts';
import type { StatementName } from '../store/statements.ts';
import type { Value } from '../store/writer.ts';
import type { Field } from './field.ts';

/** A row of the database, by column. */
export type Columns = Readonly<Record<string, Value>>;
/** Fields as they were written, in a command or a file. */
export type Given = Readonly<Record<string, unknown>>;

/** A change by its statement, and the columns it takes in their order. */
export interface Change {
  readonly statement: StatementName;
  readonly columns: readonly string[];
}

/** See above. */
export interface Kind<Row extends object> {
  /** As the command is called: `forwards`. */
  readonly name: string;
  /** One of them: `forwarding`. */
  readonly one: string;
  readonly about: string;
  readonly table: WatchedTable;
  /** In the order in which they are written; those of the key first. */
  readonly fields: { readonly [Name in keyof Row]: Field<Row[Name]> };
  /** How many of them name a row. */
  readonly keyFields: number;
  /** Rows of this kind; ROWS_MAX unless there must be fewer. */
  readonly rowsMax?: number;
  /** Whose it is: rows of one owner are found together, and go with him. */
  ownerOf(row: Row): string;
  columnsOf(row: Row, nowWall: number): Columns;
  rowOf(columns: Columns): Row;
  /** Made one after the other. */
  readonly upsert: readonly Change[];
  readonly remove: Change;
}

/** The names of its fields. */
export function fieldNames<Row extends object>(kind: Kind<Row>): readonly (keyof Row & string)[] {
  return Object.keys(kind.fields) as (keyof Row & string)[]; // The type says that it has these keys.
}

/** The row that was written. Throws INVALID, which names the field. */
export function readRow<Row extends object>(kind: Kind<Row>, given: Given): Row {
  const names = fieldNames(kind);
  const unknown = Object.keys(given).find((name) => !names.some((known) => known === name));
  if (unknown !== undefined) {
    const known = names.join(', ');
    throw new TandemError(
      'INVALID',
      `${JSON.stringify(unknown.slice(0, 40))} is no field; there are ${known}`,
    );
  }
  const row: Partial<Row> = {};
  for (const name of names) row[name] = kind.fields[name].read(given[name], name);
  return row as Row; // Every field was read.
}

/** What names a row in memory, and in a notice of the database. */
export function keyOf<Row extends object>(kind: Kind<Row>, row: Row): string {
  return keyOfColumns(kind.table, kind.columnsOf(row, 0));
}

/** The same for a row of the database. */
export function keyOfColumns(table: WatchedTable, columns: Columns): string {
  return watchedTables[table].map((column) => String(columns[column])).join('\t');
}

/** The values of a change. */
export function valuesOf({ columns }: Change, row: Columns): readonly Value[] {
  return columns.map((column) => row[column] ?? null);
}

/** A column that holds a text. */
export function text(columns: Columns, name: string): string {
  return String(columns[name] ?? '');
}

/** A column that holds a text or nothing. */
export function textOrNull(columns: Columns, name: string): string | null {
  const value = columns[name];
  return value === null || value === undefined ? null : String(value);
}

/** A column that holds a number or nothing. */
export function numberOrNull(columns: Columns, name: string): number | null {
  const value = columns[name];
  return value === null || value === undefined ? null : Number(value);
}
