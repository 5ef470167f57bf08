import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../base/silent-logger.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { EVENTS_WAITING_MAX, EventBus, LISTENER_RUNS_MAX } from './events.ts';

const DOWN = { trunk: 'cheap', status: 503 };

function opened() {
  const clock = new SimClock();
  const said: string[] = [];
  const log = { ...silentLogger, error: (what: string) => void said.push(what) };
  return { clock, said, bus: new EventBus({ clock, log }) };
}

test('listeners hear an event after what is happening now, each its own name, in the order they came', async () => {
  const { clock, said, bus } = opened();
  bus.on('trunk.down', ({ trunk, status }) => void said.push(`1 ${trunk} ${status}`));
  bus.on('trunk.down', () => void said.push('2'));
  bus.on('trunk.up', () => void said.push('up'));

  bus.tell('trunk.down', DOWN);
  said.push('told');
  await clock.run(1);

  assert.deepEqual(said, ['told', '1 cheap 503', '2']);
});

test('who stopped listening hears nothing more; nobody listens to what nobody asked for', async () => {
  const { clock, said, bus } = opened();
  const end = bus.on('trunk.down', () => void said.push('heard'));
  assert.deepEqual([bus.hears('trunk.down'), bus.hears('trunk.up')], [true, false]);

  bus.tell('trunk.down', DOWN);
  end();
  end();
  await clock.run(1);

  assert.deepEqual([said, bus.hears('trunk.down')], [[], false]);
});

test('a listener that throws, at once or later, harms no other listener', async () => {
  const { clock, said, bus } = opened();
  bus.on('trunk.down', () => {
    throw new Error('a mistake');
  });
  bus.on('trunk.down', () => Promise.reject(new Error('later')));
  bus.on('trunk.down', () => void said.push('heard'));

  bus.tell('trunk.down', DOWN);
  await clock.run(1);

  assert.deepEqual(said, ['an event route threw', 'heard', 'an event route threw']);
  assert.equal(bus.faults, 2);
});

test('a listener may tell events itself: they come after this one', async () => {
  const { clock, said, bus } = opened();
  bus.on('trunk.down', () => {
    bus.tell('trunk.up', { ...DOWN, status: 200 });
    said.push('down');
  });
  bus.on('trunk.up', () => void said.push('up'));

  bus.tell('trunk.down', DOWN);
  await clock.run(1);

  assert.deepEqual(said, ['down', 'up']);
});

test('events that wait are bounded: one beyond the limit is lost and counted', async () => {
  const { clock, bus } = opened();
  let heard = 0;
  bus.on('trunk.down', () => void heard++);

  for (let told = 0; told <= EVENTS_WAITING_MAX; told++) bus.tell('trunk.down', DOWN);
  await clock.run(1);

  assert.deepEqual([heard, bus.lost], [EVENTS_WAITING_MAX, 1]);
});

test('a listener that never comes back is not asked without end', async () => {
  const { clock, bus } = opened();
  let heard = 0;
  bus.on('trunk.down', () => {
    heard++;
    return new Promise(() => {});
  });

  for (let told = 0; told <= LISTENER_RUNS_MAX; told++) bus.tell('trunk.down', DOWN);
  await clock.run(1);

  assert.deepEqual([heard, bus.lost], [LISTENER_RUNS_MAX, 1]);
});
