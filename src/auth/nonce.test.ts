import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { NONCE_COUNT_MAX, NONCE_LIFETIME_MS, Nonces, NONCES_REMEMBERED, sameText } from './nonce.ts';
import type { NonceState } from './nonce.ts';

function start(seed = 1, clock = new SimClock(), secret = 'a secret'): { clock: SimClock; nonces: Nonces } {
  return { clock, nonces: new Nonces({ clock, random: new SimRandom(seed), secret }) };
}

const ages: [number, NonceState][] = [
  [0, 'fresh'],
  [NONCE_LIFETIME_MS, 'fresh'],
  [NONCE_LIFETIME_MS + 1, 'stale'],
];

for (const [ageMs, expected] of ages) {
  test(`a nonce of ${ageMs} ms is ${expected}`, async () => {
    const { clock, nonces } = start();
    const nonce = nonces.make();
    await clock.run(ageMs);

    assert.equal(nonces.judge(nonce), expected);
    assert.equal(nonces.use(nonce, 1), expected);
  });
}

test('a jump of the wall clock changes nothing', () => {
  const { clock, nonces } = start();
  const nonce = nonces.make();

  for (const jump of [3_600_000, -7_200_000]) {
    clock.jumpWall(jump);
    assert.equal(nonces.judge(nonce), 'fresh');
  }
});

test('no two nonces are equal', () => {
  const { nonces } = start();
  const made = Array.from({ length: 1_000 }, () => nonces.make());

  assert.equal(new Set(made).size, 1_000);
});

test('a nonce with any one character changed, cut or added is forged', () => {
  const { nonces } = start();
  const nonce = nonces.make();

  for (let at = 0; at < nonce.length; at++) {
    const other = nonce[at] === '0' ? '1' : '0';
    assert.equal(nonces.judge(nonce.slice(0, at) + other + nonce.slice(at + 1)), 'forged');
  }
  assert.equal(nonces.judge(nonce.slice(1)), 'forged');
  assert.equal(nonces.judge(`${nonce}0`), 'forged');
});

test('any other text is forged', () => {
  const { nonces } = start();

  fc.assert(fc.property(fc.string({ maxLength: 80 }), (text) => nonces.judge(text) === 'forged'));
});

test('a nonce of an earlier run with the same secret is stale, with another secret forged', () => {
  const clock = new SimClock();
  const nonce = start(1, clock).nonces.make();

  assert.equal(start(2, clock).nonces.judge(nonce), 'stale');
  assert.equal(start(2, clock, 'another').nonces.judge(nonce), 'forged');
});

//  counts used                      the last one is
const counts: [string, number[], NonceState][] = [
  ['the first', [1], 'fresh'],
  ['in order', [1, 2, 3], 'fresh'],
  ['the same again', [1, 1], 'replayed'],
  ['an old one again', [1, 2, 3, 2], 'replayed'],
  ['overtaken', [1, 3, 2], 'fresh'],
  ['overtaken, then again', [1, 3, 2, 2], 'replayed'],
  ['31 behind', [32, 1], 'fresh'],
  ['32 behind', [33, 1], 'replayed'],
  ['31 behind and used', [1, 32, 1], 'replayed'],
  ['after a leap', [1, 1_000, 1_000], 'replayed'],
  ['after a leap of 32', [1, 33, 32], 'fresh'],
  ['none', [0], 'replayed'],
  ['the highest', [NONCE_COUNT_MAX], 'fresh'],
  ['beyond the highest', [NONCE_COUNT_MAX + 1], 'replayed'],
  ['just below the highest', [NONCE_COUNT_MAX, NONCE_COUNT_MAX - 31], 'fresh'],
];

for (const [what, used, expected] of counts) {
  test(`nonce counts ${used.join(', ')} (${what}): ${expected}`, () => {
    const { nonces } = start();
    const nonce = nonces.make();

    assert.equal(used.map((count) => nonces.use(nonce, count)).at(-1), expected);
  });
}

test('no count of a nonce is taken twice, in whatever order they come', () => {
  const { nonces } = start();

  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 60 }), (used) => {
      const nonce = nonces.make();
      const taken = used.filter((count) => nonces.use(nonce, count) === 'fresh');
      assert.equal(new Set(taken).size, taken.length);
    }),
  );
});

test('challenges that nobody answers push no nonce out; a later nonce in the same place does', () => {
  const { nonces } = start();
  const first = nonces.make();
  assert.equal(nonces.use(first, 1), 'fresh');
  let last = '';
  for (let i = 0; i < NONCES_REMEMBERED; i++) last = nonces.make();

  assert.equal(nonces.use(first, 2), 'fresh');
  assert.equal(nonces.use(last, 1), 'fresh');
  assert.equal(nonces.use(first, 3), 'stale');
});

test('texts are equal only when every character is', () => {
  assert.deepEqual(
    [sameText('', ''), sameText('ab', 'ab'), sameText('ab', 'ac'), sameText('ab', 'abc')],
    [true, true, false, false],
  );
});
