import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MOVED_MAX, MovedTargets } from './moved-targets.ts';
import { RouteSigner } from './route-signer.ts';

test('a side is where it moved to last, and nowhere else', () => {
  const moved = new MovedTargets(new RouteSigner('secret'));

  assert.equal(moved.flowAt('a call', 1), undefined);
  moved.note('a call', 1);
  moved.note('b call', 2);
  assert.deepEqual(
    [moved.flowAt('a call', 1), moved.flowAt('b call', 2), moved.flowAt('a call', 2)],
    ['', '', undefined],
  );
  moved.note('a call', 3);
  assert.deepEqual([moved.flowAt('a call', 1), moved.flowAt('a call', 3)], [undefined, '']);
});

test('a side is reached by the flow that it moved to last, and by none once it needs none', () => {
  const moved = new MovedTargets(new RouteSigner('secret'));
  moved.note('a call', 1);
  assert.equal(moved.hasFlows, false);

  moved.note('a call', 1, 'token');
  moved.note('b call', 2);
  assert.deepEqual(
    [moved.hasFlows, moved.flowAt('a call', 1), moved.flowAt('b call', 2)],
    [true, 'token', ''],
  );
  moved.note('a call', 1, 'another');
  assert.equal(moved.flowAt('a call', 1), 'another');
  moved.note('a call', 1);
  assert.equal(moved.flowAt('a call', 1), '');
});

test('a dialog that moves again and again takes one place', () => {
  const moved = new MovedTargets(new RouteSigner('secret'));
  moved.note('b call', 2);

  for (let i = 0; i < 100; i++) moved.note('a call', i);

  assert.equal(moved.flowAt('b call', 2), '');
});

test('the newest are remembered, the oldest given up: there is no end to dialogs, and one to the table', () => {
  const moved = new MovedTargets(new RouteSigner('secret'));

  for (let i = 0; i < MOVED_MAX; i++) moved.note(`a ${i}`, i);

  const remembered = (from: number, to: number): number => {
    let count = 0;
    for (let i = from; i < to; i++) if (moved.flowAt(`a ${i}`, i) !== undefined) count++;
    return count;
  };
  assert.equal(remembered(MOVED_MAX - 100, MOVED_MAX), 100);
  assert.ok(remembered(0, 1000) < 900);
});
