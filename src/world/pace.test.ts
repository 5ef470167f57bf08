import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from './limits.ts';
import { Pace } from './pace.ts';

const { paceBusyTickMs } = limits;

/** Looks `looks` times, `everyMs` apart, and finds `packets` each time. */
function look(pace: Pace, from: number, looks: number, everyMs: number, packets: number): number {
  let now = from;
  for (let i = 0; i < looks; i++) pace.afterLook(packets, (now += everyMs));
  return now;
}

// oxfmt-ignore
const cases: [what: string, everyMs: number, packets: number, tickMs: number][] = [
  ['20,000 a second, one by one',   0.05, 1,   paceBusyTickMs],
  ['20,000 a second',               1,    20,  paceBusyTickMs],
  ['19,900 a second',               10,   199, 2],
  ['1,000 a second',                1,    1,   2],
  ['900 a second',                  10,   9,   0],
  ['nothing',                       1,    0,   0],
];
for (const [what, everyMs, packets, tickMs] of cases) {
  test(`${what}: ${tickMs > 0 ? `looks every ${tickMs} ms` : 'is woken'}`, () => {
    const pace = new Pace();

    look(pace, 1_000, 500, everyMs, packets);

    assert.equal(pace.tickMs, tickMs);
  });
}

test('five empty looks in a row end the pacing, four do not', () => {
  const pace = new Pace();
  const now = look(pace, 1_000, 30, 1, 100);

  look(pace, now, 4, 1, 0);
  const afterFour = pace.tickMs;
  look(pace, now + 4, 1, 1, 0);

  assert.deepEqual([afterFour, pace.tickMs], [paceBusyTickMs, 0]);
});

for (const [what, packets, earlier] of [
  ['less than one a millisecond, but more than a half', 3, [0, 2]],
  ['less than twenty a millisecond, but more than fourteen', 64, [2, paceBusyTickMs]],
] as const) {
  test(`${what}: the way of waiting stays as it was`, () => {
    const [slow, fast] = earlier.map((tickMs) => {
      const pace = new Pace();
      const now = tickMs === 0 ? 1_000 : look(pace, 1_000, 30, 1, tickMs === paceBusyTickMs ? 40 : 5);
      assert.equal(pace.tickMs, tickMs);
      look(pace, now, 40, 4, packets);
      return pace.tickMs;
    });

    assert.deepEqual([slow, fast], earlier);
  });
}
