import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseUri, type Uri } from '../sip/uri.ts';
import { CallMark, STEP_TEXTS_BYTES_MAX, StepsRing } from './steps-ring.ts';
import { PHRASE_CHARACTERS_MAX, PHRASES_MAX } from './steps-phrases.ts';
import { printPlainUri } from './steps-texts.ts';

const PAGES = 3;
const PAGE_BYTES = 1 << 18;
const PHRASE_TEXTS = 3;
const ONE = new CallMark(1, 0);
const TWO = new CallMark(2, 0);

/** A step of one's own texts: those of its phrase are empty. */
function put(ring: StepsRing, mark: CallMark, ...texts: readonly string[]): void {
  ring.open(mark, 3.5, 1, 2, -4);
  for (const text of texts) ring.text(text);
  ring.close();
}

/** Without those of the phrases. */
function textsOf(ring: StepsRing, mark: CallMark): string[] {
  return [...ring.of(mark)].flat().flatMap(({ texts }) => texts.slice(PHRASE_TEXTS));
}

test('what is put in comes out, for its own Call-ID alone', () => {
  const ring = new StepsRing();
  const mark = new CallMark(7, 8);
  ring.open(mark, 3.5, 1, 2, -4, 'location.lookup', 'none');
  ring.text('überall sip:bob@example.com');
  ring.text('');
  ring.close();
  put(ring, new CallMark(7, 9), 'another call');

  assert.deepEqual([...ring.of(mark)].flat(), [
    {
      kind: 1,
      code: 2,
      atMs: 3.5,
      number: -4,
      texts: ['location.lookup', 'none', '', 'überall sip:bob@example.com', ''],
    },
  ]);
});

test('steps of several calls and moments, in turn and one after the other, keep theirs', () => {
  const ring = new StepsRing();
  const marks = [new CallMark(1, 0), new CallMark(2, 0)];
  const [one, two] = marks as [CallMark, CallMark];
  const moments = [
    [one, 1],
    [one, 1],
    [one, 2],
    [two, 2],
    [one, 2],
    [new CallMark(1, 0), 2],
  ] as const;
  for (const [place, [mark, atMs]] of moments.entries()) {
    ring.open(mark, atMs, 0, 0, place, 'x'.repeat(place));
    ring.text('y'.repeat(place));
    ring.close();
  }

  const told = marks.map((mark) => [...ring.of(mark)].flat().map(({ atMs, number }) => [atMs, number]));
  assert.deepEqual(told, [
    [
      [1, 0],
      [1, 1],
      [2, 2],
      [2, 4],
      [2, 5],
    ],
    [[2, 3]],
  ]);
  assert.deepEqual(textsOf(ring, one), ['', 'y', 'yy', 'yyyy', 'yyyyy']);
});

for (const [character, bytes] of [
  ['a', 1],
  ['€', 3],
] as const) {
  const most = Math.floor((STEP_TEXTS_BYTES_MAX - 1) / bytes);
  for (const length of [most, most + 1]) {
    test(`of a text of ${length} times ${character} ${most} are kept, and nothing behind it`, () => {
      const ring = new StepsRing();

      put(ring, ONE, character.repeat(length), 'what follows', 'and more');

      assert.equal(textsOf(ring, ONE)[0], character.repeat(most));
      assert.ok(textsOf(ring, ONE).join('').length <= STEP_TEXTS_BYTES_MAX);
      put(ring, TWO, 'the next record');
      assert.deepEqual(textsOf(ring, TWO), ['the next record']);
    });
  }
}

test('a zero byte within a text ends it not', () => {
  const ring = new StepsRing();

  put(ring, ONE, 'a\0b', 'ü\0b', '');

  assert.deepEqual(textsOf(ring, ONE), ['a b', 'ü b', '']);
});

/** A record of one text: a URI between two other pieces. */
function putUri(ring: StepsRing, uri: Uri, before = '<'): void {
  ring.open(ONE, 3.5, 1, 2, -4);
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
      textsOf(ring, ONE),
      [plain, plain, 'sip:a@b', plain, plain].map((told) => `<${told}>`),
    );
    assert.equal(printPlainUri(uri), plain);
  });
}

