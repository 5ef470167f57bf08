import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { SimProcess, type Wiretap } from './sim-process.ts';
import { simWorld } from './sim-world.ts';

const AT = { host: '192.0.2.1', port: 5060 };

/** A program on 192.0.2.1, a peer on 192.0.2.2, and what passes the program's sockets. */
function start() {
  const world = simWorld(1);
  const passed: string[] = [];
  const tap: Wiretap = {
    heard: (text, from) => void passed.push(`< ${from.host} ${text}`),
    said: (text, to) => void passed.push(`> ${to.host} ${text}`),
  };
  return { world, passed, program: new SimProcess(world.host(AT.host), tap), peer: world.host('192.0.2.2') };
}

test('what a program hears and says is told at its sockets', async () => {
  const { world, passed, program, peer } = start();
  const ours = await program.world.net.udp(AT, (text, from) => ours.send(`${text}?`, from, 0));
  const theirs = await peer.net.udp({ host: '192.0.2.2', port: 5060 }, () => {});

  theirs.send('hello', new Endpoint(AT.host, AT.port), 0);
  await world.run(100);

  assert.deepEqual(passed, ['< 192.0.2.2 hello', '> 192.0.2.2 hello?']);
});

test('a program that is killed does nothing any more, and its ports are free', async () => {
  const { world, passed, program, peer } = start();
  const { clock, net } = program.world;
  const theirs = await peer.net.udp({ host: '192.0.2.2', port: 5060 }, () => {});
  const ours = await net.udp(AT, () => {});
  let fired = 0;
  clock.after(50, () => fired++);
  clock.soon(() => fired++);
  assert.deepEqual([program.timers, program.sockets], [1, 1]);

  program.kill();
  ours.send('too late', theirs.local, 0);
  theirs.send('hello', new Endpoint(AT.host, AT.port), 0);
  clock.after(10, () => fired++);
  await world.run(100);
  await world.host(AT.host).net.udp(AT, () => {});

  assert.deepEqual([fired, passed, program.timers, program.sockets], [0, [], 0, 0]);
});

test('connections end with the program: the far side is told, the program is not', async () => {
  const { world, program, peer } = start();
  const told: string[] = [];
  const listening = { host: '192.0.2.2', port: 5060 };
  await peer.net.listen(listening, () => ({
    data: (text) => void told.push(`peer ${text}`),
    closed: (why) => void told.push(`peer ${why}`),
  }));
  const stream = program.world.net.connect(listening, { data() {}, closed: () => void told.push('program') });
  stream.write('hello');
  await world.run(100);

  program.kill();
  await world.run(100);

  assert.deepEqual([told.join(' ').replaceAll('peer ', ''), program.sockets], ['hello end', 0]);
});

test('a timer that fired or was cancelled is not counted', async () => {
  const { world, program } = start();
  const { clock } = program.world;
  clock.after(10, () => {});
  const cancelled = clock.after(20, () => assert.fail('it was cancelled'));

  cancelled.cancel();
  await world.run(100);

  assert.equal(program.timers, 0);
});
