import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tokensOf } from './script-tokens.ts';

// source, its tokens
const sources: readonly [string, string][] = [
  ['let a = 1;', 'let a = 1 ;'],
  ["a('x; let y')", 'a ( x; let y )'],
  ['// let a\nb', 'b'],
  ['/* let\n a */ b', 'b'],
  ['a = /let "/g; b', 'a = /let "/g ; b'],
  ['a / b / c', 'a / b / c'],
  ['return /x[/]y/.test(z)', 'return /x[/]y/ . test ( z )'],
  ['`let ${a + `b ${c}`} d` + e', '` a + ` c ` ` + e'],
  ["'it\\'s' + x", "it\\'s + x"],
  ['größe ??= 1_000n', 'größe ? ? = 1_000n'],
  ['a?.b ... => ', 'a ?. b ... =>'],
  ['"open', 'open'],
  ['`open ${a', '` a'],
  ['/* open', ''],
];

for (const [source, expected] of sources) {
  test(`${JSON.stringify(source)} is read as ${expected}`, () => {
    const read = tokensOf(source).map(({ text }) => text);

    assert.equal(read.join(' '), expected);
  });
}

test('a token knows its line, its column and how deep it stands', () => {
  const read = tokensOf('f({\n  a: [`${b}`],\n});\nlet c');

  const places = read
    .filter(({ kind }) => kind === 'word')
    .map(({ text, line, column, depth }) => [text, line, column, depth]);
  assert.deepEqual(places, [
    ['f', 1, 1, 0],
    ['a', 2, 3, 2],
    ['b', 2, 10, 4],
    ['let', 4, 1, 0],
    ['c', 4, 5, 0],
  ]);
});
