/** Several nodes on one database: whose calls a start takes up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../base/silent-logger.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { CALL_LIMITS, CallRecords, SWEEP_MS } from './call-records.ts';

const call = {
  callId: 'c',
  fromTag: 't',
  caller: 'a',
  callee: 'b',
  fromUri: 'sip:a@h',
  source: '192.0.2.7:1',
};

/** Longer than this no node keeps a call that nobody ended. */
const KEPT_MS = CALL_LIMITS.callMs + 2 * SWEEP_MS;

//    the calls of                       how long ago      how many node 1 takes up
const takenUp: [string, number | undefined, number, number][] = [
  ['its own', 1, 1_000, 1],
  ['another node', 2, 1_000, 0],
  ['another node, as old as they may be there', 2, KEPT_MS, 0],
  ['another node, older than that', 2, KEPT_MS + 1, 1],
  ['a release without nodes', undefined, 1_000, 1],
];

for (const [whose, node, agoMs, count] of takenUp) {
  test(`a start takes up ${count === 0 ? 'no' : 'the'} calls of ${whose}`, () => {
    const clock = new SimClock();
    const before = new CallRecords({ writer: new MemoryWriter(clock), clock, log: silentLogger, node });
    const began = clock.wall();
    const id = before.open(call);
    clock.jumpWall(agoMs);

    const writer = new MemoryWriter(clock);
    const records = new CallRecords({ writer, clock, log: silentLogger, node: 1 });
    const row = { id, state: 'open', started_at: began, setup_ms: null, status: null } as const;
    records.restore({ lastId: id, rows: [row] });

    assert.equal(records.count, count);
    assert.equal(
      writer.waiting,
      agoMs > CALL_LIMITS.callMs ? count : 0,
      'one that is too old is closed at once',
    );
    before.stop();
    records.stop();
  });
}
