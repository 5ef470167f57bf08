import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf } from '../base/bytes.ts';
import { parseUri } from './uri.ts';
import { UsualWords } from './usual-words.ts';

const words = new UsualWords(['lr', 'transport', 'tag', 'ttl', 'TCP'].map((word) => [word, word]));

const cases: readonly (readonly [text: string, from: number, to: number, word: string | undefined])[] = [
  ['lr', 0, 2, 'lr'],
  [';lr;', 1, 3, 'lr'],
  ['transport=tcp', 0, 9, 'transport'],
  ['transport=tcp', 0, 8, undefined],
  ['tag', 0, 3, 'tag'],
  ['tab', 0, 3, undefined],
  ['TAG', 0, 3, undefined],
  ['TCP', 0, 3, 'TCP'],
  ['tcp', 0, 3, undefined],
  ['', 0, 0, undefined],
];
for (const [text, from, to, word] of cases) {
  test(`${JSON.stringify(text)} from ${from} to ${to} is ${word ?? 'no usual word'}`, () => {
    assert.equal(words.between(bytesOf(text), from, to), word);
  });
}

test('a usual name in capitals is still that name, and a value keeps its case', () => {
  assert.deepEqual(Object.entries(parseUri('sip:a@b;LR;Transport=TCP;user=Phone').params), [
    ['lr', true],
    ['transport', 'TCP'],
    ['user', 'Phone'],
  ]);
});
