import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_TEXT, Slab } from './slab.ts';

const everyByte = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('');

for (const length of [0, 1, 63, 64, 65, 255, 1024, 1500, 9000, 65_535, 65_536]) {
  test(`a text of ${length} bytes comes back unchanged`, () => {
    const slab = new Slab(1_000_000);
    const text = everyByte.repeat(Math.ceil(length / 256)).substring(0, length);

    const handle = slab.put(text);

    assert.notEqual(handle, NO_TEXT);
    assert.equal(slab.get(handle), text);
  });

  test(`so do ${length} bytes of a buffer, and are told from others`, () => {
    const slab = new Slab(1_000_000);
    const text = everyByte.repeat(Math.ceil(length / 256)).substring(0, length);
    const bytes = Buffer.from(`${text}x`, 'latin1');
    const other = Buffer.from(`${text.substring(0, length - 1)}~x`, 'latin1');

    const handle = slab.putBytes(bytes, length);

    assert.equal(slab.get(handle), text);
    assert.equal(slab.holds(handle, bytes, length), true);
    assert.equal(slab.holds(handle, bytes, length + 1), false);
    assert.equal(slab.holds(handle, other, length), length === 0);
  });
}

test('a text longer than the largest slot is refused', () => {
  assert.equal(new Slab(10_000_000).put('x'.repeat(65_537)), NO_TEXT);
  assert.equal(new Slab(10_000_000).putBytes(Buffer.alloc(65_537), 65_537), NO_TEXT);
});

test('the slab takes no more than its limit, and takes again what was freed', () => {
  const slab = new Slab(64 * 3);
  const handles = ['a', 'b', 'c'].map((text) => slab.put(text));

  assert.equal(slab.put('d'), NO_TEXT);

  slab.free(handles[1]!);
  assert.notEqual(slab.put('e'), NO_TEXT);
  assert.equal(slab.bytesUsed, 192);
});

test('a thousand texts live side by side, and the slot freed last is used first', () => {
  const slab = new Slab(10_000_000);
  const handles = Array.from({ length: 1000 }, (_, i) => slab.put(`text ${i}`));

  assert.deepEqual(
    handles.map((handle) => slab.get(handle)),
    Array.from({ length: 1000 }, (_, i) => `text ${i}`),
  );

  slab.free(handles[500]!);
  assert.equal(slab.put('again'), handles[500]);
});

test('freeing no text means nothing', () => {
  const slab = new Slab(1000);

  slab.free(NO_TEXT);

  assert.equal(slab.bytesUsed, 0);
});
