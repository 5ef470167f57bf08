import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ByteStream, ConnectOptions, StreamUser, TlsIdentity } from '../base/world.ts';
import { selfSignedCertificate, simCertificate } from '../testing/sim-tls.ts';
import { type SimWorld, simWorld } from '../testing/sim-world.ts';
import { StreamTalk } from '../testing/stream-talk.ts';
import { type Flow, whenBroken } from './flow.ts';
import { type Hop, type ListenAt, Transports } from './transports.ts';

const US = '192.0.2.1';
const PEER = '198.51.100.7';

interface Setting {
  readonly world: SimWorld;
  readonly transports: Transports;
  readonly heard: { readonly text: string; readonly flow: Flow }[];
}

const identity: TlsIdentity = {
  certificates: [simCertificate('us.example', US)],
  clients: 'optional',
  authorities: undefined,
};

async function open(listen: readonly ListenAt[], tls = identity): Promise<Setting> {
  const world = simWorld(1);
  const heard: Setting['heard'] = [];
  const limits = {
    connectionsPerSource: 2,
    connectionsMax: 3,
    setupMs: 10_000,
    messageMs: 10_000,
    idleMs: 60_000,
  };
  const options = { advertise: '', domains: [], limits, tls };
  const transports = new Transports(world.host(US), options, (text, flow) => heard.push({ text, flow }));
  for (const at of listen) await world.until(transports.listen(at));
  return { world, transports, heard };
}

const every: readonly ListenAt[] = [
  { transport: 'udp', host: US, port: 5060 },
  { transport: 'tcp', host: US, port: 5060 },
  { transport: 'tls', host: US, port: 5061 },
  { transport: 'ws', host: US, port: 5080 },
  { transport: 'wss', host: US, port: 5081 },
];

function options(via: string, host = PEER, port = ':5061', more = ''): string {
  return [
    `OPTIONS sip:${US} SIP/2.0`,
    `Via: SIP/2.0/${via} ${host}${port};branch=z9hG4bK1${more}`,
    'From: <sip:peer@example.com>;tag=1',
    `To: <sip:${US}>`,
    'Call-ID: 1',
    'CSeq: 1 OPTIONS',
    'Content-Length: 0',
    '\r\n',
  ].join('\r\n');
}

const RESPONSE = options('TLS').replace(/^OPTIONS.*/, 'SIP/2.0 200 OK');

// ─── which way ──────────────────────────────────────────────────────────────────────────────────

// oxfmt-ignore
const ways: readonly [name: string, hop: Partial<Hop>, transport: string | undefined][] = [
  ['UDP',                                  { transport: 'udp' },                             'udp'],
  ['TCP',                                  { transport: 'tcp' },                             'tcp'],
  ['TLS',                                  { transport: 'tls' },                             'tls'],
  ['sips by UDP',                          { transport: 'udp', secure: true },               undefined],
  ['sips by TCP',                          { transport: 'tcp', secure: true },               undefined],
  ['sips by plain WebSocket',              { transport: 'ws', secure: true },                undefined],
  ['sips by TLS',                          { transport: 'tls', secure: true },               'tls'],
  ['a browser that is not connected',      { transport: 'wss' },                             undefined],
  ['TLS to whom only his connection leads', { transport: 'tls', connected: true },           undefined],
  ['an unknown socket',                    { transport: 'udp', socket: 'nowhere' },          undefined],
];
for (const [name, hop, transport] of ways) {
  test(`${name}: ${transport ?? 'no way'}`, async () => {
    const { world, transports } = await open(every);

    const flow = transports.flowTo({ transport: 'udp', host: PEER, port: 5060, ...hop });

    assert.equal(flow?.transport, transport);
    assert.equal(world.network.trace.entries.length, 0);
    transports.close();
  });
}

test('a hop names the socket to send from, and each socket is seen as what it advertises', async () => {
  const { transports } = await open([
    { transport: 'udp', host: US, port: 5060, name: 'outside', advertise: '203.0.113.1' },
    { transport: 'udp', host: US, port: 5070, name: 'inside', advertise: '10.0.0.1:5071' },
  ]);
  const to = { transport: 'udp', host: PEER, port: 5060 } as const;

  const sentBy = [{}, { socket: 'outside' }, { socket: 'inside' }].map(
    (more) => transports.flowTo({ ...to, ...more })?.sentBy,
  );

  assert.deepEqual(sentBy, ['203.0.113.1:5060', '203.0.113.1:5060', '10.0.0.1:5071']);
  assert.deepEqual(
    [transports.isOwn('10.0.0.1', 5071), transports.isOwn('203.0.113.1'), transports.isOwn('10.0.0.2')],
    [true, true, false],
  );
  transports.close();
});

