/** What the operator hears of records that the disk did not take. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../base/silent-logger.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { CallRecords, type NewCall, REPAIR_MS } from './call-records.ts';

const call: NewCall = {
  callId: 'a84b4c76e66710',
  fromTag: '1928301774',
  caller: 'alice@example.com',
  callee: '+4930200',
  fromUri: 'sip:alice@example.com',
  source: '192.0.2.7:5060',
};

test('the log says how many records were not written, and why', async () => {
  const said: unknown[] = [];
  const log = { ...silentLogger, error: (what: string, facts?: object) => void said.push([what, facts]) };
  const clock = new SimClock();
  const writer = new MemoryWriter(clock);
  const records = new CallRecords({ writer, clock, log });

  writer.failAt(1);
  const id = records.open(call);
  records.open({ ...call, callId: 'another' });
  await clock.run(REPAIR_MS);
  writer.failAt(1);
  records.ended(id, { by: 'caller', status: 487 });
  await clock.run(REPAIR_MS);

  const line = 'call records were not written; they are written again';
  assert.deepEqual(said, [
    [line, { records: 1, why: 'openCall was not written: it was told to fail' }],
    [line, { records: 1, why: 'endCall was not written: it was told to fail' }],
  ]);
});
