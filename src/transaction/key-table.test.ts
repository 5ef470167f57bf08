import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyTable } from './key-table.ts';

test('a key finds its slot until it is removed', () => {
  const keys = new KeyTable(7);
  for (let slot = 0; slot < 5000; slot++) keys.add(`INVITE z9hG4bK${slot} 192.0.2.1:5060`, slot);

  for (let slot = 0; slot < 5000; slot += 2) keys.remove(slot);

  for (let slot = 0; slot < 5000; slot++) {
    assert.equal(keys.find(`INVITE z9hG4bK${slot} 192.0.2.1:5060`), slot % 2 === 0 ? -1 : slot);
  }
});

test('keys in one chain are told apart by their bytes, not by their hash', () => {
  const keys = new KeyTable(1);
  // With 2^17 chains, three hundred thousand keys share many of them.
  for (let slot = 0; slot < 300_000; slot++) keys.add(`k${slot}`, slot);

  for (let slot = 0; slot < 300_000; slot += 997) assert.equal(keys.find(`k${slot}`), slot);
  assert.equal(keys.find('k300000'), -1);
});
