import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STEP_TEXT_MAX, StepsRing } from './steps-ring.ts';

const PAGES = 3;
const PAGE_BYTES = 1 << 18;

function textsOf(ring: StepsRing, low: number): string[] {
  return [...ring.of(low, 0)].flat().map(({ text }) => text);
}

test('what is put in comes out, for its own Call-ID alone', () => {
  const ring = new StepsRing();
  ring.put(1, 2, 3.5, 7, 8, -4, 1, 'überall sip:bob@example.com');
  ring.put(1, 2, 3.5, 7, 9, -4, 1, 'another call');

  assert.deepEqual([...ring.of(7, 8)].flat(), [
    { kind: 1, code: 2, atMs: 3.5, number: -4, flag: 1, text: 'überall sip:bob@example.com' },
  ]);
});

for (const [length, kept] of [
  [STEP_TEXT_MAX, STEP_TEXT_MAX],
  [STEP_TEXT_MAX + 1, STEP_TEXT_MAX],
] as const) {
  test(`of a text of ${length} characters ${kept} are kept`, () => {
    const ring = new StepsRing();

    ring.put(0, 0, 0, 1, 0, 0, 0, '€'.repeat(length));

    assert.deepEqual(textsOf(ring, 1), ['€'.repeat(kept)]);
  });
}

test('its memory grows up to the limit and no further; then the oldest goes first', () => {
  const ring = new StepsRing(PAGES * PAGE_BYTES);
  assert.equal(ring.bytes, 0);
  let last = 0;
  while (ring.bytes < PAGES * PAGE_BYTES) ring.put(0, 0, 0, 1, 0, 0, 0, String(++last).padEnd(500));

  const before = textsOf(ring, 1);
  assert.deepEqual([before[0]?.trim(), before.length], ['1', last]);
  for (let i = 0; i < 10_000; i++) ring.put(0, 0, 0, 1, 0, 0, 0, String(++last).padEnd(500));

  const after = textsOf(ring, 1).map(Number);
  assert.equal(ring.bytes, PAGES * PAGE_BYTES);
  assert.deepEqual(
    after,
    after.map((_, i) => last - after.length + 1 + i),
  );
});
