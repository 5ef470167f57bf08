import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameProgress } from './websocket-frames.ts';

/** A frame of so many octets. */
function frame(first: number, length: number, masked = true): Uint8Array {
  const mask = masked ? 0x80 : 0;
  const head =
    length < 126
      ? [mask | length]
      : length < 65_536
        ? [mask | 126, length >>> 8, length & 255]
        : [mask | 127, 0, 0, 0, 0, 0, length >>> 16, (length >>> 8) & 255, length & 255];
  // Octets that would be mistaken for other frames, were the count lost.
  return Uint8Array.from([first, ...head, ...(masked ? [1, 2, 3, 4] : []), ...Array(length).fill(0x09)]);
}

const [TEXT, BINARY, PING, PONG] = [0x81, 0x82, 0x89, 0x8a];
const [FIRST, MIDDLE, LAST] = [0x01, 0x00, 0x80];

// oxfmt-ignore
const pieces: [what: string, bytes: Uint8Array][] = [
  ['nothing in it',           frame(TEXT, 0)],
  ['one octet',               frame(TEXT, 1)],
  ['125 octets',              frame(BINARY, 125)],
  ['126 octets',              frame(TEXT, 126)],
  ['65,535 octets',           frame(TEXT, 65_535)],
  ['65,536 octets',           frame(TEXT, 65_536)],
  ['no mask',                 frame(TEXT, 300, false)],
  ['nothing, and no mask',    frame(TEXT, 0, false)],
  ['a ping',                  frame(PING, 4)],
  ['an empty pong',           frame(PONG, 0)],
  ['three fragments',         Buffer.concat([frame(FIRST, 3), frame(MIDDLE, 200), frame(LAST, 0)])],
  ['a ping among fragments',  Buffer.concat([frame(FIRST, 3), frame(PING, 5), frame(PONG, 0), frame(LAST, 2)])],
];
for (const [what, bytes] of pieces) {
  test(`${what}: whole with the last octet, and not before, wherever it is cut`, () => {
    for (const cut of [1, 2, 3, 5, 9, bytes.length - 1]) {
      const frames = new FrameProgress();
      const early = bytes.subarray(0, Math.min(cut, bytes.length - 1));

      frames.push(early);
      assert.deepEqual([frames.waiting, frames.ended], [true, false]);
      frames.push(bytes.subarray(early.length));
      assert.deepEqual([frames.waiting, frames.ended], [false, true]);
    }
  });
}

test('octet for octet it is the same', () => {
  const frames = new FrameProgress();
  const ends: number[] = [];

  Buffer.concat(pieces.map(([, bytes]) => bytes)).forEach((octet, at) => {
    frames.push(Uint8Array.of(octet));
    if (frames.ended) ends.push(at + 1);
  });

  let sum = 0;
  assert.deepEqual(
    ends,
    pieces.map(([, { length }]) => (sum += length)),
  );
});

test('what follows a whole message in the same bytes has begun', () => {
  const frames = new FrameProgress();

  frames.push(Buffer.concat([frame(TEXT, 9), frame(FIRST, 9)]));
  assert.deepEqual([frames.ended, frames.waiting], [true, true]);
  frames.push(frame(PING, 0));
  assert.deepEqual([frames.ended, frames.waiting], [false, true]);
});
