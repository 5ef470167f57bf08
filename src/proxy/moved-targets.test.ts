import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MOVED_MAX, MovedTargets } from './moved-targets.ts';
import { RouteSigner } from './route-signer.ts';

test('a side is where it moved to last, and nowhere else', () => {
  const moved = new MovedTargets(new RouteSigner('secret'));

  assert.equal(moved.holds('a call', 1), false);
  moved.note('a call', 1);
  moved.note('b call', 2);
  assert.deepEqual(
    [moved.holds('a call', 1), moved.holds('b call', 2), moved.holds('a call', 2)],
    [true, true, false],
  );
  moved.note('a call', 3);
  assert.deepEqual([moved.holds('a call', 1), moved.holds('a call', 3)], [false, true]);
});

test('a dialog that moves again and again takes one place', () => {
  const moved = new MovedTargets(new RouteSigner('secret'));
  moved.note('b call', 2);

  for (let i = 0; i < 100; i++) moved.note('a call', i);

  assert.equal(moved.holds('b call', 2), true);
});

test('the newest are remembered, the oldest given up: there is no end to dialogs, and one to the table', () => {
  const moved = new MovedTargets(new RouteSigner('secret'));

  for (let i = 0; i < MOVED_MAX; i++) moved.note(`a ${i}`, i);

  const remembered = (from: number, to: number): number => {
    let count = 0;
    for (let i = from; i < to; i++) if (moved.holds(`a ${i}`, i)) count++;
    return count;
  };
  assert.equal(remembered(MOVED_MAX - 100, MOVED_MAX), 100);
  assert.ok(remembered(0, 1000) < 900);
});
