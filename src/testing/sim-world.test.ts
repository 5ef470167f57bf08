import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { WALL_START } from './sim-clock.ts';
import { simWorld } from './sim-world.ts';

test('timers fire at their time, and in the order they were set when due together', async () => {
  const world = simWorld(1);
  const fired: string[] = [];
  const note = (what: string) => () => {
    fired.push(`${world.clock.now()} ${what}`);
  };

  for (const [delay, what] of [
    [20, 'c'],
    [10, 'a'],
    [10, 'b'],
    [0, 'first'],
    [31, 'late'],
  ] as const) {
    world.clock.after(delay, note(what));
  }
  world.clock.after(15, note('cancelled')).cancel();
  await world.run(30);

  assert.deepEqual(fired, ['0 first', '10 a', '10 b', '20 c']);
  assert.equal(world.clock.now(), 30);
});

test('promises settle and soon() runs before time moves on', async () => {
  const world = simWorld(1);
  const seen: string[] = [];

  world.clock.after(10, () => {
    world.clock.soon(() => seen.push(`soon ${world.clock.now()}`));
    void (async () => {
      for (let i = 0; i < 50; i++) await Promise.resolve();
      seen.push(`promise ${world.clock.now()}`);
    })();
  });
  world.clock.after(11, () => seen.push('next'));
  await world.run(20);

  assert.deepEqual(seen, ['promise 10', 'soon 10', 'next']);
});

test('a hundred random timers fire sorted', async () => {
  const world = simWorld(5);
  const times: number[] = [];
  for (let i = 0; i < 100; i++)
    world.clock.after(world.random.below(50), () => times.push(world.clock.now()));

  await world.run(50);

  assert.equal(times.length, 100);
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  );
});

test('what a timer throws, run() rejects with', async () => {
  const world = simWorld(1);
  world.clock.after(1, () => {
    throw new Error('from the timer');
  });

  await assert.rejects(world.run(5), /from the timer/);
});

test('soon() without end is an error of ours, not a hang', async () => {
  const world = simWorld(1);
  const again = (): void => world.clock.soon(again);
  world.clock.soon(again);

  await assert.rejects(world.run(1), /rounds of soon/);
});

test('the wall clock starts at a fixed date and may jump; now() does not notice', async () => {
  const world = simWorld(1);
  await world.run(1_500);
  world.clock.jumpWall(-3_600_000);

  assert.equal(world.clock.wall(), WALL_START + 1_500 - 3_600_000);
  assert.equal(world.clock.now(), 1_500);
});

test('until() lets time pass until a promise has settled, and no longer', async () => {
  const world = simWorld(1);
  const late = new Promise<string>((resolve) => world.clock.after(700, () => resolve('there')));

  assert.equal(await world.until(late), 'there');
  assert.equal(world.clock.now(), 700);
  await assert.rejects(world.until(new Promise(() => {}), 50), /within 50 ms/);
});

test('chance comes from the seed; each host has its own', () => {
  const draw = (seed: number, host: string): string => {
    const { random } = simWorld(seed).host(host);
    return `${random.token(128)} ${Buffer.from(random.bytes(8)).toString('hex')} ${random.below(1_000_000)}`;
  };

  assert.equal(draw(1, '10.0.0.1'), draw(1, '10.0.0.1'));
  assert.notEqual(draw(1, '10.0.0.1'), draw(2, '10.0.0.1'));
  assert.notEqual(draw(1, '10.0.0.1'), draw(1, '10.0.0.2'));
  assert.equal(simWorld(1).random.token(128).length, 22);
});

test('the log of every host is collected with time and host', async () => {
  const world = simWorld(1);
  await world.run(5);
  world.host('192.0.2.1').log.warn('trunk is down', { trunk: 'cheap' });

  assert.deepEqual(world.logged, [
    { atMs: 5, host: '192.0.2.1', level: 'warn', what: 'trunk is down', facts: { trunk: 'cheap' } },
  ]);
});

test('names resolve after a while; unknown ones reject with ENOTFOUND', async () => {
  const world = simWorld(1);
  world.names.address('proxy.example.com', '192.0.2.1', '192.0.2.2');
  world.names.service('_sip._udp.example.com', {
    target: 'proxy.example.com',
    port: 5080,
    priority: 1,
    weight: 2,
  });
  const { net } = world.host('10.0.0.1');

  const addresses = await world.until(net.resolve('Proxy.Example.com', 'A'));
  const services = await world.until(net.resolve('_sip._udp.example.com', 'SRV'));

  assert.deepEqual(
    addresses.map((record) => record.target),
    ['192.0.2.1', '192.0.2.2'],
  );
  assert.deepEqual(
    services.map(({ target, port }) => [target, port]),
    [['proxy.example.com', 5080]],
  );
  await assert.rejects(world.until(net.resolve('nowhere.example', 'A')), { code: 'ENOTFOUND' });
  assert.equal(world.clock.now(), 30);
});

test('the same seed gives the same trace, byte for byte; another seed another', async () => {
  const traceOf = async (seed: number): Promise<string> => {
    const world = simWorld(seed);
    world.network.conditions({ loss: 0.2, jitterMs: 30, duplication: 0.1, reordering: 0.1 });
    const a = await world.host('192.0.2.1').net.udp({ host: '192.0.2.1', port: 5060 }, () => {});
    const b = await world.host('192.0.2.2').net.udp({ host: '192.0.2.2', port: 5060 }, (text, from) => {
      if (text.length < 20) b.send(`${text}!`, from, 0);
    });
    for (let i = 0; i < 20; i++) a.send(`n${i}`, new Endpoint('192.0.2.2', 5060), 0);
    await world.run(1_000);
    return world.trace.join('\n');
  };

  const first = await traceOf(11);

  assert.equal(await traceOf(11), first);
  assert.notEqual(await traceOf(12), first);
});
