import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import type { ByteStream, Net, StreamUser } from '../base/world.ts';
import { simWorld } from '../testing/sim-world.ts';
import { STREAM_QUEUE_BYTES } from '../testing/sim-stream.ts';
import { Stranger, type StrangersConnection } from '../testing/stranger.ts';
import { EXCHANGE, type Town, town } from '../testing/town.ts';
import { openRegistrar, registrarProxy } from '../testing/town-scripts.ts';
import { Connections } from './connections.ts';

const TARGET = { host: EXCHANGE, port: 5060 };
const MALLORY = '198.51.100.7';

// ─── framing ────────────────────────────────────────────────────────────────────────────────────

/** What comes in at once, and what goes back. The second request of a broken stream is smuggled: not served. */
const framings: readonly [name: string, sent: string, answers: readonly string[], closed: boolean][] = [
  ['two requests in one chunk', ping('a') + ping('b'), ['200 a', '200 b'], false],
  ['an empty line between two requests', `${ping('a')}\r\n${ping('b')}`, ['200 a', '200 b'], false],
  ['a body, then a request', ping('a', 'l: 4\r\n', 'body') + ping('b'), ['200 a', '200 b'], false],
  ['a body that looks like a request', ping('a', `l: ${ping('x').length}\r\n`, ping('x')), ['200 a'], false],
  [
    'Content-Length twice',
    ping('a', 'Content-Length: 0\r\nContent-Length: 0\r\n') + ping('x'),
    ['400 a'],
    true,
  ],
  ['two lengths', ping('a', 'Content-Length: 0\r\nContent-Length: 500\r\n') + ping('x'), ['400 a'], true],
  [
    'two lengths, one in compact form',
    ping('a', 'l: 0\r\nContent-Length: 500\r\n') + ping('x'),
    ['400 a'],
    true,
  ],
  ['two lengths, one folded', ping('a', 'l:\r\n 0\r\nl: 9\r\n') + ping('x'), ['400 a'], true],
  ['two lengths in one field', ping('a', 'l: 0, 500\r\n') + ping('x'), ['400 a'], true],
  ['a negative length', ping('a', 'Content-Length: -1\r\n') + ping('x'), ['400 a'], true],
  ['a length with a sign', ping('a', 'Content-Length: +0\r\n') + ping('x'), ['400 a'], true],
  ['a hexadecimal length', ping('a', 'Content-Length: 0x0\r\n') + ping('x'), ['400 a'], true],
  ['a length of 2^32', ping('a', 'Content-Length: 4294967296\r\n') + ping('x'), ['400 a'], true],
  ['a length of 2^64', ping('a', 'Content-Length: 18446744073709551616\r\n') + ping('x'), ['400 a'], true],
  ['a length that fits in no message', ping('a', 'l: 65536\r\n') + ping('x'), ['413 a'], true],
  ['no length', ping('a', '') + ping('x'), ['400 a'], true],
  ['a line that is no field', ping('a', 'l: 0\r\nno field\r\n') + ping('x'), ['400 a'], true],
  ['a CR alone', ping('a', 'l: 0\r\nX: a\rContent-Length: 500\r\n') + ping('x'), ['400 a'], true],
];

for (const [name, sent, answers, closed] of framings) {
  test(`${name}: ${answers.join(', ') || 'no answer'}${closed ? ', closed' : ''}`, async () => {
    const t = await town(openRegistrar, { people: {} });
    const connection = new Stranger(t.world, MALLORY, TARGET).connect();

    connection.write(sent);
    await t.run(1_000);

    assert.deepEqual(said(connection), answers);
    assert.equal(connection.closed, closed);
    t.stop();
  });
}

test('requests that come byte by byte are served', async () => {
  const t = await town(openRegistrar, { people: {} });
  const connection = new Stranger(t.world, MALLORY, TARGET).connect();

  for (const byte of ping('a') + ping('b', 'l: 4\r\n', 'body')) {
    connection.write(byte);
    await t.run(1);
  }
  await t.run(100);

  assert.deepEqual(said(connection), ['200 a', '200 b']);
  t.stop();
});

