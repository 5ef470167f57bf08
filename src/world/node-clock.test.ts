import assert from 'node:assert/strict';
import { test } from 'node:test';
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
