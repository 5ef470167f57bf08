import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseUri, type Uri } from '../sip/uri.ts';
import { STEP_TEXTS_BYTES_MAX, StepsRing, WORD_LENGTH_MAX, WORDS_MAX } from './steps-ring.ts';
import { printPlainUri } from './steps-texts.ts';

const PAGES = 3;
const PAGE_BYTES = 1 << 18;

function put(ring: StepsRing, low: number, high: number, ...texts: readonly string[]): void {
  ring.open(1, 2, 3.5, low, high, -4, 1);
  for (const text of texts) ring.text(text);
  ring.close();
}

function textsOf(ring: StepsRing, low: number): string[] {
  return [...ring.of(low, 0)].flat().flatMap(({ texts }) => texts);
}

test('what is put in comes out, for its own Call-ID alone', () => {
  const ring = new StepsRing();
  ring.open(1, 2, 3.5, 7, 8, -4, 1);
  ring.word('location.lookup');
  ring.text('überall sip:bob@example.com');
  ring.text('');
  ring.word('none');
  ring.close();
  put(ring, 7, 9, 'another call');

  assert.deepEqual([...ring.of(7, 8)].flat(), [
    {
      kind: 1,
      code: 2,
      atMs: 3.5,
      number: -4,
      flag: 1,
      texts: ['location.lookup', 'überall sip:bob@example.com', '', 'none'],
    },
  ]);
});

for (const [character, bytes] of [
  ['a', 1],
  ['€', 3],
] as const) {
  const most = Math.floor((STEP_TEXTS_BYTES_MAX - 1) / bytes);
  for (const length of [most, most + 1]) {
    test(`of a text of ${length} times ${character} ${most} are kept, and nothing behind it`, () => {
      const ring = new StepsRing();

      put(ring, 1, 0, character.repeat(length), 'what follows', 'and more');

      assert.equal(textsOf(ring, 1)[0], character.repeat(most));
      assert.ok(textsOf(ring, 1).join('').length <= STEP_TEXTS_BYTES_MAX);
      put(ring, 2, 0, 'the next record');
      assert.deepEqual(textsOf(ring, 2), ['the next record']);
    });
  }
}

test('a zero byte within a text ends it not', () => {
  const ring = new StepsRing();

  put(ring, 1, 0, 'a\0b', 'ü\0b', '');

  assert.deepEqual(textsOf(ring, 1), ['a b', 'ü b', '']);
});

/** A record of one text: a URI between two other pieces. */
function putUri(ring: StepsRing, uri: Uri, before = '<'): void {
  ring.open(1, 2, 3.5, 1, 0, -4, 1);
  ring.add(before);
  ring.addUri(uri);
  ring.add('>');
  ring.endText();
  ring.close();
}

for (const [text, plain] of [
  ['sip:bob@example.com', 'sip:bob@example.com'],
  ['sips:bob:secret@example.com:5071;transport=tls?x=y', 'sips:bob@example.com:5071'],
  ['sip:example.com', 'sip:example.com'],
  ['sip:b%20b@[2001:db8::1]:5060', 'sip:b%20b@[2001:db8::1]:5060'],
  ['sip:[::1]', 'sip:[::1]'],
  ['tel:+4930123;phone-context=example.com', 'tel:+4930123'],
] as const) {
  test(`${text} is told as ${plain}, as often as it is asked about`, () => {
    const ring = new StepsRing();
    const [uri, another] = [parseUri(text), parseUri('sip:a@b')];

    for (const each of [uri, uri, another, uri, uri]) putUri(ring, each);

    assert.deepEqual(
      textsOf(ring, 1),
      [plain, plain, 'sip:a@b', plain, plain].map((told) => `<${told}>`),
    );
    assert.equal(printPlainUri(uri), plain);
  });
}

test('a URI that comes again and again takes as much of the room as if it stood there', () => {
  const ring = new StepsRing();
  const uri = parseUri('sip:0123456789@example.com');
  const plain = printPlainUri(uri);

  ring.open(1, 2, 3.5, 1, 0, -4, 1);
  for (let i = 0; i < STEP_TEXTS_BYTES_MAX; i++) ring.addUri(uri);
  ring.endText();
  ring.close();
  putUri(ring, uri);

  const all = plain.repeat(STEP_TEXTS_BYTES_MAX).slice(0, STEP_TEXTS_BYTES_MAX - 1);
  assert.deepEqual(textsOf(ring, 1), [all, `<${plain}>`]);
});

for (const length of [STEP_TEXTS_BYTES_MAX - 8, STEP_TEXTS_BYTES_MAX]) {
  test(`a URI that is cut behind ${length} other bytes is whole in the next record`, () => {
    const ring = new StepsRing();
    const uri = parseUri('sip:bob@example.com');

    putUri(ring, uri, 'a'.repeat(length));
    putUri(ring, uri);

    assert.equal(textsOf(ring, 1)[1], '<sip:bob@example.com>');
  });
}

test('of a record that is never closed nothing is told, nor by the next ones', () => {
  const ring = new StepsRing();
  const uri = parseUri('sip:bob@example.com');

  ring.open(1, 2, 3.5, 1, 0, -4, 1);
  ring.addUri(uri);
  put(ring, 1, 0, 'x'.repeat(100));
  putUri(ring, uri);

  assert.deepEqual(textsOf(ring, 1), ['x'.repeat(100), '<sip:bob@example.com>']);
});

test('one URI through all pages, and once more through all of them', () => {
  const ring = new StepsRing(PAGES * PAGE_BYTES);
  const uri = parseUri('sip:bob@example.com');

  for (let i = 0; i < 2 * PAGES * (PAGE_BYTES / 32); i++) putUri(ring, uri);

  const told = textsOf(ring, 1);
  assert.ok(told.length > 10_000);
  assert.ok(told.every((text) => text === '<sip:bob@example.com>'));
});

test('words beyond the limits are kept as texts', () => {
  const ring = new StepsRing();
  const words = [WORD_LENGTH_MAX, WORD_LENGTH_MAX + 1].map((length) => 'A'.repeat(length));
  for (let i = 0; i < WORDS_MAX; i++) words.push(`word ${i}`);
  for (const word of words) {
    ring.open(0, 0, 0, 1, 0, 0, 0);
    ring.word(word);
    ring.close();
  }

  assert.deepEqual(textsOf(ring, 1), words);
});

test('its memory grows up to the limit and no further; then the oldest goes first', () => {
  const ring = new StepsRing(PAGES * PAGE_BYTES);
  assert.equal(ring.bytes, 0);
  let last = 0;
  while (ring.bytes < PAGES * PAGE_BYTES) put(ring, 1, 0, String(++last).padEnd(500));

  const before = textsOf(ring, 1);
  assert.deepEqual([before[0]?.trim(), before.length], ['1', last]);
  for (let i = 0; i < 10_000; i++) put(ring, 1, 0, String(++last).padEnd(500));

  const after = textsOf(ring, 1).map(Number);
  assert.equal(ring.bytes, PAGES * PAGE_BYTES);
  assert.deepEqual(
    after,
    after.map((_, i) => last - after.length + 1 + i),
  );
});
