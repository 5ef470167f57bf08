import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Framer } from './frame.ts';

const START = 'OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n';
const TWO = [`${START}Content-Length: 0\r\n\r\n`, `${START}l :\r\n 4\r\n\r\nbody`] as const;

function framed(pieces: readonly string[]): { framer: Framer; messages: string[] } {
  const framer = new Framer();
  const messages: string[] = [];
  for (const piece of pieces) {
    framer.push(piece);
    for (let next = framer.next(); next !== undefined; next = framer.next()) messages.push(next);
  }
  return { framer, messages };
}

for (const size of [1, 2, 3, 7, 50, 1_000]) {
  test(`two messages in pieces of ${size}`, () => {
    const stream = `\r\n\r\n${TWO[0]}\r\n${TWO[1]}`;
    const pieces = Array.from({ length: Math.ceil(stream.length / size) }, (_, i) =>
      stream.substr(i * size, size),
    );

    const { framer, messages } = framed(pieces);

    assert.deepEqual(messages, TWO);
    assert.equal(framer.keepAlives, 1);
    assert.equal(framer.waiting, false);
    assert.equal(framer.broken, undefined);
  });
}

test('half a message waits', () => {
  const { framer, messages } = framed([TWO[1].slice(0, -1)]);

  assert.deepEqual(messages, []);
  assert.equal(framer.waiting, true);
});

const broken: readonly (readonly [what: string, fields: string, status: number])[] = [
  ['no Content-Length', '', 400],
  ['two of them', 'Content-Length: 4\r\nl: 4\r\n', 400],
  ['a negative one', 'Content-Length: -999\r\n', 400],
  ['one that is no number', 'Content-Length: 1e9\r\n', 400],
  ['one above what a message may have', 'Content-Length: 65535\r\n', 413],
  ['a line that never ends', `Content-Length: 0\r\nContact: ${'<sip:a@b>, '.repeat(10_000)}`, 513],
  ['more lines than a head may have', `Content-Length: 0\r\n${'X: y\r\n'.repeat(300)}`, 400],
];

for (const [what, fields, status] of broken) {
  test(`a stream with ${what} is broken: ${status}`, () => {
    const { framer, messages } = framed([`${START}${fields}\r\n`]);

    assert.deepEqual(messages, []);
    assert.equal(framer.broken?.status, status);
    assert.match(framer.broken?.head ?? '', /^OPTIONS/);
  });
}

test('a head without end is broken at its limit, and what follows is not kept', () => {
  const { framer } = framed(Array.from({ length: 70 }, () => 'x'.repeat(1_000)));

  assert.equal(framer.broken?.status, 513);
  assert.equal(framer.waiting, false);
});
