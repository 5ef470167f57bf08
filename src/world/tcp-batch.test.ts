import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ByteStream, Logger, StreamUser } from '../base/world.ts';
import { Beat } from './beat.ts';
import { errno, loadKernel } from './kernel.ts';
import { limits } from './limits.ts';
import { NodeClock } from './node-clock.ts';
import { Soon } from './soon.ts';
import { TcpBatch } from './tcp-batch.ts';

const loopback = { host: '127.0.0.1', port: 0 };
const nobody: StreamUser = { data() {}, closed() {} };
const TRIES = 3;
const TIMER_GRAIN_MS = 2;

function makeBatch(log: Partial<Logger> = {}): TcpBatch {
  const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
  const soon = new Soon();
  const kernel = loadKernel();
  const parts = { kernel, soon, clock: new NodeClock(soon), beat: new Beat(kernel, soon) };
  return new TcpBatch(parts, { ...silent, ...log });
}

describe('many connections at once', { timeout: 10_000 }, () => {
  for (const count of [
    limits.acceptBatch,
    limits.acceptBatch + 1,
    limits.readyBatch,
    limits.readyBatch + 1,
  ]) {
    test(`${count} connect, and each is heard`, async () => {
      const batch = makeBatch();
      const heard = new Set<string>();
      const all = Promise.withResolvers<void>();
      const accepted: ByteStream[] = [];
      const listener = batch.listen(loopback, (stream) => {
        accepted.push(stream);
        const data = (text: string): void => {
          heard.add(text);
          if (heard.size === count) all.resolve();
        };
        return { data, closed() {} };
      });

      const streams = Array.from({ length: count }, () => batch.connect(listener.local, nobody));
      for (const [i, stream] of streams.entries()) stream.write(`I am ${i}`);
      await all.promise;

      assert.equal(accepted.length, count);
      for (const stream of streams.concat(accepted)) stream.destroy();
      listener.close();
    });
  }
});

test(
  'no room for one more: whoever knocks waits, and is let in when there is',
  { timeout: 10_000 },
  async () => {
    const warnings: string[] = [];
    const batch = makeBatch({ warn: (_, fields) => void warnings.push(JSON.stringify(fields)) });
    const { calls } = batch;
    const accept = calls.accept.bind(calls);
    const tried = Promise.withResolvers<void>();
    const triedAt: number[] = [];
    calls.accept = () => {
      if (triedAt.push(performance.now()) === TRIES) tried.resolve();
      return -errno.EMFILE;
    };
    const accepted = Promise.withResolvers<ByteStream>();
    const listener = batch.listen(loopback, (stream) => {
      accepted.resolve(stream);
      return nobody;
    });

    const stream = batch.connect(listener.local, nobody);
    await tried.promise;
    calls.accept = accept;
    const letIn = await accepted.promise;

    assert.equal(warnings.length, 1, 'once, however often it is tried');
    assert.match(warnings[0] ?? '', /accept EMFILE/);
    const [first = 0, second = 0] = triedAt;
    assert.ok(second - first >= limits.acceptRestMs - TIMER_GRAIN_MS, 'not at once again');
    stream.destroy();
    letIn.destroy();
    listener.close();
  },
);

test(
  'a mistake of one user is told to the process, and the others are heard',
  { timeout: 10_000 },
  async () => {
    const batch = makeBatch();
    const heard = Promise.withResolvers<void>();
    const accepted: ByteStream[] = [];
    const listener = batch.listen(loopback, (stream) => {
      accepted.push(stream);
      return {
        data(text) {
          if (text === 'bad') throw new Error('on purpose');
          heard.resolve();
        },
        closed() {},
      };
    });
    const mistakes: string[] = [];
    const note = (error: Error): void => void mistakes.push(error.message);
    const others = process.rawListeners('uncaughtException') as ((error: Error) => void)[];
    process.removeAllListeners('uncaughtException').once('uncaughtException', note);

    const streams = ['bad', 'good'].map((text) => {
      const stream = batch.connect(listener.local, nobody);
      stream.write(text);
      return stream;
    });
    await heard.promise;
    await new Promise(setImmediate);

    process.off('uncaughtException', note);
    for (const other of others) process.on('uncaughtException', other);
    assert.deepEqual(mistakes, ['on purpose']);
    for (const stream of streams.concat(accepted)) stream.destroy();
    listener.close();
  },
);
