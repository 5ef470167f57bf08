import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PickName, PickSubject, PoolOptions } from '../route/services.ts';
import { parseNameAddr } from '../sip/name-addr.ts';
import { parseUri, printUri } from '../sip/uri.ts';
import { Endpoint } from '../base/endpoint.ts';
import { simWorld } from '../testing/sim-world.ts';
import { CALL_MS, Pool, pooled, type Seat } from './pool.ts';
import { CHANNELS_MAX, KINDS_MAX, PROBE_EVERY_MS_MIN, SERVERS_MAX, WEIGHT_MAX } from './pool-options.ts';

const A = 'sip:192.0.2.21:5060';
const B = 'sip:192.0.2.22:5060';
const C = 'sip:192.0.2.23:5060';

function make(options: PoolOptions): { pool: Pool; world: ReturnType<typeof simWorld>; changes: string[] } {
  const world = simWorld(1);
  const changes: string[] = [];
  const pool = new Pool('media', options, {
    clock: world.host('192.0.2.1').clock,
    changed: (_pool, { name, state }) => changes.push(`${name} ${state}`),
  });
  return { pool, world, changes };
}

function subject(callId: string, user = 'alice', host = '192.0.2.11'): PickSubject {
  const from = parseNameAddr(`<sip:${user}@example.com>;tag=1`);
  const source = { remote: new Endpoint(host, 5060) } as PickSubject['source'];
  return { callId, from, uri: parseUri('sip:600@example.com'), source };
}

/** The servers of the first targets of so many picks, by their letter. */
function firsts(pool: Pool, count: number, c: (i: number) => PickSubject = (i) => subject(`c${i}`)): string {
  return Array.from({ length: count }, (_, i) => letterOf(pool, pool.pick(c(i), 1))).join('');
}

function letterOf(pool: Pool, targets: readonly { uri: { host: string } }[]): string {
  const at = pool.servers.findIndex(({ uri }) => uri.host === targets[0]?.uri.host);
  return at < 0 ? '-' : 'ABC'.charAt(at);
}

// [pick, weights, the servers of nine picks in a row]
const TURNS: readonly [PickName, readonly [number, number, number], string][] = [
  ['round-robin', [1, 1, 1], 'ABCABCABC'],
  ['round-robin', [5, 1, 1], 'ABCABCABC'],
  ['weight', [1, 1, 1], 'ABCABCABC'],
  ['weight', [5, 1, 1], 'AABACAAAA'],
  ['least-calls', [1, 1, 1], 'ABCABCABC'],
  ['priority', [1, 5, 1], 'AAAAAAAAA'],
];

for (const [pick, weights, order] of TURNS) {
  test(`${pick} with weights ${weights.join(', ')}: ${order}`, () => {
    const servers = [A, B, C].map((uri, i) => ({ uri, weight: weights[i] }));

    assert.equal(firsts(make({ servers, pick }).pool, 9), order);
  });
}

test('least-calls counts what each server carries for its weight', () => {
  const { pool } = make({ servers: [A, { uri: B, weight: 3 }], pick: 'least-calls' });

  const order = Array.from({ length: 8 }, (_, i) => {
    const [target] = pool.pick(subject(`c${i}`), 1);
    const { server, needs } = pooled(target!)!;
    pool.take(server, needs);
    return server.name === A ? 'A' : 'B';
  });

  assert.deepEqual([order.filter((s) => s === 'A').length, order.filter((s) => s === 'B').length], [2, 6]);
});

// [pick, what two requests of one key have in common]
const HASHES: readonly [PickName, (key: number, other: number) => PickSubject][] = [
  ['hash-call-id', (key, other) => subject(`c${key}`, `u${other}`, `192.0.2.${other}`)],
  ['hash-user', (key, other) => subject(`c${other}`, `u${key}`, `192.0.2.${other}`)],
  ['hash-ip', (key, other) => subject(`c${other}`, `u${other}`, `192.0.${key}.9`)],
];

for (const [pick, of] of HASHES) {
  test(`${pick}: the same key, the same server; a server that goes down moves its own keys only`, () => {
    const { pool } = make({ servers: [A, B, C], pick });
    const before = firsts(pool, 250, (i) => of(i, 1));
    assert.equal(
      firsts(pool, 250, (i) => of(i, 2)),
      before,
    );
    for (const letter of 'ABC') assert.ok(before.split(letter).length > 50, before);

    pool.markDown(pool.pick(of(0, 1), 1)[0]!);

    const after = firsts(pool, 250, (i) => of(i, 1));
    const down = before.charAt(0);
    assert.ok(!after.includes(down));
    for (let i = 0; i < 250; i++) if (before[i] !== down) assert.equal(after[i], before[i]);
  });
}

