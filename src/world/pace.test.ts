import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace } from './pace.ts';

/** Looks `looks` times, `everyMs` apart, and finds `packets` each time. */
function look(pace: Pace, from: number, looks: number, everyMs: number, packets: number): number {
  let now = from;
  for (let i = 0; i < looks; i++) pace.afterLook(packets, (now += everyMs));
  return now;
}

// oxfmt-ignore
const cases: [what: string, everyMs: number, packets: number, paced: boolean][] = [
  ['20,000 a second, one by one',   0.05, 1,  true],
  ['3,000 a second',                1,    3,  true],
  ['2,900 a second',                10,   29, false],
  ['500 a second',                  2,    1,  false],
  ['nothing',                       1,    0,  false],
];
for (const [what, everyMs, packets, paced] of cases) {
  test(`${what}: ${paced ? 'looks once a tick' : 'is woken'}`, () => {
    const pace = new Pace();

    look(pace, 1_000, 500, everyMs, packets);

    assert.equal(pace.paced, paced);
  });
}

test('four empty looks in a row end the pacing, three do not', () => {
  const pace = new Pace();
  const now = look(pace, 1_000, 30, 1, 100);

  look(pace, now, 3, 1, 0);
  const afterThree = pace.paced;
  look(pace, now + 3, 1, 1, 0);

  assert.equal(afterThree, true);
  assert.equal(pace.paced, false);
});

test('between two and three a tick the way of waiting stays as it is', () => {
  const woken = new Pace();
  const paced = new Pace();
  const now = look(paced, 1_000, 30, 1, 10);

  look(woken, now, 40, 2, 5);
  look(paced, now, 40, 2, 5);

  assert.equal(woken.paced, false);
  assert.equal(paced.paced, true);
});