test('a URI that comes again and again takes as much of the room as if it stood there', () => {
  const ring = new StepsRing();
  const uri = parseUri('sip:0123456789@example.com');
  const plain = printPlainUri(uri);

  ring.open(ONE, 3.5, 1, 2, -4);
  for (let i = 0; i < STEP_TEXTS_BYTES_MAX; i++) ring.addUri(uri);
  ring.endText();
  ring.close();
  putUri(ring, uri);

  const all = plain.repeat(STEP_TEXTS_BYTES_MAX).slice(0, STEP_TEXTS_BYTES_MAX - 1);
  assert.deepEqual(textsOf(ring, ONE), [all, `<${plain}>`]);
});

for (const length of [STEP_TEXTS_BYTES_MAX - 8, STEP_TEXTS_BYTES_MAX]) {
  test(`a URI that is cut behind ${length} other bytes is whole in the next record`, () => {
    const ring = new StepsRing();
    const uri = parseUri('sip:bob@example.com');

    putUri(ring, uri, 'a'.repeat(length));
    putUri(ring, uri);

    assert.equal(textsOf(ring, ONE)[1], '<sip:bob@example.com>');
  });
}

test('of a record that is never closed nothing is told, nor by the next ones', () => {
  const ring = new StepsRing();
  const uri = parseUri('sip:bob@example.com');

  ring.open(ONE, 3.5, 1, 2, -4);
  ring.addUri(uri);
  put(ring, ONE, 'x'.repeat(100));
  putUri(ring, uri);

  assert.deepEqual(textsOf(ring, ONE), ['x'.repeat(100), '<sip:bob@example.com>']);
});

test('one URI through all pages, and once more through all of them', () => {
  const ring = new StepsRing(PAGES * PAGE_BYTES);
  const uri = parseUri('sip:bob@example.com');

  for (let i = 0; i < 2 * PAGES * (PAGE_BYTES / 32); i++) putUri(ring, uri);

  const told = textsOf(ring, ONE);
  assert.ok(told.length > 10_000);
  assert.ok(told.every((text) => text === '<sip:bob@example.com>'));
});

test('phrases that have no number are kept as texts', () => {
  const ring = new StepsRing();
  const room = PHRASE_CHARACTERS_MAX - '1 2 \n\n'.length;
  const words = [room, room + 1].map((length) => 'A'.repeat(length));
  for (let i = 0; i < PHRASES_MAX; i++) words.push(`word ${i}`);
  for (const word of words) {
    ring.open(ONE, 3.5, 1, 2, -4, word);
    ring.text('and a text');
    ring.close();
  }

  const told = [...ring.of(ONE)].flat();
  assert.deepEqual(
    told.map(({ texts }) => texts),
    words.map((word) => [word, '', '', 'and a text']),
  );
  assert.ok(told.every(({ kind, code, number }) => kind === 1 && code === 2 && number === -4));
});

test('of an endless method the beginning is kept, and all that was decided', () => {
  const ring = new StepsRing();

  ring.open(ONE, 3.5, 0, 0, 1, 'M'.repeat(2_500), 'reply 404', 'route.ts:12');
  ring.text('about');
  ring.close();

  const [told] = [...ring.of(ONE)].flat();
  const method = 'M'.repeat(PHRASE_CHARACTERS_MAX);
  assert.deepEqual(told?.texts, [method, 'reply 404', 'route.ts:12', 'about']);
});

test('its memory grows up to the limit and no further; then the oldest goes first', () => {
  const ring = new StepsRing(PAGES * PAGE_BYTES);
  assert.equal(ring.bytes, 0);
  let last = 0;
  while (ring.bytes < PAGES * PAGE_BYTES) put(ring, ONE, String(++last).padEnd(500));

  const before = textsOf(ring, ONE);
  assert.deepEqual([before[0]?.trim(), before.length], ['1', last]);
  for (let i = 0; i < 10_000; i++) put(ring, ONE, String(++last).padEnd(500));

  const after = textsOf(ring, ONE).map(Number);
  assert.equal(ring.bytes, PAGES * PAGE_BYTES);
  assert.deepEqual(
    after,
    after.map((_, i) => last - after.length + 1 + i),
  );
});