test('servers of a lower priority are offered last, and first when the others are out', () => {
  const { pool } = make({
    servers: [{ uri: A, priority: 1 }, B, { uri: C, priority: 1 }],
    pick: 'round-robin',
  });

  const names = pool.pick(subject('c')).map(({ uri }) => printUri(uri));
  assert.deepEqual(names, ['sip:600@192.0.2.21:5060', 'sip:600@192.0.2.23:5060', 'sip:600@192.0.2.22:5060']);
  for (const server of pool.servers) if (server.priority === 1) server.markDown();

  assert.equal(firsts(pool, 2), 'BB');
});

test('no more targets than asked for, and none when all are out', () => {
  const { pool } = make({ servers: [A, B, C] });

  assert.deepEqual(
    [0, 1, 2, 9].map((most) => pool.pick(subject('c'), most).length),
    [0, 1, 2, 3],
  );
  for (const server of pool.servers) server.disable();
  assert.deepEqual([pool.pick(subject('c')).length, pool.up], [0, 0]);
});

test('requestUri keep: the Request-URI stays, the way leads to the server', () => {
  const { pool } = make({ servers: ['sip:192.0.2.21:5080;transport=tcp'], requestUri: 'keep' });

  const [target] = pool.pick(subject('c'));

  assert.equal(printUri(target!.uri), 'sip:600@example.com');
  assert.deepEqual(target!.hop, { transport: 'tcp', host: '192.0.2.21', port: 5080, secure: false });
});

test('a server with no channel left is not offered, nor one without the kind that is needed', () => {
  const { pool } = make({
    servers: [
      { uri: A, resources: { calls: 2, recording: 1 } },
      { uri: B, resources: { calls: 2 } },
    ],
    pick: 'priority',
  });
  const take = (kinds: readonly string[]): Seat | undefined => {
    const of = pool.pick(subject('c'), 1, kinds)[0];
    const { server, needs } = of === undefined ? { server: undefined, needs: [] } : pooled(of)!;
    return server && pool.take(server, needs);
  };

  const recorded = take(['recording', 'recording']); // One channel of each kind, however often it is named.
  assert.equal(recorded?.server.name, A);
  assert.equal(take(['recording']), undefined);
  assert.deepEqual(
    [take([])?.server.name, take([])?.server.name, take([])?.server.name, take([])],
    [A, B, B, undefined],
  );
  recorded.free();
  recorded.free();
  assert.equal(take(['recording'])?.server.name, A);
  assert.equal(pool.calls, 4);
});

test('most-free offers the server with the largest free share of what the call needs', () => {
  const { pool } = make({
    servers: [
      { uri: A, resources: { calls: 4 } },
      { uri: B, resources: { calls: 8 } },
    ],
    pick: 'most-free',
  });
  const order = Array.from({ length: 12 }, () => {
    const { server, needs } = pooled(pool.pick(subject('c'), 1)[0]!)!;
    pool.take(server, needs);
    return server.name === A ? 'A' : 'B';
  });

  assert.deepEqual([order.filter((s) => s === 'A').length, pool.pick(subject('c')).length], [4, 0]);
});

test('two calls that were offered the last channel: one gets it', () => {
  const { pool } = make({ servers: [{ uri: A, resources: { calls: 1 } }] });
  const offers = [pool.pick(subject('1'), 1)[0]!, pool.pick(subject('2'), 1)[0]!].map((t) => pooled(t)!);

  const [first, second] = offers.map(({ server, needs }) => pool.take(server, needs));

  assert.deepEqual([first !== undefined, second], [true, undefined]);
});

test('a call whose end nobody saw gives its channel back after four hours, and not before', async () => {
  const { pool, world } = make({ servers: [{ uri: A, resources: { calls: 2 } }] });
  const early = pool.take(pool.servers[0]!, []);
  await world.run(60_000);
  pool.take(pool.servers[0]!, []);

  await world.run(CALL_MS - 60_001);
  assert.deepEqual([pool.calls, pool.overdue], [2, 0]);
  await world.run(1);
  assert.deepEqual([pool.calls, pool.overdue], [1, 1]);
  await world.run(60_000);
  assert.deepEqual([pool.calls, pool.overdue, pool.servers[0]!.calls], [0, 2, 0]);
  early?.free();
  assert.equal(pool.servers[0]!.calls, 0);
});

