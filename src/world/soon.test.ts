import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Soon } from './soon.ts';

const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

test('all that is asked for runs once in one turn, in order, and the last things last', async () => {
  const soon = new Soon();
  const ran: string[] = [];

  soon.addLast(() => ran.push('flush'));
  soon.add(() => ran.push('one'));
  soon.add(() => ran.push('two'));
  await turn();

  assert.deepEqual(ran, ['one', 'two', 'flush']);
});

test('what is asked for meanwhile waits for the next turn, but a flush does not', async () => {
  const soon = new Soon();
  const ran: string[] = [];
  soon.add(() => {
    ran.push('one');
    soon.add(() => ran.push('two'));
    soon.addLast(() => ran.push('flush'));
  });

  await turn();
  const first = [...ran];
  await turn();

  assert.deepEqual(first, ['one', 'flush']);
  assert.deepEqual(ran, ['one', 'flush', 'two']);
});

test('one that throws does not take the others with it', async () => {
  const soon = new Soon();
  const ran: string[] = [];
  const thrown = Promise.withResolvers<unknown>();
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.once('uncaughtException', thrown.resolve);

  soon.add(() => ran.push('one'));
  soon.add(() => {
    throw new Error('two');
  });
  soon.add(() => ran.push('three'));
  const error = await thrown.promise;
  for (const other of others) process.on('uncaughtException', other);
  await turn();

  assert.match(String(error), /two/);
  assert.deepEqual(ran, ['one', 'three']);
});
