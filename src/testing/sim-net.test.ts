import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import type { ByteStream, StreamUser, UdpSocket } from '../base/world.ts';
import type { NatKind } from './sim-nat.ts';
import { STREAM_TIMEOUT_MS } from './sim-stream.ts';
import { simWorld, type SimWorld } from './sim-world.ts';

const A = '192.0.2.1';
const B = '192.0.2.2';

/** A socket that keeps what it gets as `from text`. */
async function ear(
  world: SimWorld,
  host: string,
  port: number,
): Promise<{ socket: UdpSocket; heard: string[] }> {
  const heard: string[] = [];
  const socket = await world
    .host(host)
    .net.udp({ host, port }, (text, from) => heard.push(`${from.key} ${text}`));
  return { socket, heard };
}

test('a datagram arrives after the delay of its link, with every byte as it was', async () => {
  const world = simWorld(1);
  const a = await ear(world, A, 5060);
  const b = await ear(world, B, 5070);
  world.network.conditions({ delayMs: 40 }, A, B);

  a.socket.send('\0\x80\xff', new Endpoint(B, 5070), 0);
  await world.run(39);
  assert.deepEqual(b.heard, []);
  await world.run(1);

  assert.deepEqual(b.heard, [`${A}:5060 \0\x80\xff`]);
});

test('loss, duplication and disorder happen at the rate asked for', async () => {
  const rows = [
    { conditions: { loss: 1 }, least: 0, most: 0, sorted: true },
    { conditions: { loss: 0.3 }, least: 55, most: 85, sorted: true },
    { conditions: { duplication: 1 }, least: 200, most: 200, sorted: true },
    { conditions: { reordering: 0.2 }, least: 100, most: 100, sorted: false },
    { conditions: { jitterMs: 50 }, least: 100, most: 100, sorted: false },
  ];
  for (const { conditions, least, most, sorted } of rows) {
    const world = simWorld(3);
    const a = await ear(world, A, 5060);
    const b = await ear(world, B, 5060);
    world.network.conditions(conditions);

    for (let i = 0; i < 100; i++) {
      a.socket.send(String(1000 + i), new Endpoint(B, 5060), 0);
      await world.run(1);
    }
    await world.run(100);

    const what = JSON.stringify(conditions);
    assert.ok(b.heard.length >= least && b.heard.length <= most, `${what} gave ${b.heard.length}`);
    assert.equal(b.heard.join() === b.heard.toSorted().join(), sorted, what);
  }
});

test('cut links carry nothing until they heal; a partition cuts both sides from each other', async () => {
  const world = simWorld(1);
  const a = await ear(world, A, 5060);
  const b = await ear(world, B, 5060);
  const say = async (text: string): Promise<void> => {
    a.socket.send(text, new Endpoint(B, 5060), 0);
    await world.run(10);
  };

  world.network.cut(A, B);
  await say('cut');
  world.network.heal(A, B);
  const heal = world.network.partition([A, '192.0.2.3'], [B]);
  await say('partition');
  heal();
  world.network.cut(B);
  await say('unplugged');
  world.network.heal(B);
  await say('healed');

  assert.deepEqual(b.heard, [`${A}:5060 healed`]);
  assert.deepEqual(
    world.network.trace.entries.map((entry) => entry.fate),
    ['cut', 'cut', 'cut', 'sent'],
  );
});

test('a port is taken once, port 0 gives a free one, a closed one can be had again', async () => {
  const world = simWorld(1);
  const { net } = world.host(A);
  const first = await net.udp({ host: A, port: 5060 }, () => {});

  await assert.rejects(
    net.udp({ host: '0.0.0.0', port: 5060 }, () => {}),
    { code: 'EADDRINUSE' },
  );
  await assert.rejects(
    net.udp({ host: B, port: 5060 }, () => {}),
    { code: 'EADDRNOTAVAIL' },
  );
  const anyPort = await net.udp({ host: A, port: 0 }, () => {});
  first.close();
  await net.udp({ host: A, port: 5060 }, () => {});

  assert.ok(anyPort.local.port >= 49_152);
});

test('the trace keeps no more entries than it may', async () => {
  const world = simWorld(1);
  const a = await ear(world, A, 5060);
  world.network.trace.entriesMax = 2;

  for (let i = 0; i < 3; i++) a.socket.send('x', new Endpoint(B, 5060), 0);

  assert.equal(world.trace.length, 2);
  assert.equal(world.network.trace.notKept, 1);
});

// ─── NAT ────────────────────────────────────────────────────────────────────────────────────────

const INSIDE = '10.0.0.2';
const PUBLIC = '198.51.100.7';

