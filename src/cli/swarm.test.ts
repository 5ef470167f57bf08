import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { TandemError } from '../base/errors.ts';
import { runCommand } from './program.ts';
import { swarm, type SwarmWords } from './swarm.ts';
import { Terminal } from './terminal.ts';

function start() {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const text = (from: PassThrough): string => String(from.read() ?? '');
  const terminal = new Terminal(stdin, stdout, stderr, {});
  return { terminal, said: () => text(stdout), noted: () => text(stderr) };
}

const small: SwarmWords = { seed: 92, minutes: 1, towns: 1, phones: 2 };

test('a town that keeps every law is one line and exit 0', async () => {
  const { terminal, said } = start();

  const status = await swarm(small, terminal);

  assert.equal(status, 0);
  assert.match(said(), /^1 town, \d+ messages, no law broken\n$/);
});

test('as JSON there is a report a town', async () => {
  const { terminal, said } = start();

  await swarm({ ...small, towns: 2, json: true }, terminal);

  const reports = JSON.parse(said()) as { seed: number; command: string }[];
  assert.deepEqual(
    reports.map(({ seed }) => seed).toSorted((a, b) => a - b),
    [92, 93],
  );
  assert.match(reports[0]?.command ?? '', /^tandem swarm --seed 9\d --minutes 1 --phones 2$/);
});

test('a kind of trouble that does not exist is named, with those that do', async () => {
  const { terminal } = start();

  await assert.rejects(
    swarm({ ...small, without: 'weather,wether' }, terminal),
    (error: unknown) =>
      error instanceof TandemError && error.code === 'USAGE' && error.message.includes('wether'),
  );
});

for (const [word, value] of [
  ['--seed', '2147483648'],
  ['--minutes', '0'],
  ['--minutes', '601'],
  ['--towns', '1000001'],
  ['--phones', '1'],
  ['--phones', '13'],
] as const) {
  test(`${word} ${value} is out of range`, async () => {
    const { terminal, noted } = start();

    const status = await runCommand(['swarm', word, value], terminal);

    assert.deepEqual([status, noted().includes(`not ${value}`)], [2, true]);
  });
}