// ─── connections that are gone ──────────────────────────────────────────────────────────────────

test('a connection that we opened, and that its peer ended, is opened again; one that he opened is not', async () => {
  const { world, transports, heard } = await open(every);
  const talks = [new StreamTalk(), new StreamTalk()];
  const streams: ByteStream[] = [];
  const accept = (stream: ByteStream): StreamUser => talks[streams.push(stream) - 1]!;
  await world.until(
    world.host(PEER).net.listen({ host: PEER, port: 5060 }, accept, { kind: 'tcp', setupMs: 1_000 }),
  );
  const ours = transports.flowTo({ transport: 'tcp', host: PEER, port: 5060 });
  const his = world.host(PEER).net.connect({ host: US, port: 5060 }, new StreamTalk(), { kind: 'tcp' });
  his.write(options('TCP', PEER, ':5060'));
  await world.run(1_000);
  assert.equal(ours?.again?.(), undefined, 'it stands');

  streams[0]?.destroy();
  his.destroy();
  await world.run(1_000);
  const anew = ours?.again?.();
  anew?.send(options('TCP'), 0);
  await world.run(1_000);

  assert.equal(talks[1]?.texts.join(''), options('TCP'));
  assert.equal(heard[0]?.flow.open, false);
  assert.equal(heard[0].flow.again?.(), undefined);
  transports.close();
});

test('a connection that never stood, or that we closed ourselves, is not opened again', async () => {
  const { world, transports } = await open(every);
  const refused = transports.flowTo({ transport: 'tcp', host: PEER, port: 5060 });
  await world.run(1_000);
  const accept = (): StreamUser => new StreamTalk();
  await world.until(
    world.host(PEER).net.listen({ host: PEER, port: 5060 }, accept, { kind: 'tcp', setupMs: 1_000 }),
  );
  const idle = transports.flowTo({ transport: 'tcp', host: PEER, port: 5060 });
  await world.run(61_000);

  assert.deepEqual([refused?.open, refused?.again?.()], [false, undefined]);
  assert.deepEqual([idle?.open, idle?.again?.()], [false, undefined]);
  transports.close();
});

// ─── who is at the other end ────────────────────────────────────────────────────────────────────

async function peerThatShows(
  world: SimWorld,
  certificate = simCertificate('carrier.example'),
): Promise<StreamTalk> {
  const talk = new StreamTalk();
  const tls = { certificates: [certificate], clients: 'none', authorities: undefined } as const;
  await world.until(
    world.host(PEER).net.listen({ host: PEER, port: 5061 }, () => talk, { kind: 'tls', tls }),
  );
  return talk;
}

// oxfmt-ignore
const servers: readonly [name: string, shown: ReturnType<typeof simCertificate>, arrives: boolean][] = [
  ['the name that was asked for',   simCertificate('carrier.example'),       true],
  ['another name',                  simCertificate('evil.example'),          false],
  ['the name, by his own word',     selfSignedCertificate('carrier.example'), false],
];
for (const [name, shown, arrives] of servers) {
  const verdict = arrives ? 'the message leaves' : 'nothing leaves, and who sent it is told';
  test(`to a server that proves ${name} ${verdict}`, async () => {
    const { world, transports } = await open(every);
    const talk = await peerThatShows(world, shown);
    let broken = 0;

    const flow = transports.flowTo({
      transport: 'tls',
      host: PEER,
      port: 5061,
      serverName: 'carrier.example',
    });
    if (flow !== undefined) whenBroken(flow, () => broken++);
    const taken = flow?.send(options('TLS'), 0);
    await world.run(1_000);

    assert.equal(taken, true);
    assert.equal(talk.texts.join(''), arrives ? options('TLS') : '');
    assert.equal(broken, arrives ? 0 : 1);
    assert.deepEqual(flow?.peerNames, arrives ? ['carrier.example'] : []);
    transports.close();
  });
}

