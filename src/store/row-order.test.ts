import assert from 'node:assert/strict';
import { test } from 'node:test';
import { together } from './row-order.ts';
import { statementPlace } from './statements.ts';
import type { StatementName } from './statements.ts';
import type { Value } from './writer.ts';

const call = (id: number): [StatementName, Value[]] => ['openCall', [id, '', '', '', '', '', '', '', 0]];
const answer = (id: number): [StatementName, Value[]] => ['answerCall', [0, 0, 200, id]];
const put = (user: string, contact: string): [StatementName, Value[]] => [
  'saveBinding',
  [user, 'a.test', contact, null, null, 1, 1, '', 1, 1, null, '', null, null, null],
];
const take = (user: string, contact: string): [StatementName, Value[]] => [
  'removeBinding',
  [user, 'a.test', contact],
];
const takeAll = (user: string): [StatementName, Value[]] => ['removeBindingsOfAor', [user, 'a.test']];
const expire: [StatementName, Value[]] = ['removeExpiredBindings', [5]];

const rows: [what: string, written: [StatementName, Value[]][], order: number[]][] = [
  ['rows of one statement stand together', [call(1), answer(9), call(2), answer(8)], [0, 2, 1, 3]],
  ['those of one key stay in order', [call(1), answer(1), call(1), answer(2)], [0, 1, 3, 2]],
  ['tables are apart', [call(1), put('a', 'x'), call(2)], [0, 2, 1]],
  ['a removal does not overtake', [put('a', 'x'), take('a', 'x'), put('a', 'x')], [0, 1, 2]],
  ['nor is it overtaken', [take('a', 'x'), put('b', 'y'), take('b', 'y')], [0, 1, 2]],
  ['a key is what all statements of a table name', [put('a', 'x'), takeAll('a'), put('a', 'y')], [0, 1, 2]],
  ['what may meet any row stays where it is', [put('a', 'x'), expire, put('b', 'y')], [0, 1, 2]],
  ['also for those before it', [put('a', 'x'), take('b', 'y'), put('c', 'z'), expire], [0, 2, 1, 3]],
];

for (const [what, written, order] of rows) {
  test(what, () => {
    const batch = written.map(([name, values], row) => ({ place: statementPlace(name), values, row }));

    assert.deepEqual(
      together(batch).map(({ row }) => row),
      order,
    );
  });
}
