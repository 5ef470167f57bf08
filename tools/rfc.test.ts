import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { RFC_TABLE, rfcTable } from './rfc.ts';

test('docs/rfc.md is current (else: node tools/rfc.ts)', () => {
  assert.equal(readFileSync(RFC_TABLE, 'utf8'), rfcTable());
});

test('sections belong to the RFC named before them', () => {
  const text = '// RFC 3261 §17.2.1, §9; RFC 3581.\n// RFC 3261 §9\n';

  const rows = rfcTable([{ path: 'src/sip/via.ts', text }])
    .split('\n')
    .slice(7, -1);

  assert.deepEqual(
    rows.map((row) => row.replace(/\(.*?\)/g, '')),
    [
      '| [3261] | §9 | [sip/via.ts] |',
      '| [3261] | §17.2.1 | [sip/via.ts] |',
      '| [3581] | – | [sip/via.ts] |',
    ],
  );
});
