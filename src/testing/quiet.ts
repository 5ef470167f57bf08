/** What must hold when everybody has hung up: nothing of any call is left in the exchange. */
import { strict as assert } from 'node:assert';
import type { Town } from './town.ts';

/** Longer than any transaction lives that nobody uses any more: timers D, F, H, J, L and M are 32 s. */
const QUIET_MS = 40_000;

/** Fails when a request still waits for its answer, or when a transaction or a text outlives the quiet. */
export async function assertQuiet(town: Town): Promise<void> {
  const { layer } = town.exchange;
  assert.equal(layer.hasPending, false, 'no request of ours waits for its answer');
  await town.run(QUIET_MS);
  assert.deepEqual([layer.serverCount, layer.clientCount], [0, 0], 'no transaction is left');
  assert.equal(layer.slab.bytesUsed, 0, 'no text is left in the slab');
}
