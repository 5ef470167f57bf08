import assert from 'node:assert/strict';
import { test } from 'node:test';
import { offHeap } from './off-heap.ts';

const BYTES = 64 << 20;

test('memory off the heap is none that the collector counts', () => {
  const { external: before } = process.memoryUsage();

  const bytes = offHeap(BYTES);

  const { external } = process.memoryUsage();
  assert.equal(bytes.length, BYTES);
  assert.ok(external - before < BYTES / 64);
});

test('it holds texts as other buffers do', () => {
  const bytes = offHeap(64);

  bytes.latin1Write('Grüße', 8, 16);
  bytes.utf8Write('ß', 20, 4);

  assert.equal(bytes.latin1Slice(8, 13), 'Grüße');
  assert.equal(bytes.toString('utf8', 20, 22), 'ß');
  assert.equal(bytes[0], 0);
});