test('a head without end is cut at 65,535 bytes', async () => {
  const t = await town(openRegistrar, { people: {} });
  const connection = new Stranger(t.world, MALLORY, TARGET).connect();

  connection.write(`OPTIONS sip:${EXCHANGE} SIP/2.0\r\n${'X: filler\r\n'.repeat(7_000)}`);
  await t.run(1_000);

  assert.equal(connection.closed, true);
  assert.equal(await isServed(t), true);
  t.stop();
});

test('two empty lines are answered with one, three times three with three', async () => {
  const t = await town(openRegistrar, { people: {} });
  const connection = new Stranger(t.world, MALLORY, TARGET).connect();

  connection.write('\r\n\r\n');
  await t.run(100);
  const first = connection.bytes;
  for (let i = 0; i < 3; i++) {
    connection.write('\r\n\r\n');
    await t.run(10_000);
  }

  assert.equal(first, '\r\n');
  assert.equal(connection.bytes, '\r\n'.repeat(4));
  assert.equal(connection.closed, false);
  t.stop();
});

// ─── those who are slow, many, or deaf ──────────────────────────────────────────────────────────

for (const [name, whole] of [
  ['head', ping('a').repeat(50)],
  ['body', ping('a', 'l: 60000\r\n')],
] as const) {
  test(`who trickles in a ${name} is cut after ten seconds while others are served`, async () => {
    const t = await town(openRegistrar, { people: {} });
    const slow = new Stranger(t.world, MALLORY, TARGET).connect();
    const start = name === 'head' ? 0 : whole.length;

    const closedAt = await trickle(t, slow, whole.padEnd(60_000, 'x'), start);

    assert.ok(closedAt > 9_500 && closedAt < 11_000, `it was cut after ${closedAt} ms`);
    assert.equal(await isServed(t), true);
    t.stop();
  });
}

test('a busy connection is not cut, though some message is always under way', async () => {
  const t = await town(openRegistrar, { people: {} });
  const connection = new Stranger(t.world, MALLORY, TARGET).connect();
  const message = ping('a');

  connection.write(message.substring(0, 100));
  for (let i = 0; i < 60; i++) {
    await t.run(500);
    connection.write(message.substring(100) + message.substring(0, 100));
  }
  await t.run(100);

  assert.equal(connection.closed, false);
  assert.equal(connection.heard.length, 60);
  t.stop();
});

test('one address may hold a hundred connections; the next is refused until one is closed', async () => {
  const t = await town(openRegistrar, { people: {} });
  const mallory = new Stranger(t.world, MALLORY, TARGET);
  const connections = Array.from({ length: 100 }, () => mallory.connect());
  await t.run(100);

  const refused = mallory.connect();
  await t.run(100);
  connections[0]?.end();
  await t.run(100);
  const accepted = mallory.connect();
  accepted.write(ping('a'));
  await t.run(100);

  assert.equal(refused.closed, true);
  assert.deepEqual(connections.map(({ closed }) => closed).filter(Boolean), [true]);
  assert.deepEqual(said(accepted), ['200 a']);
  assert.equal(await isServed(t), true);
  t.stop();
});

test('a peer that never reads is cut, and who wrote to it is told', async () => {
  const t = await town(openRegistrar, { people: { bob: { transport: 'tcp', host: '192.0.2.20' } } });
  await t.phone('bob').register();
  const mallory = await new Stranger(t.world, MALLORY, TARGET).open();
  const count = Math.ceil(STREAM_QUEUE_BYTES / 20_000);

  t.net.cut('192.0.2.20', EXCHANGE);
  for (let i = 0; i < count; i++) mallory.send(message(`m${i}`, 20_000));
  await t.run(100);

  // The one that was too much broke the connection under the others; those behind it wait for a new one.
  assert.ok(mallory.heard.length >= count / 2);
  assert.deepEqual(new Set(mallory.heard.map((text) => text.substring(8, 11))), new Set(['500']));
  await t.run(100_000);
  assert.deepEqual([t.exchange.layer.count, t.exchange.layer.slab.bytesUsed], [0, 0]);
  t.stop();
});