test('a connection to one domain is used for another only when the peer proved both', async () => {
  const { world, transports } = await open(every);
  await peerThatShows(world, simCertificate('a.example', 'b.example'));
  const to = { transport: 'tls', host: PEER, port: 5061 } as const;
  const first = transports.flowTo({ ...to, serverName: 'a.example' });
  const early = transports.flowTo({ ...to, serverName: 'b.example' });
  await world.run(1_000);

  const again = transports.flowTo({ ...to, serverName: 'a.example' });
  const other = transports.flowTo({ ...to, serverName: 'B.example' });
  const third = transports.flowTo({ ...to, serverName: 'c.example' });

  assert.notEqual(early, first); // Nothing was proved yet.
  assert.equal(again, first);
  assert.equal(other, early);
  assert.notEqual(third, first);
  assert.notEqual(third, early);
  transports.close();
});

test('the names that a client proved are on its flow, and new certificates change nothing for it', async () => {
  const { world, transports, heard } = await open(every);
  const own = {
    certificates: [simCertificate('pbx.example')],
    clients: 'none',
    authorities: undefined,
  } as const;
  const talk = new StreamTalk();
  const connect = { kind: 'tls', tls: own } as const;
  const stream = world.host(PEER).net.connect({ host: US, port: 5061 }, talk, connect);
  await world.until(talk.ready.promise);

  transports.renew({ ...identity, certificates: [simCertificate('new.example')] });
  stream.write(options('TLS'));
  const late = new StreamTalk();
  world
    .host('198.51.100.8')
    .net.connect({ host: US, port: 5061 }, late, { kind: 'tls', serverName: 'new.example' });
  await world.run(1_000);

  assert.deepEqual(heard[0]?.flow.peerNames, ['pbx.example']);
  assert.equal(heard[0]?.flow.open, true);
  assert.equal(late.isOpen, true);
  transports.close();
});

// ─── back by the connection, or by a new one ────────────────────────────────────────────────────

const OTHER = '192.0.2.99';
const PBX = ['pbx.example'];
const ALIAS = ';alias';
const PLAIN: Partial<Hop> = { transport: 'tcp' };
const AWAY: Partial<Hop> = { host: OTHER };
const MADE_UP: Partial<Hop> = { transport: 'ws', host: 'abc.invalid', port: 0 };
const SECURE: Partial<Hop> = { ...MADE_UP, transport: 'wss', secure: true };
const BANK: Partial<Hop> = { ...MADE_UP, host: 'bank.example' };

// oxfmt-ignore
const aliases: readonly [
  name: string, kind: ConnectOptions['kind'], own: readonly string[],
  sentBy: readonly [host?: string, port?: string, more?: string], hop: Partial<Hop>, found: boolean,
][] = [
  ['TLS, his own address and port',            'tls', [],  [],                               {},             true],
  ['TLS, without a port',                      'tls', [],  [PEER, ''],                       {},             true],
  ['TLS, another port',                        'tls', [],  [],                               { port: 5062 }, false],
  ['TLS, another address',                     'tls', [],  [OTHER],                          AWAY,           false],
  ['TLS, a name that he proved',               'tls', PBX, ['pbx.example', ':5061', ALIAS],  {},             true],
  ['TLS, the same without asking for it',      'tls', PBX, ['pbx.example'],                  {},             false],
  ['TLS, a name that he did not prove',        'tls', PBX, ['evil.example', ':5061', ALIAS], {},             false],
  ['TCP',                                      'tcp', [],  [PEER, ':5061', ALIAS],           PLAIN,          false],
  ['WebSocket, the name he made up',           'ws',  [],  ['abc.invalid', ''],              MADE_UP,        true],
  ['secure WebSocket, asked for as ws',        'wss', [],  ['ABC.invalid', ''],              MADE_UP,        true],
  ['WebSocket, for sips',                      'ws',  [],  ['abc.invalid', ''],              SECURE,         false],
  ['WebSocket, a name that somebody may have', 'ws',  [],  ['bank.example', ''],             BANK,           false],
];
for (const [name, kind, own, sentBy, hop, found] of aliases) {
  test(`${name}: ${found ? 'reached by the connection he opened' : 'not reached by it'}`, async () => {
    const { world, transports, heard } = await open(every);
    const tls = { certificates: [simCertificate(...own)], clients: 'none', authorities: undefined } as const;
    const port = { tcp: 5060, tls: 5061, ws: 5080, wss: 5081 }[kind];
    const stream = world.host(PEER).net.connect({ host: US, port }, new StreamTalk(), { kind, tls });
    stream.write(options(kind.toUpperCase(), ...sentBy));
    await world.run(1_000);
    assert.equal(heard.length, 1);

    const flow = transports.flowTo({ transport: 'tls', host: PEER, port: 5061, connected: true, ...hop });

    assert.equal(flow, found ? heard[0]?.flow : undefined);
    transports.close();
  });
}

