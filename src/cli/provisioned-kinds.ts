/** The kinds of provisions as the command line sees them: without the types of their rows. */
import type { Field } from '../subscriber/field.ts';
import { kinds } from '../subscriber/provisions.ts';
import type { WatchedTable } from '../store/change-triggers.ts';
import type { Columns } from '../subscriber/kind.ts';

/** A row by the names of its fields. */
export type Row = Readonly<Record<string, unknown>>;

/** One of them. */
export interface AnyKind {
  readonly name: string;
  readonly one: string;
  readonly about: string;
  readonly table: WatchedTable;
  readonly fields: Readonly<Record<string, Field<unknown>>>;
  readonly keyFields: number;
  readonly rowOf: (columns: Columns) => Row;
  readonly ownerOf: (row: never) => string;
}

/** All of them. Rows of a kind are plain objects. */
export const anyKinds: readonly AnyKind[] = kinds as unknown as readonly AnyKind[];

/** What names a row, in words. */
export function keyText(kind: AnyKind, row: Row): string {
  const names = Object.keys(kind.fields).slice(0, kind.keyFields);
  return names.map((name) => valueText(row[name])).join(' ');
}

/** Whether a row is of this owner, or has this text anywhere. */
export function matches(kind: AnyKind, row: Row, wanted: string): boolean {
  const texts = Object.keys(kind.fields).map((name) => valueText(row[name]));
  return texts.some((text) => text.toLowerCase().includes(wanted.toLowerCase()));
}

/** A value as it is written. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value === true) return 'yes';
  if (value === false) return 'no';
  return typeof value === 'object' ? JSON.stringify(value) : String(value as string | number);
}