test('who may send back through a NAT depends on its kind', async () => {
  // oxfmt-ignore
  //                            same port  other port  other host
  const rows: [NatKind, boolean, boolean, boolean][] = [
    ['full-cone',          true,      true,       true],
    ['restricted',         true,      true,       false],
    ['port-restricted',    true,      false,      false],
    ['symmetric',          true,      false,      false],
  ];
  for (const [kind, ...expected] of rows) {
    const world = simWorld(1);
    world.nat({ public: PUBLIC, inside: [INSIDE], kind });
    const phone = await ear(world, INSIDE, 5060);
    const server = await ear(world, A, 5060);
    const others = [server, await ear(world, A, 5080), await ear(world, B, 5060)];
    phone.socket.send('hello', new Endpoint(A, 5060), 0);
    await world.run(10);
    const seen = server.heard[0]?.split(' ')[0] ?? '';
    assert.match(seen, /^198\.51\.100\.7:/);

    const answered: boolean[] = [];
    for (const { socket } of others) {
      const before = phone.heard.length;
      socket.send('back', new Endpoint(PUBLIC, Number(seen.split(':')[1])), 0);
      await world.run(10);
      answered.push(phone.heard.length > before);
    }

    assert.deepEqual(answered, expected, kind);
  }
});

test('a mapping lives as long as the inside keeps sending, then gets a new port', async () => {
  const world = simWorld(1);
  world.nat({ public: PUBLIC, inside: [INSIDE], udpTimeoutMs: 30_000 });
  const phone = await ear(world, INSIDE, 5060);
  const server = await ear(world, A, 5060);
  const to = new Endpoint(A, 5060);

  phone.socket.send('1', to, 0);
  await world.run(29_000);
  phone.socket.send('2', to, 0);
  await world.run(29_000);
  server.socket.send('in time', new Endpoint(PUBLIC, 20_000), 0);
  await world.run(2_000);
  server.socket.send('too late', new Endpoint(PUBLIC, 20_000), 0);
  await world.run(10);
  phone.socket.send('3', to, 0);
  await world.run(10);

  assert.deepEqual(phone.heard, [`${A}:5060 in time`]);
  assert.deepEqual(server.heard, [`${PUBLIC}:20000 1`, `${PUBLIC}:20000 2`, `${PUBLIC}:20001 3`]);
  assert.equal(world.network.trace.entries[3]?.fate, 'refused');
});

test('a symmetric NAT shows each peer another port, the others one', async () => {
  for (const [kind, ports] of [
    ['symmetric', 2],
    ['port-restricted', 1],
  ] as const) {
    const world = simWorld(1);
    world.nat({ public: PUBLIC, inside: [INSIDE], kind });
    const phone = await ear(world, INSIDE, 5060);
    const servers = [await ear(world, A, 5060), await ear(world, B, 5060)];

    phone.socket.send('x', new Endpoint(A, 5060), 0);
    phone.socket.send('x', new Endpoint(B, 5060), 0);
    await world.run(10);

    assert.equal(new Set(servers.flatMap((server) => server.heard)).size, ports, kind);
  }
});

test('private addresses are reached from behind the same NAT only', async () => {
  const world = simWorld(1);
  world.nat({ public: PUBLIC, inside: [INSIDE, '10.0.0.3'] });
  const phone = await ear(world, INSIDE, 5060);
  const neighbour = await ear(world, '10.0.0.3', 5060);
  const stranger = await ear(world, A, 5060);

  neighbour.socket.send('hello', new Endpoint(INSIDE, 5060), 0);
  stranger.socket.send('hello', new Endpoint(INSIDE, 5060), 0);
  await world.run(10);

  assert.deepEqual(phone.heard, ['10.0.0.3:5060 hello']);
});

test('a NAT that restarts forgets its mappings', async () => {
  const world = simWorld(1);
  const nat = world.nat({ public: PUBLIC, inside: [INSIDE] });
  const phone = await ear(world, INSIDE, 5060);
  const server = await ear(world, A, 5060);
  phone.socket.send('x', new Endpoint(A, 5060), 0);
  await world.run(10);

  nat.restart();
  server.socket.send('back', new Endpoint(PUBLIC, 20_000), 0);
  await world.run(10);

  assert.deepEqual(phone.heard, []);
});

// ─── TCP ────────────────────────────────────────────────────────────────────────────────────────

interface Told {
  text: string;
  chunks: number;
  ended: string;
}

function listening(): { user: StreamUser; told: Told } {
  const told: Told = { text: '', chunks: 0, ended: '' };
  const user: StreamUser = {
    data(text) {
      told.text += text;
      told.chunks++;
    },
    closed(why, detail) {
      told.ended += detail === '' ? why : `${why} ${detail}`;
    },
  };
  return { user, told };
}