test('a made-up name belongs to who had it first, until he is gone', async () => {
  const { world, transports, heard } = await open(every);
  const say = (host: string): { end(): void } => {
    const stream = world.host(host).net.connect({ host: US, port: 5080 }, new StreamTalk(), { kind: 'ws' });
    stream.write(options('WS', 'abc.invalid', ''));
    return stream;
  };
  const find = (): Flow | undefined => transports.flowByRemote('ws', 'abc.invalid', 0);
  const first = say(PEER);
  await world.run(100);
  say('198.51.100.8');
  await world.run(100);

  assert.equal(find(), heard[0]?.flow);
  first.end();
  await world.run(100);
  assert.equal(find(), undefined);
  transports.close();
});

test('a connection that stands is found by the address of its far end, and by no other', async () => {
  const { world, transports, heard } = await open(every);
  const stream = world.host(PEER).net.connect({ host: US, port: 5081 }, new StreamTalk(), { kind: 'wss' });
  stream.write(options('WSS', 'abc.invalid', ''));
  await world.run(100);
  const { port } = stream.local;

  const found = [
    transports.flowByRemote('wss', PEER, port),
    transports.flowByRemote('ws', PEER, port),
    transports.flowByRemote('wss', PEER, port + 1),
  ];

  assert.deepEqual(found, [heard[0]?.flow, undefined, undefined]);
  transports.close();
});

for (const [kind, port, comes] of [
  ['tls', 5061, true],
  ['tcp', 5060, true],
  ['ws', 5080, false],
] as const) {
  const outcome = comes
    ? 'comes by a new connection to the port in Via'
    : 'is lost: nobody listens in a browser';
  test(`over ${kind} a response to who has closed his connection ${outcome}`, async () => {
    const { world, transports, heard } = await open(every);
    const talk = new StreamTalk();
    const tls = { certificates: [simCertificate(PEER)], clients: 'none', authorities: undefined } as const;
    const how = kind === 'ws' ? ({ kind: 'tcp' } as const) : { kind, tls };
    await world.until(world.host(PEER).net.listen({ host: PEER, port: 5061 }, () => talk, how));
    const stream = world.host(PEER).net.connect({ host: US, port }, new StreamTalk(), { kind });
    stream.write(options(kind.toUpperCase()));
    await world.run(100);
    stream.end();
    await world.run(100);

    const taken = heard[0]?.flow.send(RESPONSE, 0);
    const again = heard[0]?.flow.send(RESPONSE, 0);
    await world.run(1_000);

    assert.deepEqual([heard[0]?.flow.open, taken, again], [false, comes, comes]);
    assert.equal(talk.texts.join(''), comes ? RESPONSE + RESPONSE : '');
    transports.close();
  });
}

test('a request does not follow who has closed his connection', async () => {
  const { world, transports, heard } = await open(every);
  const stream = world.host(PEER).net.connect({ host: US, port: 5060 }, new StreamTalk());
  stream.write(options('TCP'));
  await world.run(100);
  stream.end();
  await world.run(100);

  assert.equal(heard[0]?.flow.send(options('TCP'), 0), false);
  transports.close();
});

test('responses elsewhere make no more connections than one source may have', async () => {
  const { world, transports, heard } = await open(every);
  const stream = world.host(PEER).net.connect({ host: US, port: 5060 }, new StreamTalk());
  stream.write(options('TCP'));
  await world.run(100);
  stream.destroy();
  await world.run(100);

  const taken = [6001, 6002, 6003].map((port) =>
    heard[0]?.flow.send(RESPONSE.replace(':5061', `:${port}`), 0),
  );

  assert.deepEqual(taken, [true, true, false]);
  transports.close();
});
