import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simWorld } from '../testing/sim-world.ts';
import { WarmUp } from './warm-up.ts';

test('the practice goes through whole calls, sends nothing, and leaves no timer behind', async () => {
  const world = simWorld(1);
  const warmUp = new WarmUp(world, 40);
  const done = warmUp.run();

  await world.run(20);
  const { callsPlayed, messagesPlayed, proofsTaken } = warmUp;
  warmUp.stop();
  await world.until(done);
  await world.run(120_000);

  assert.ok(callsPlayed > 0, 'calls were answered and hung up');
  assert.ok(messagesPlayed > 0, 'messages were answered');
  assert.ok(proofsTaken > 0, 'callers were asked for their password, and gave it');
  assert.deepEqual(world.trace, []);
});