test('a connection that nobody uses is closed', async () => {
  const t = await town(openRegistrar, { people: {}, settings: { sip: { idle_timeout_ms: 60_000 } } });
  const connection = new Stranger(t.world, MALLORY, TARGET).connect();

  await t.run(50_000);
  connection.write(ping('a'));
  await t.run(50_000);
  const closedEarly = connection.closed;
  await t.run(11_000);

  assert.deepEqual([closedEarly, connection.closed], [false, true]);
  t.stop();
});

// ─── where messages go ──────────────────────────────────────────────────────────────────────────

test('a response goes back by the connection its request came by, whatever the Via says', async () => {
  const t = await town(openRegistrar, { people: {} });
  const mallory = new Stranger(t.world, MALLORY, TARGET);
  const [first, second] = [mallory.connect(), mallory.connect()];

  first.write(
    ping('a')
      .replace(MALLORY, '203.0.113.9')
      .replace('branch', 'received=203.0.113.9;maddr=203.0.113.9;branch'),
  );
  second.write(ping('b'));
  await t.run(1_000);

  assert.deepEqual([said(first), said(second)], [['200 a'], ['200 b']]);
  assert.deepEqual(
    t.net.trace.entries.filter(({ toHost }) => toHost === '203.0.113.9'),
    [],
  );
  t.stop();
});

test('a connection that dies under a pending call ends it at once', async () => {
  const t = await town(openRegistrar, { people: { alice: {}, bob: { transport: 'tcp' } } });
  t.phone('bob').answers = 'ring';
  await t.phone('bob').register();
  const call = t.phone('alice').dial('sip:bob@example.com');
  await t.run(500);
  assert.equal(call.state, 'ringing');

  t.phone('bob').close();
  await t.run(100);

  assert.deepEqual([call.state, call.status], ['ended', 500]);
  t.stop();
});

test('who cannot be connected to is told to the caller at once', async () => {
  const t = await town(openRegistrar, { people: { alice: {}, bob: { transport: 'tcp' } } });
  await t.phone('bob').register();
  t.phone('bob').close();
  await t.run(100);

  const call = t.phone('alice').dial('sip:bob@example.com');
  await t.run(100);

  assert.deepEqual([call.state, call.status], ['ended', 500]);
  t.stop();
});

for (const who of ['alice', 'bob'] as const) {
  test(`alice on TCP calls bob on UDP, and ${who} hangs up: two Record-Routes, RFC 5658 §3`, async () => {
    const t = await town(registrarProxy, { people: { alice: { transport: 'tcp' }, bob: {} } });
    await t.phone('alice').register();
    await t.phone('bob').register();

    const call = t.phone('alice').dial('sip:bob@example.com');
    await t.run(3_000);
    const [incoming] = t.phone('bob').incoming;
    assert.ok(incoming !== undefined);
    const routes = incoming.invite.headers.all('Record-Route');
    const ringing = who === 'alice' ? call : incoming;
    ringing.hangUp();
    await t.run(1_000);

    assert.match(routes[0] ?? '', /^<sip:192\.0\.2\.1:5060;lr;/);
    assert.match(routes[1] ?? '', /^<sip:192\.0\.2\.1:5060;transport=tcp;lr;/);
    assert.deepEqual([call.endedBy, incoming.endedBy], who === 'alice' ? ['us', 'them'] : ['them', 'us']);
    assert.equal(ringing.byeStatus, 200);
    const ack = incoming.received.find(({ method }) => method === 'ACK');
    assert.deepEqual(ack?.headers.all('Route'), []);
    await t.run(40_000);
    assert.deepEqual([t.exchange.layer.count, t.exchange.layer.slab.bytesUsed], [0, 0]);
    t.stop();
  });
}

