import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from './limits.ts';
import { NodeClock } from './node-clock.ts';
import { Soon } from './soon.ts';

/** Waits until Node's own clock says something else. */
function pass(): void {
  const now = performance.now();
  while (performance.now() === now);
}

test('the clock stands still until it goes on, and never goes back', () => {
  const clock = new NodeClock(new Soon());
  const before = clock.now();
  pass();

  clock.standStill();
  const still = clock.now();
  pass();
  const later = clock.now();
  clock.goOn();
  const after = clock.now();

  assert.equal(later, still);
  assert.ok(before < still && still < after);
});

/** The Session-Expires of RFC 4028 goes up to 2^32 - 1 seconds. */
const SESSION_MS = (2 ** 32 - 1) * 1_000;

for (const delay of [
  1,
  limits.timeoutMs - limits.timerGrainMs,
  limits.timeoutMs - limits.timerGrainMs + 1,
  limits.timeoutMs + 1,
  2 * limits.timeoutMs,
  SESSION_MS,
]) {
  test(`a timer of ${delay} ms fires once, not before, and not when it is cancelled meanwhile`, (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const clock = new NodeClock(new Soon());
    let fired = 0;
    clock.after(delay, () => fired++);
    const late = clock.after(delay, () => assert.fail('it was cancelled'));
    const wait = (ms: number): void => {
      for (let left = ms; left > 0; left -= limits.timeoutMs) {
        t.mock.timers.tick(Math.min(left, limits.timeoutMs));
      }
    };

    wait(delay - 1);
    assert.equal(fired, 0);
    late.cancel();
    for (let ms = 0; ms <= limits.timerGrainMs; ms++) wait(1);
    assert.equal(fired, 1);
    wait(2 * limits.timeoutMs);
    assert.equal(fired, 1);
  });
}

test('no wait is longer than Node can count, however long the timer', (t) => {
  const waits: (number | undefined)[] = [];
  const fires: (() => void)[] = [];
  t.mock.method(globalThis, 'setTimeout', (fire: () => void, ms?: number) => {
    waits.push(ms);
    fires.push(fire);
  });

  new NodeClock(new Soon()).after(SESSION_MS, () => waits.push(0));
  for (let fire = fires.shift(); fire !== undefined; fire = fires.shift()) fire();

  assert.equal(Math.max(...waits.map(Number)), limits.timeoutMs);
  assert.equal(
    waits.reduce<number>((sum, ms) => sum + Number(ms), 0),
    SESSION_MS + limits.timerGrainMs,
  );
  assert.equal(waits.at(-1), 0);
});
