/**
 * Many updates or deletes as one statement, for MariaDB, where each costs a round trip. Values stay bound.
 *
 *   update t set a = ? where id = ?
 *   → update t set a = case when (id = ?) then ? when (id = ?) then ? end where ((id = ?) or (id = ?))
 */
import type { Value } from './writer.ts';

/** Rows in one statement: each row is compared with every other's key. */
export const UPDATED_TOGETHER_MAX = 16;

const UPDATE = /^\s*update (\w+) set (.+)\swhere (.+)$/s;
const DELETE = /^\s*delete from (\w+) where (.+)$/s;

/** A statement that stands for several, each with a key of its own. */
export interface ManyUpdates {
  text(rows: number): string;
  values(rows: readonly (readonly Value[])[]): Value[];
}

/** `a = coalesce(a, ?)` */
interface Assignment {
  readonly column: string;
  readonly expression: string;
  /** The places of its values in a row. */
  readonly places: readonly number[];
}

/** Undefined when the statement is none, or does not name one row. */
export function manyUpdates(statement: string): ManyUpdates | undefined {
  const [, table = '', set = '', condition = ''] = UPDATE.exec(statement) ?? [];
  if (table !== '') return build(`update ${table} set `, assignmentsIn(set), condition);
  const [, from = '', which = ''] = DELETE.exec(statement) ?? [];
  return from === '' ? undefined : build(`delete from ${from}`, [], which);
}

function build(
  begin: string,
  assignments: readonly Assignment[],
  condition: string,
): ManyUpdates | undefined {
  const parts = condition.split(/\sand\s/).map((part) => part.trim());
  const keyParts = parts.filter((part) => /^\w+ = \?$/.test(part));
  const others = parts.filter((part) => !part.includes('?'));
  if (keyParts.length === 0 || keyParts.length + others.length < parts.length) return undefined;
  const key = `(${keyParts.join(' and ')})`;
  const before = assignments.reduce((sum, { places }) => sum + places.length, 0);
  const keyPlaces = keyParts.map((_, i) => before + i);
  const changing = assignments.filter(({ places }) => places.length > 0);
  return {
    text(rows) {
      const each = <T>(make: () => T): T[] => Array.from({ length: rows }, make);
      const sets = assignments.map(({ column, expression, places }) =>
        places.length === 0
          ? `${column} = ${expression}`
          : `${column} = case ${each(() => `when ${key} then ${expression}`).join(' ')} end`,
      );
      const where = [`(${each(() => key).join(' or ')})`, ...others].join(' and ');
      return `${begin}${sets.join(', ')} where ${where}`;
    },
    values(rows) {
      const pick = (row: readonly Value[], places: readonly number[]): Value[] =>
        places.map((place) => row[place] ?? null);
      return [
        ...changing.flatMap(({ places }) => rows.flatMap((row) => pick(row, [...keyPlaces, ...places]))),
        ...rows.flatMap((row) => pick(row, keyPlaces)),
      ];
    },
  };
}

function assignmentsIn(set: string): Assignment[] {
  let place = 0;
  // Commas within parentheses belong to a function.
  return set.split(/,(?![^(]*\))/).map((text) => {
    const [column = '', expression = ''] = text.trim().split(/ = (.*)/s);
    const count = expression.split('?').length - 1;
    const places = Array.from({ length: count }, () => place++);
    return { column, expression, places };
  });
}
