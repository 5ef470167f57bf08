import assert from 'node:assert/strict';
import { test } from 'node:test';

/** Set by tools/test.ts, which runs the checks before the tests and prints what they found. */
const failed = process.env['TANDEM_CHECKS_FAILED'];

for (const check of ['types', 'lint', 'format', 'tidy']) {
  test(`the check ${check} passes`, { skip: failed === undefined && 'run by npm test' }, () => {
    assert.ok(!(failed ?? '').split(',').includes(check), `see ✖ ${check} above`);
  });
}
