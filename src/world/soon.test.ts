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

test('a turn that did all it was asked for is followed by its end, and by no other turn', async () => {
  const soon = new Soon();
  const ran: string[] = [];
  const counted = countedImmediates();

  soon.add(() => ran.push('one'));
  soon.addLast(() => ran.push('flush'));
  soon.atEnd(() => ran.push('end'));
  await turn();

  assert.deepEqual(ran, ['one', 'flush', 'end']);
  assert.equal(counted(), 2); // Its own, and that of `turn`.
});

test('a flush that is asked for by what runs leaves in the same turn, and asks for no other', async () => {
  const soon = new Soon();
  const ran: string[] = [];
  const counted = countedImmediates();

  soon.add(() => soon.addLast(() => ran.push('flush')));
  soon.atEnd(() => ran.push('end'));
  await turn();

  assert.deepEqual(ran, ['flush', 'end']);
  assert.equal(counted(), 2);
});

/** How many turns the event loop was asked for, until it is called. */
function countedImmediates(): () => number {
  const real = globalThis.setImmediate;
  let count = 0;
  const counting = (run: () => void): NodeJS.Immediate => {
    count++;
    return real(run);
  };
  globalThis.setImmediate = counting as typeof setImmediate;
  return () => {
    globalThis.setImmediate = real;
    return count;
  };
}