/** A ping over TCP, `name` in its Call-ID; `length` is its Content-Length line, or what stands there instead. */
function ping(name: string, length = 'Content-Length: 0\r\n', body = ''): string {
  const lines = [
    `OPTIONS sip:${EXCHANGE} SIP/2.0`,
    `Via: SIP/2.0/TCP ${MALLORY}:5060;branch=z9hG4bK${name}`,
    `From: <sip:mallory@${MALLORY}>;tag=1`,
    `To: <sip:${EXCHANGE}>`,
    `Call-ID: ${name}`,
    'CSeq: 1 OPTIONS',
  ];
  return `${lines.join('\r\n')}\r\n${length}\r\n${body}`;
}

/** A text for Bob over UDP. */
function message(name: string, length: number): string {
  return ping(name, `Content-Length: ${length}\r\n`, 'x'.repeat(length))
    .replace('SIP/2.0/TCP', 'SIP/2.0/UDP')
    .replace(`OPTIONS sip:${EXCHANGE}`, 'MESSAGE sip:bob@example.com')
    .replace('1 OPTIONS', '1 MESSAGE');
}

/** Status and Call-ID of each answer. */
function said(connection: StrangersConnection): string[] {
  return connection.heard.map(
    (text) => `${text.substring(8, 11)} ${/^Call-ID: (.*)\r$/m.exec(text)?.[1] ?? ''}`,
  );
}

/** Sends all up to `start` at once, then a byte every 200 ms; answers when the connection was closed. */
async function trickle(
  t: Town,
  connection: StrangersConnection,
  text: string,
  start: number,
): Promise<number> {
  connection.write(text.substring(0, start));
  for (let at = start, waited = 0; waited < 20_000; at++, waited += 200) {
    connection.write(text.charAt(at));
    await t.run(200);
    if (connection.closed) return waited;
  }
  return Infinity;
}

async function isServed(t: Town): Promise<boolean> {
  const connection = new Stranger(t.world, '192.0.2.99', TARGET).connect();
  connection.write(ping('good'));
  await t.run(100);
  return said(connection)[0] === '200 good';
}

// ─── the transport alone ────────────────────────────────────────────────────────────────────────

test('connections with one name, to two listeners of ours, free their places both', async () => {
  const peer = new Endpoint(MALLORY, 4000);
  const world = simWorld(1);
  let accept: (stream: ByteStream) => StreamUser = () => assert.fail('nobody listens');
  const net: Net = {
    ...world.net,
    listen: async (at, accepts) => {
      accept = accepts;
      return { local: new Endpoint(at.host, at.port), renew() {}, close() {} };
    },
  };
  const connections = new Connections({
    net,
    clock: world.clock,
    limits: {
      connectionsPerSource: 2,
      connectionsMax: 3,
      setupMs: 10_000,
      messageMs: 10_000,
      idleMs: 60_000,
    },
    tls: undefined,
    sentByFor: () => `${EXCHANGE}:5060`,
    receive() {},
  });
  await connections.listen(TARGET, { kind: 'tcp' }, () => `${EXCHANGE}:5060`);
  let destroyed = 0;
  const local = new Endpoint(EXCHANGE, 5060);
  const stream: ByteStream = {
    local,
    remote: peer,
    peerNames: [],
    write: () => true,
    end() {},
    destroy: () => void destroyed++,
  };

  for (let round = 0; round < 5; round++) {
    const users = [accept(stream), accept(stream)];
    assert.equal(destroyed, round);
    accept(stream);
    for (const user of users) user.closed('end', '');
  }

  assert.equal(destroyed, 5);
});
