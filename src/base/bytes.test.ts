import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BYTES_AHEAD, bytesOf } from './bytes.ts';

// [what it is, text, bytes]
const texts: readonly (readonly [string, string, readonly number[]])[] = [
  ['ASCII', 'a\r\n\0', [97, 13, 10, 0]],
  ['latin1', 'J\xfcrgen', [74, 0xfc, 114, 103, 101, 110]],
  // Cut to eight bits these would be an A and a line feed.
  ['beyond latin1', '\u0141\u010a\xfc', [255, 255, 0xfc]],
  ['nothing', '', []],
];

for (const [what, text, bytes] of texts) {
  test(`bytes of a text: ${what}`, () => {
    bytesOf('another text, of which nothing is left');

    assert.deepEqual([...bytesOf(text).subarray(0, text.length + 4)], [...bytes, 0, 0, 0, 0]);
  });
}

/** About what fits in without more room. */
const ROOM = Math.floor(BYTES_AHEAD / 3);

for (const length of [ROOM - 1, ROOM, ROOM + 1]) {
  test(`bytes of a text: ${length} characters`, () => {
    const bytes = bytesOf(`${'\xfc'.repeat(length - 1)}z`);

    assert.deepEqual([bytes[0], bytes[length - 1], bytes[length]], [0xfc, 122, 0]);
  });
}
