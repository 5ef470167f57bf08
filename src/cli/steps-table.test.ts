import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowOf } from './steps-table.ts';

//    how a branch ended, what is shown of it
const ENDS: readonly [status: number, timedOut: boolean, string][] = [
  [200, false, '● 200'],
  [486, false, '✕ 486'],
  [408, true, '✕ nobody answered'],
  [0, false, '✕ passed over: full or out'],
];

for (const [status, timedOut, shown] of ENDS) {
  test(`a branch that ended with ${status}: ${shown}`, () => {
    const times = { at: '2026-11-21T00:00:00.000Z', afterMs: 0 };

    const row = rowOf({ ...times, kind: 'branch', target: 'sip:1@192.0.2.21', status, timedOut });

    assert.deepEqual([row.step, row.result], ['  branch sip:1@192.0.2.21', shown]);
  });
}
