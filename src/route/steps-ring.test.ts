import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STEP_TEXTS_BYTES_MAX, StepsRing, WORD_LENGTH_MAX, WORDS_MAX } from './steps-ring.ts';

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
