import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nineDigits } from './digits.ts';

for (const value of [
  0, 7, 42, 999, 1_000, 10_009, 999_999, 1_000_000, 123_456_789, 900_000_001, 999_999_999,
]) {
  test(`${value} has nine digits`, () => assert.equal(nineDigits(value), String(value).padStart(9, '0')));
}
