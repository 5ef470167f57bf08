import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { errorCodes } from '../src/base/errors.ts';
import { ROOT } from './source-files.ts';

const documented = readFileSync(join(ROOT, 'docs', 'errors.md'), 'utf8');

test('docs/errors.md explains every code, and no other', () => {
  const named = [...documented.matchAll(/^### (\w+)$/gm)].map((match) => match[1] ?? '');

  assert.deepEqual(named.toSorted(), Object.keys(errorCodes).toSorted());
});

for (const [code, row] of Object.entries(errorCodes)) {
  test(`${code} has the same status in the code and in its document`, () => {
    const text = new RegExp(`^### ${code}\n(.*)`, 'm').exec(documented)?.[1] ?? '';

    const status = 'sip' in row ? `SIP ${row.sip}.` : `Exit ${row.exit}.`;
    assert.ok(text.startsWith(status), `${status} expected: ${text}`);
  });
}
