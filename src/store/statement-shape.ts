/** What can be told from the text of a statement: its table, and which of its values name the row it is about. */

const TUPLE = /\bvalues \([^)]*\)/;
const TABLE = /\b(?:insert into|update|delete from) (\w+)/;
const CONFLICT = /\bon conflict \(([^)]*)\)/;
const COLUMNS = /\binsert into \w+ \(([^)]*)\)/;

/** Column → the place of its value. */
type Key = ReadonlyMap<string, number>;

/** The table that a statement changes. */
export function tableOf(statement: string): string {
  return TABLE.exec(statement)?.[1] ?? '';
}

/** Whether many rows fit into one statement. */
export function takesManyRows(statement: string): boolean {
  return TUPLE.test(statement);
}

/** The values that name the row: of an insert the one it may meet, else the one it looks for. Empty: any row. */
export function keyOf(statement: string): Key {
  if (takesManyRows(statement)) {
    const columns = namesIn(COLUMNS.exec(statement)?.[1]);
    return new Map(namesIn(CONFLICT.exec(statement)?.[1]).map((name) => [name, columns.indexOf(name)]));
  }
  const [before = '', condition = ''] = statement.split(/\bwhere\b/);
  let place = before.split('?').length - 1;
  const key = new Map<string, number>();
  for (const part of condition.split(/\band\b/)) {
    const name = /^\s*(\w+) = \?\s*$/.exec(part)?.[1];
    if (name !== undefined) key.set(name, place);
    place += part.split('?').length - 1;
  }
  return key;
}

/** Table → the columns that all of its statements name: changes of rows that differ in them may change places. */
export function tableKeys(statements: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const keys = new Map<string, readonly string[]>();
  for (const statement of statements) {
    const names = [...keyOf(statement).keys()];
    if (names.length === 0) continue;
    const table = tableOf(statement);
    keys.set(table, keys.get(table)?.filter((name) => names.includes(name)) ?? names);
  }
  return keys;
}

/** `a, b` → its names. */
export function namesIn(list = ''): string[] {
  return list === '' ? [] : list.split(',').map((name) => name.trim());
}