test('probes take a server out at the threshold and bring it back at the other', () => {
  const { pool, changes } = make({ servers: [A], probe: { everyMs: 1_000, downAfter: 3, upAfter: 2 } });
  const [server] = pool.servers;
  const states = [0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 1].map((alive) => {
    server!.probed(alive === 1, 408, 'silent');
    return server!.state;
  });

  assert.equal(states.join(' '), 'up up up up up down down probing down probing up');
  assert.deepEqual(changes, [`${A} down`, `${A} up`]);
});

test('without probes a server comes back after its rest; each mark begins the rest anew', async () => {
  const { pool, world, changes } = make({ servers: [A], restMs: 10_000 });
  const [server] = pool.servers;
  server!.markDown();
  await world.run(9_000);
  server!.markDown();
  await world.run(9_999);
  assert.equal(server!.state, 'down');
  await world.run(1);

  assert.equal(server!.state, 'up');
  assert.deepEqual(changes, [`${A} down`, `${A} up`]);
});

test('a server that rests does not come back by time alone once it is probed', async () => {
  const { pool, world } = make({ servers: [A], restMs: 10_000 });
  const [server] = pool.servers;
  server!.markDown();

  pool.configure({ servers: [A], probe: { everyMs: 1_000, upAfter: 2 } });
  await world.run(20_000);
  assert.equal(server!.state, 'down');
  server!.probed(true, 200, '');
  server!.probed(true, 200, '');

  assert.equal(server!.state, 'up');
});

test('what the operator disabled stays so, whatever probes and scripts say, until he enables it', () => {
  const { pool } = make({ servers: [A], probe: { everyMs: 1_000, upAfter: 1, downAfter: 1 } });
  const [server] = pool.servers;
  server!.disable();
  server!.probed(true, 200, '');
  server!.markDown();
  server!.probed(true, 200, '');

  assert.deepEqual([server!.state, server!.why], ['disabled', 'disabled by the operator']);
  server!.enable();
  assert.equal(server!.state, 'up');
});

test('new options keep the health and the calls of servers that stay', () => {
  const { pool } = make({ servers: [A, B] });
  pool.take(pool.servers[0]!, []);
  pool.servers[1]!.disable();

  pool.configure({ servers: [{ uri: A, weight: 7 }, B, C] });

  const rows = pool.servers.map(({ name, weight, calls, state }) => [name, weight, calls, state]);
  assert.deepEqual(rows, [
    [A, 7, 1, 'up'],
    [B, 1, 0, 'disabled'],
    [C, 1, 0, 'up'],
  ]);
});

const list = (length: number): string[] => Array.from({ length }, (_, i) => `sip:10.0.${i >> 8}.${i & 255}`);
const kinds = (length: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length }, (_, i) => [`kind${i}`, 1]));

// [what, at the limit, one beyond it]
const LIMITS: readonly [string, PoolOptions, PoolOptions][] = [
  ['servers', { servers: list(SERVERS_MAX) }, { servers: list(SERVERS_MAX + 1) }],
  [
    'a weight',
    { servers: [{ uri: A, weight: WEIGHT_MAX }] },
    { servers: [{ uri: A, weight: WEIGHT_MAX + 1 }] },
  ],
  ['the least weight', { servers: [{ uri: A, weight: 1 }] }, { servers: [{ uri: A, weight: 0 }] }],
  [
    'channels',
    { servers: [{ uri: A, resources: { calls: CHANNELS_MAX } }] },
    { servers: [{ uri: A, resources: { calls: CHANNELS_MAX + 1 } }] },
  ],
  [
    'kinds',
    { servers: [{ uri: A, resources: kinds(KINDS_MAX) }] },
    { servers: [{ uri: A, resources: kinds(KINDS_MAX + 1) }] },
  ],
  [
    'probes',
    { servers: [], probe: { everyMs: PROBE_EVERY_MS_MIN } },
    { servers: [], probe: { everyMs: PROBE_EVERY_MS_MIN - 1 } },
  ],
  [
    'an address with keep',
    { servers: [A], requestUri: 'keep' },
    { servers: ['sip:media.example.com'], requestUri: 'keep' },
  ],
  [
    'a transport with keep',
    { servers: ['sip:192.0.2.21;transport=wss'], requestUri: 'keep' },
    { servers: ['sip:192.0.2.21;transport=sctp'], requestUri: 'keep' },
  ],
  ['an address', { servers: ['sips:media.example.com'] }, { servers: ['tel:+4930123456'] }],
  ['a server once', { servers: [A, B] }, { servers: [A, A] }],
];

for (const [what, within, beyond] of LIMITS) {
  test(`the limit of ${what}: at it, and beyond`, () => {
    make(within);

    assert.throws(() => make(beyond), { code: 'INVALID' });
  });
}
