/**
 * Brings the rows of a batch into an order in which those of one statement stand together, so that they share it.
 * Rows of one table and one key stay in the order they were written in; others may change places, for a batch is one
 * transaction: nobody sees it half done.
 */
import { keyOf, tableKeys, tableOf } from './statement-shape.ts';
import { statementNames, statements } from './statements.ts';
import type { Value } from './writer.ts';

/** One row of a batch. */
export interface Row {
  /** Of its statement. */
  readonly place: number;
  readonly values: readonly Value[];
  /** Where it stood in the batch. */
  readonly row: number;
}

/** What is known of a statement. */
interface Shape {
  readonly table: string;
  /** The values that the table's rows are told apart by; undefined when the statement may meet any row. */
  readonly key: readonly number[] | undefined;
}

const keys = tableKeys(Object.values(statements));
const shapes: readonly Shape[] = statementNames.map((name) => {
  const table = tableOf(statements[name]);
  const own = keyOf(statements[name]);
  const places = (keys.get(table) ?? []).map((column) => own.get(column) ?? -1);
  return { table, key: places.length === 0 || places.includes(-1) ? undefined : places };
});

/** The rows of one table, statement by statement. */
class TableRows {
  private readonly groups: Row[][] = [];
  /** The latest group of each statement. */
  private readonly latest = new Map<number, number>();
  /** The latest group with a row of this key. */
  private readonly touched = new Map<string, number>();

  add(row: Row, key: string | undefined): void {
    if (key === undefined) return this.addBarrier(row);
    const open = this.latest.get(row.place);
    const group = open !== undefined && open >= (this.touched.get(key) ?? 0) ? open : this.begin(row.place);
    this.groups[group]!.push(row);
    this.touched.set(key, group);
  }

  get rows(): Row[] {
    return this.groups.flat();
  }

  /** What may meet any row stays after all that came before it, and before all that comes after. */
  private addBarrier(row: Row): void {
    this.groups.push([row]);
    this.latest.clear();
  }

  private begin(place: number): number {
    const group = this.groups.push([]) - 1;
    this.latest.set(place, group);
    return group;
  }
}

/** The same rows, those of one statement together. */
export function together(rows: readonly Row[]): readonly Row[] {
  const tables = new Map<string, TableRows>();
  for (const row of rows) {
    const { table, key } = shapes[row.place]!;
    const found = tables.get(table) ?? new TableRows();
    tables.set(table, found);
    found.add(row, key && JSON.stringify(key.map((place) => row.values[place])));
  }
  return [...tables.values()].flatMap((table) => table.rows);
}
