import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyedHash } from './keyed-hash.ts';

const hash = new KeyedHash(new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7]));

function wide(of: KeyedHash, text: string): string {
  const low = of.wide(text);
  return `${low} ${of.high}`;
}

test('both hashes of a text depend on each character of it, on its length and on the key', () => {
  const texts = [
    '',
    'a',
    'b',
    'ab',
    'abc',
    'abcd',
    'abce',
    'abcd\0',
    '\0',
    'a longer text, of some words',
    'A longer text, of some words',
  ];
  const other = new KeyedHash(new Uint8Array(8));

  for (const hashed of [(text: string) => String(hash.of(text)), (text: string) => wide(hash, text)]) {
    assert.equal(new Set(texts.map(hashed)).size, texts.length);
  }
  for (const text of texts) {
    assert.notEqual(other.of(text), hash.of(text));
    assert.notEqual(wide(other, text), wide(hash, text));
    assert.equal(wide(hash, text), wide(hash, text));
  }
});

test('the halves of the wide hash are no two of a kind', () => {
  let equal = 0;
  for (let i = 0; i < 10_000; i++) if (hash.wide(String(i)) === hash.high) equal++;

  assert.ok(equal <= 1);
});

test('a text in pieces has the hashes of the whole, however long it is', () => {
  let text = '';
  for (let length = 0; length < 2000; length += 1 + (length >> 3)) {
    text = text.padEnd(length, `${length} \xff`);
    const half = length >> 1;

    hash.begin();
    hash.add(text.substring(0, half));
    hash.addBytes(Buffer.from(text, 'latin1'), half, length);
    assert.equal(hash.sum(), hash.of(text));
    hash.begin();
    for (const character of text) hash.add(character);
    const low = hash.wideSum();
    assert.equal(`${low} ${hash.high}`, wide(hash, text));
  }
});
