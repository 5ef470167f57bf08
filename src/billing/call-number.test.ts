import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CallNumbers,
  callNumbersIn,
  CALLS_A_MS,
  NODES_MAX,
  NUMBERS_BEGIN,
  printCallNumber,
  TIMED_MIN,
} from './call-number.ts';

const NOW = Date.UTC(2026, 10, 21);

test('two nodes at the same instant give different numbers, and restarts none twice', () => {
  const seen = new Set<number>();
  for (const node of [0, 1, NODES_MAX - 1]) {
    for (const startedAfterMs of [0, 1, 2]) {
      const numbers = new CallNumbers(node);
      for (let call = 0; call < CALLS_A_MS; call++) seen.add(numbers.next(NOW + startedAfterMs));
    }
  }

  assert.equal(seen.size, 3 * 3 * CALLS_A_MS);
});

test('a later call has a larger number, whichever node it came to', () => {
  const nodes = [new CallNumbers(3), new CallNumbers(500), new CallNumbers(0)];

  const given = nodes.map((node, laterMs) => node.next(NOW + laterMs));

  assert.deepEqual(
    given,
    given.toSorted((a, b) => a - b),
  );
});

//    what                                          the clock of the second call
const odd: [string, number][] = [
  ['was set back', NOW - 86_400_000],
  ['begins anew in 1970', 0],
  ['stands still', NOW],
  ['is beyond all numbers', 2 ** 45],
];

for (const [what, wall] of odd) {
  test(`numbers still grow, and by one call each, when the clock ${what}`, () => {
    const numbers = new CallNumbers(7);

    const given = [numbers.next(NOW), numbers.next(wall), numbers.next(wall)];

    assert.deepEqual(
      given.map((number) => (number - (given[0] ?? 0)) / NODES_MAX),
      [0, 1, 2],
    );
    assert.ok(given.every((number) => Number.isSafeInteger(number) && number % NODES_MAX === 7));
  });
}

test('the node has a number below NODES_MAX', () => {
  assert.throws(() => new CallNumbers(NODES_MAX), /NODES_MAX/);
  assert.equal(new CallNumbers(NODES_MAX - 1).next(NOW) % NODES_MAX, NODES_MAX - 1);
});

test('after a restart with a clock that was set back, numbers go on from those of the database', () => {
  const before = new CallNumbers(7).next(NOW);
  const numbers = new CallNumbers(7);
  numbers.goBeyond(before, 1_000);

  assert.equal(numbers.next(NOW - 60_000), before + NODES_MAX);
});

test('without a node they are counted', () => {
  const numbers = new CallNumbers(undefined);

  assert.deepEqual([numbers.next(NOW), numbers.next(NOW)], [1, 2]);
  numbers.goBeyond(10, 5);
  assert.equal(numbers.next(NOW), 16);
});

//    text                                       what it may mean
const texts: [string, readonly number[]][] = [
  ['7', [7]],
  ['123456789012345', [123_456_789_012_345]],
  [printCallNumber(new CallNumbers(511).next(NOW)), [new CallNumbers(511).next(NOW)]],
  [printCallNumber(new CallNumbers(511).next(NOW)).toUpperCase(), [new CallNumbers(511).next(NOW)]],
  [String(new CallNumbers(511).next(NOW)), [new CallNumbers(511).next(NOW)]],
  ['1234567890', [1_234_567_890, Number.parseInt('1234567890', 36)]],
  ['a84b4c7', []],
  ['a84b4c76e66710', []],
  ['zzzzzzzzzzz', []],
  ['a84b4c76e6@example.com', []],
  ['', []],
];

for (const [text, meant] of texts) {
  const said = meant.length === 0 ? 'is no number of a call' : `means ${meant.join(' or ')}`;
  test(`${JSON.stringify(text)} ${said}`, () => {
    assert.deepEqual(callNumbersIn(text), meant);
  });
}

test('small numbers are written as they are, those of the clock in ten characters', () => {
  const shown = [1, TIMED_MIN - 1, new CallNumbers(0).next(NOW), new CallNumbers(511).next(NOW)].map(
    printCallNumber,
  );

  assert.deepEqual(shown.slice(0, 2), ['1', String(TIMED_MIN - 1)]);
  assert.deepEqual(
    shown.slice(2).map(({ length }) => length),
    [10, 10],
  );
  assert.ok(NUMBERS_BEGIN < NOW);
});
