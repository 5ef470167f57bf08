import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TransactionKey } from './key.ts';
import { KEY_LENGTH_MAX, KeyTable } from './key-table.ts';

function key(text: string): TransactionKey {
  return { method: 'INVITE', text, from: 0, to: text.length, hostFrom: 0, hostTo: 0 };
}

test('a key finds its slot until it is removed', () => {
  const keys = new KeyTable(7);
  for (let slot = 0; slot < 5000; slot++) keys.add(key(`z9hG4bK${slot}`), slot);

  for (let slot = 0; slot < 5000; slot += 2) keys.remove(slot);

  for (let slot = 0; slot < 5000; slot++) {
    assert.equal(keys.find(key(`z9hG4bK${slot}`)), slot % 2 === 0 ? -1 : slot);
  }
});

test('keys in one chain are told apart by their bytes, not by their hash', () => {
  const keys = new KeyTable(1);
  // With 2^17 chains, three hundred thousand keys share many of them.
  for (let slot = 0; slot < 300_000; slot++) keys.add(key(`k${slot}`), slot);

  for (let slot = 0; slot < 300_000; slot += 997) assert.equal(keys.find(key(`k${slot}`)), slot);
  assert.equal(keys.find(key('k300000')), -1);
});

/** `INVITE `, the branch, and a space before the sent-by that is not there. */
const AROUND = 'INVITE  '.length;

for (const [what, length, bytes] of [
  ['as long as may be is kept as it is', KEY_LENGTH_MAX - AROUND, 256],
  ['longer by one is kept as its hash', KEY_LENGTH_MAX - AROUND + 1, 64],
  ['as long as a datagram costs no more', 65_000, 64],
] as const) {
  test(`a key ${what}, and is told from its neighbours`, () => {
    const keys = new KeyTable(7);
    const branch = 'x'.repeat(length - 1);
    keys.add(key(`${branch}a`), 5);

    assert.equal(keys.bytesUsed, bytes);
    assert.deepEqual(
      ['a', 'b', 'a '].map((end) => keys.find(key(branch + end))),
      [5, -1, -1],
    );
    keys.remove(5);
    assert.deepEqual([keys.find(key(`${branch}a`)), keys.bytesUsed], [-1, 0]);
  });
}
