/** What a stranger may take of us by connections of every kind: places, and time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConnectOptions, StreamKind } from '../base/world.ts';
import { simCertificate } from '../testing/sim-tls.ts';
import { type SimWorld, simWorld } from '../testing/sim-world.ts';
import { StreamTalk } from '../testing/stream-talk.ts';
import { PINGS_AT_ONCE } from './connection.ts';
import { Transports } from './transports.ts';

const US = '192.0.2.1';
const MALLORY = '198.51.100.7';
const PORTS = { tcp: 5060, tls: 5061, ws: 5080, wss: 5081 };
const KINDS: readonly StreamKind[] = ['tcp', 'tls', 'ws', 'wss'];
const SOURCE_MAX = 3;
const ALL_MAX = 5;
const SETUP_MS = 10_000;
const IDLE_MS = 60_000;

async function open(): Promise<{ world: SimWorld; transports: Transports; heard: string[] }> {
  const world = simWorld(1);
  const heard: string[] = [];
  const limits = {
    connectionsPerSource: SOURCE_MAX,
    connectionsMax: ALL_MAX,
    setupMs: SETUP_MS,
    messageMs: 10_000,
    idleMs: IDLE_MS,
  };
  const tls = { certificates: [simCertificate(US)], clients: 'none', authorities: undefined } as const;
  const options = { advertise: '', domains: [], limits, tls };
  const transports = new Transports(world.host(US), options, (text) => heard.push(text));
  for (const kind of KINDS)
    await world.until(transports.listen({ transport: kind, host: US, port: PORTS[kind] }));
  return { world, transports, heard };
}

class Knock extends StreamTalk {
  isClosed = false;

  constructor(world: SimWorld, host: string, port: number, how: ConnectOptions) {
    super();
    this.stream = world.host(host).net.connect({ host: US, port }, this, how);
  }

  readonly stream;

  override closed(): void {
    this.isClosed = true;
  }
}

for (const kind of KINDS) {
  const what = `one source may hold ${SOURCE_MAX} connections of all kinds`;
  test(`${kind}: ${what}; the next is refused until one is closed`, async () => {
    const { world, transports } = await open();
    const knocks = KINDS.filter((one) => one !== kind).map(
      (one) => new Knock(world, MALLORY, PORTS[one], { kind: one }),
    );
    await world.run(1_000);

    const refused = new Knock(world, MALLORY, PORTS[kind], { kind });
    await world.run(1_000);
    knocks[0]?.stream.end();
    await world.run(1_000);
    const accepted = new Knock(world, MALLORY, PORTS[kind], { kind });
    await world.run(1_000);

    assert.deepEqual([refused.isClosed, accepted.isClosed, accepted.isOpen], [true, false, true]);
    assert.deepEqual(
      knocks.map(({ isOpen }) => isOpen),
      [true, true, true],
    );
    transports.close();
  });

  test(`${kind}: all sources together hold ${ALL_MAX} connections, and we open no more either`, async () => {
    const { world, transports } = await open();
    const hosts = Array.from({ length: ALL_MAX + 1 }, (_, i) => `198.51.100.${i + 1}`);
    const knocks = hosts.map((host) => new Knock(world, host, PORTS[kind], { kind }));

    await world.run(1_000);

    assert.equal(knocks.filter(({ isClosed }) => isClosed).length, 1);
    assert.equal(transports.flowTo({ transport: 'tcp', host: MALLORY, port: 5060 }), undefined);
    transports.close();
  });

  test(`${kind}: a connection without a message is closed when it is idle`, async () => {
    const { world, transports } = await open();
    const knock = new Knock(world, MALLORY, PORTS[kind], { kind });

    await world.run(IDLE_MS - 1);
    const early = knock.isClosed;
    await world.run(1_000);

    assert.deepEqual([early, knock.isClosed], [false, true]);
    transports.close();
  });

  test(`${kind}: two empty lines are answered with one, one with nothing, and neither is a message`, async () => {
    const { world, transports, heard } = await open();
    const knock = new Knock(world, MALLORY, PORTS[kind], { kind });

    knock.stream.write('\r\n\r\n');
    await world.run(1_000);
    knock.stream.write('\r\n');
    await world.run(1_000);

    assert.deepEqual([knock.texts, heard], [['\r\n'], []]);
    transports.close();
  });
}

for (const kind of ['ws', 'wss'] as const) {
  for (const beyond of [0, 1]) {
    const result = beyond === 0 ? 'do no harm' : 'end it';
    test(`${kind}: ${PINGS_AT_ONCE + beyond} messages of an empty line at once ${result}`, async () => {
      const { world, transports, heard } = await open();
      const knock = new Knock(world, MALLORY, PORTS[kind], { kind });

      for (let i = 0; i < PINGS_AT_ONCE + beyond; i++) knock.stream.write('\r\n');
      await world.run(1_000);

      assert.deepEqual([knock.isClosed, heard], [beyond > 0, []]);
      transports.close();
    });
  }
}

for (const kind of ['tls', 'ws', 'wss'] as const) {
  test(`${kind}: who connects and agrees on nothing holds a place for ${SETUP_MS / 1000} s`, async () => {
    const { world, transports } = await open();
    const silent = Array.from(
      { length: SOURCE_MAX },
      () => new Knock(world, MALLORY, PORTS[kind], { kind: 'tcp' }),
    );
    await world.run(SETUP_MS - 100);

    const early = new Knock(world, MALLORY, PORTS[kind], { kind });
    await world.run(1_000);
    const late = new Knock(world, MALLORY, PORTS[kind], { kind });
    await world.run(1_000);

    assert.deepEqual([early.isClosed, late.isOpen], [true, true]);
    assert.deepEqual(
      silent.map(({ isClosed }) => isClosed),
      [true, true, true],
    );
    transports.close();
  });

  test(`${kind}: who says something else is closed`, async () => {
    const { world, transports, heard } = await open();
    const knock = new Knock(world, MALLORY, PORTS[kind], { kind: 'tcp' });

    knock.stream.write('OPTIONS sip:x SIP/2.0\r\n');
    await world.run(1_000);

    assert.deepEqual([knock.isClosed, heard], [true, []]);
    transports.close();
  });
}

test('an address of an IPv6 network counts for all of its 64 bits', async () => {
  const { world, transports } = await open();
  await world.until(transports.listen({ transport: 'tcp', host: US, port: 5070 }));
  const near = Array.from({ length: SOURCE_MAX + 1 }, (_, i) => `2001:db8:0:1::${i + 1}`);
  const knocks = near.map((host) => new Knock(world, host, 5070, { kind: 'tcp' }));

  await world.run(1_000);
  const other = new Knock(world, '2001:db8:0:2::1', 5070, { kind: 'tcp' });
  await world.run(1_000);

  assert.equal(knocks.filter(({ isClosed }) => isClosed).length, 1);
  assert.equal(other.isOpen, true);
  transports.close();
});
