import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Value } from '../store/writer.ts';
import { SimClock } from './sim-clock.ts';
import { diskMaker, SwarmWriter } from './swarm-disk.ts';

const makeDisk = await diskMaker();

const account = (id: number): Value[] => [id, `user${id}`, 'example.com', 'ha1', 'ha1', null, 1];
const call = (id: number): Value[] => [
  id,
  `call${id}`,
  'tag',
  'a',
  'b',
  'sip:a@b',
  null,
  '192.0.2.7:5060',
  0,
];

function start() {
  const clock = new SimClock();
  const disk = makeDisk();
  const told: string[] = [];
  const writer = new SwarmWriter(clock, disk);
  const write = (id: number): void =>
    writer.write(
      'upsertSubscriber',
      account(id),
      (error) => void told.push(`${id}${error ? ' failed' : ''}`),
    );
  return { clock, disk, told, writer, write };
}

test('rows are committed in groups, each told after its commit', async () => {
  const { clock, disk, told, writer, write } = start();
  write(1);
  write(2);
  assert.deepEqual([told, disk.subscribers().length, writer.waiting], [[], 0, 2]);

  await clock.run(disk.commitMs);

  assert.deepEqual([told, disk.subscribers().length, writer.waiting], [['1', '2'], 2, 0]);
});

test('a crash loses what was not committed, and says which calls that were', async () => {
  const { clock, disk, told, writer, write } = start();
  write(1);
  await clock.run(disk.commitMs);
  writer.write('openCall', call(7));
  writer.write('answerCall', [0, 0, 200, 8]);

  writer.crash();
  await clock.run(1_000);

  assert.deepEqual([told, disk.subscribers().length, disk.calls()], [['1'], 1, []]);
  assert.deepEqual([...disk.lostCalls], ['call7', 8]);
});

test('a broken disk commits nothing, and the next group goes through when it is well again', async () => {
  const { clock, disk, told, write } = start();
  disk.broken = true;
  write(1);
  await clock.run(disk.commitMs);
  disk.broken = false;
  write(2);
  await clock.run(disk.commitMs);

  assert.deepEqual([told, disk.subscribers().map(({ id }) => id)], [['1 failed', '2'], [2]]);
});

test('who closes waits for what is on its way, and takes nothing more', async () => {
  const { clock, told, writer, write } = start();
  write(1);

  await clock.until(writer.close());
  write(2);
  await clock.run(1_000);

  assert.deepEqual(told, ['1', '2 failed']);
});