/** A connection from A to B with both ends' users. */
async function connected(
  world: SimWorld,
): Promise<{ near: ByteStream; far: ByteStream; atA: Told; atB: Told }> {
  const a = listening();
  const b = listening();
  let far: ByteStream | undefined;
  await world.host(B).net.listen({ host: B, port: 5060 }, (stream) => {
    far = stream;
    return b.user;
  });
  const near = world.host(A).net.connect({ host: B, port: 5060 }, a.user);
  await world.run(10);
  assert.ok(far !== undefined, 'accepted');
  return { near, far, atA: a.told, atB: b.told };
}

test('a stream keeps bytes and order, and cuts them anywhere', async () => {
  const sent = Array.from({ length: 30 }, (_, i) => `message ${i} `.repeat(20)).join('');
  for (const conditions of [{}, { loss: 0.3, jitterMs: 40, reordering: 0.5, duplication: 0.5 }]) {
    const world = simWorld(9);
    world.network.conditions(conditions);
    const { near, far, atA, atB } = await connected(world);

    near.write(sent);
    far.write('from the far side');
    near.end();
    await world.run(60_000);

    assert.equal(atB.text, sent);
    assert.ok(atB.chunks > 5);
    assert.equal(atA.text, 'from the far side');
    assert.deepEqual([atA.ended, atB.ended], ['local', 'end']);
  }
});

test('what is written while connecting arrives', async () => {
  const world = simWorld(2);
  const { user, told } = listening();
  await world.host(B).net.listen({ host: B, port: 5060 }, () => user);

  world.host(A).net.connect({ host: B, port: 5060 }, listening().user).write('early');
  await world.run(20);

  assert.equal(told.text, 'early');
});

test('a connection nobody takes is refused; to a host that is not there it times out', async () => {
  const rows = [
    { to: B, cut: false, waitMs: 10, ended: 'error ECONNREFUSED' },
    { to: B, cut: true, waitMs: STREAM_TIMEOUT_MS, ended: 'error ETIMEDOUT' },
    { to: '203.0.113.9', cut: false, waitMs: STREAM_TIMEOUT_MS, ended: 'error ETIMEDOUT' },
  ];
  for (const { to, cut, waitMs, ended } of rows) {
    const world = simWorld(1);
    world.host(B);
    if (cut) world.network.cut(A, B);
    const { user, told } = listening();

    world.host(A).net.connect({ host: to, port: 5060 }, user);
    await world.run(waitMs - 1);
    assert.equal(told.ended, '');
    await world.run(1);

    assert.equal(told.ended, ended);
  }
});

test('a cut holds bytes back; if it lasts, the stream breaks', async () => {
  const world = simWorld(4);
  const { near, atA, atB } = await connected(world);

  world.network.cut(A, B);
  near.write('held');
  await world.run(5_000);
  assert.equal(atB.text, '');
  world.network.heal(A, B);
  await world.run(1_000);
  assert.equal(atB.text, 'held');
  world.network.cut(A, B);
  near.write('never');
  await world.run(STREAM_TIMEOUT_MS + 1_000);

  assert.equal(atB.text, 'held');
  assert.equal(atA.ended, 'error ETIMEDOUT');
});

test('destroy closes both ends once', async () => {
  const world = simWorld(4);
  const { near, far, atA, atB } = await connected(world);

  near.destroy();
  near.end();
  far.write('to nobody');
  await world.run(100);

  assert.deepEqual([atA.ended, atB.ended, atA.text], ['local', 'end', '']);
});

test('write says so when too much waits unsent', async () => {
  const world = simWorld(4);
  const { near } = await connected(world);
  world.network.cut(A, B);

  assert.equal(near.write('x'.repeat(262_144)), true);
  assert.equal(near.write('x'), false);
});

test('a connection from behind a NAT is seen from its public address; none gets in', async () => {
  const world = simWorld(1);
  world.nat({ public: PUBLIC, inside: [INSIDE] });
  let seen = '';
  await world.host(A).net.listen({ host: A, port: 5060 }, (stream) => {
    seen = stream.remote.key;
    return listening().user;
  });
  await world.host(INSIDE).net.listen({ host: INSIDE, port: 5060 }, () => listening().user);
  const intruder = listening();

  world.host(INSIDE).net.connect({ host: A, port: 5060 }, listening().user);
  world.host(A).net.connect({ host: INSIDE, port: 5060 }, intruder.user);
  await world.run(STREAM_TIMEOUT_MS);

  assert.equal(seen, `${PUBLIC}:20000`);
  assert.equal(intruder.told.ended, 'error ETIMEDOUT');
});
