import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import type { Logger, UdpSocket } from '../base/world.ts';
import { type NodeWorld, nodeWorld } from './node-world.ts';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const loopback = { host: '127.0.0.1', port: 0 };
const nobody = (): void => {};

// oxfmt-ignore
const implementations: { name: string; kind: 'batch' | 'dgram'; world: () => NodeWorld; at: string }[] = [
  { name: 'dgram',           kind: 'dgram', at: '127.0.0.1', world: () => nodeWorld({ log, udp: 'dgram' }) },
  { name: 'dgram over IPv6', kind: 'dgram', at: '::1',       world: () => nodeWorld({ log, udp: 'dgram' }) },
  { name: 'batch',           kind: 'batch', at: '127.0.0.1', world: () => nodeWorld({ log }) },
  { name: 'unpaced batch',   kind: 'batch', at: '127.0.0.1', world: () => nodeWorld({ log, pacing: false }) },
  { name: 'batch, no GSO',   kind: 'batch', at: '127.0.0.1', world: () => nodeWorld({ log, gso: false }) },
];

/** Datagrams as they come, for a test to await. */
class Inbox {
  readonly got: { text: string; from: Endpoint }[] = [];
  private waiting: { count: number; ready: () => void } | undefined;

  readonly receive = (text: string, from: Endpoint): void => {
    this.got.push({ text, from });
    if (this.waiting !== undefined && this.got.length >= this.waiting.count) this.waiting.ready();
  };

  async until(count: number): Promise<typeof this.got> {
    if (this.got.length < count) await new Promise<void>((ready) => (this.waiting = { count, ready }));
    return this.got;
  }
}

async function echo(world: NodeWorld, host: string): Promise<UdpSocket> {
  const socket: UdpSocket = await world.net.udp({ host, port: 0 }, (text, from) =>
    socket.send(text, from, 0),
  );
  return socket;
}

for (const { name, kind, world: makeWorld, at } of implementations) {
  describe(`UDP through ${name}`, { timeout: 10_000 }, () => {
    const allBytes = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    // oxfmt-ignore
    const datagrams: [what: string, text: string][] = [
      ['a short text',                 'OPTIONS'],
      ['every byte from 0 to 255',     allBytes],
      ['an empty datagram',            ''],
      ['5,000 bytes',                  'x'.repeat(5_000)],
      ['60,000 bytes',                 allBytes.repeat(235).slice(0, 60_000)],
      ['the longest, 65,507 bytes',    'z'.repeat(65_507)],
    ];
    for (const [what, text] of datagrams) {
      test(`${what} comes back unchanged`, async () => {
        const world = makeWorld();
        const inbox = new Inbox();
        const server = await echo(world, at);
        const client = await world.net.udp({ host: at, port: 0 }, inbox.receive);

        client.send(text, server.local, 1);
        const [answer] = await inbox.until(1);

        assert.equal(world.udpKind, kind);
        assert.equal(answer?.text, text);
        assert.equal(answer?.from.key, server.local.key);
        client.close();
        server.close();
      });
    }

    test('a peer is always the same Endpoint object', async () => {
      const world = makeWorld();
      const inbox = new Inbox();
      const server = await echo(world, at);
      const client = await world.net.udp({ host: at, port: 0 }, inbox.receive);

      client.send('one', server.local, 1);
      await inbox.until(1);
      client.send('two', server.local, 2);
      const [one, two] = await inbox.until(2);

      assert.equal(one?.from, two?.from);
      client.close();
      server.close();
    });

    test('2,000 datagrams of mixed sizes keep the order of their calls', async () => {
      const world = makeWorld();
      const inbox = new Inbox();
      const server = await world.net.udp({ host: at, port: 0 }, inbox.receive);
      const client = await world.net.udp({ host: at, port: 0 }, nobody);
      const calls = 40;

      for (let i = 0; i < 2_000; i++) {
        const call = (i * 7) % calls;
        client.send(`${call} ${i} ${'.'.repeat(((i * 13) % 5) * 100)}`, server.local, call);
        // No more than a receive buffer of an ordinary machine holds.
        if (i % 80 === 79) await inbox.until(i + 1);
      }
      const got = await inbox.until(2_000);

      const last = new Map<string, number>();
      for (const { text } of got) {
        const [call = '', number] = text.split(' ');
        assert.ok(
          Number(number) > (last.get(call) ?? -1),
          `${text.slice(0, 8)} came after ${last.get(call)}`,
        );
        last.set(call, Number(number));
      }
      assert.equal(last.size, calls);
      client.close();
      server.close();
    });

    test('more than an arena of datagrams in one turn all leave', async () => {
      const world = makeWorld();
      const client = await world.net.udp({ host: at, port: 0 }, nobody);
      const nowhere = new Endpoint(at, 9);

      for (let i = 0; i < 600; i++) client.send('x'.repeat(1_000), nowhere, i);
      await new Promise(setImmediate);

      assert.equal(world.udpCounts.sent, 600);
      client.close();
    });

    test('a port in use is EADDRINUSE, a foreign address EADDRNOTAVAIL', async () => {
      const world = makeWorld();
      const first = await world.net.udp({ host: at, port: 0 }, nobody);
      const foreign = at === '::1' ? '2001:db8::1' : '192.0.2.1';

      await assert.rejects(world.net.udp(first.local, nobody), { code: 'EADDRINUSE' });
      await assert.rejects(world.net.udp({ host: foreign, port: 0 }, nobody), { code: 'EADDRNOTAVAIL' });
      first.close();
    });

    test('closing frees the port, and is allowed twice and within receive', async () => {
      const world = makeWorld();
      const done = Promise.withResolvers<string>();
      const first: UdpSocket = await world.net.udp({ host: at, port: 0 }, (text) => {
        first.close();
        first.close();
        first.send('into the void', first.local, 0);
        done.resolve(text);
      });
      const client = await world.net.udp({ host: at, port: 0 }, nobody);

      client.send('bye', first.local, 0);
      await done.promise;
      const second = await world.net.udp(first.local, nobody);

      assert.equal(second.local.key, first.local.key);
      second.close();
      client.close();
    });

    test('what cannot be sent is counted, and the next datagram leaves all the same', async () => {
      const world = makeWorld();
      const inbox = new Inbox();
      const server = await world.net.udp({ host: at, port: 0 }, inbox.receive);
      const client = await world.net.udp({ host: at, port: 0 }, nobody);
      const otherFamily = new Endpoint(at === '::1' ? '127.0.0.1' : '::1', 5060);

      client.send('x'.repeat(65_508), server.local, 0);
      client.send('to port 0', new Endpoint(at, 0), 0);
      client.send('other family', otherFamily, 0);
      client.send('after', server.local, 0);
      const [got] = await inbox.until(1);

      assert.equal(got?.text, 'after');
      assert.equal(world.udpCounts.dropped, 3);
      client.close();
      server.close();
    });

    test('promises and `soon` run before the next datagrams, and what they send leaves', async () => {
      const world = makeWorld();
      const inbox = new Inbox();
      const server: UdpSocket = await world.net.udp({ host: at, port: 0 }, (text, from) => {
        void Promise.resolve().then(() => server.send(`${text} promised`, from, 0));
        world.clock.soon(() => server.send(`${text} soon`, from, 0));
      });
      const client = await world.net.udp({ host: at, port: 0 }, inbox.receive);

      client.send('a', server.local, 0);
      const got = await inbox.until(2);

      assert.deepEqual(
        got.map(({ text }) => text),
        ['a promised', 'a soon'],
      );
      client.close();
      server.close();
    });

    test('timers, soon and streams of work go on while packets flood in', async () => {
      const world = makeWorld();
      let received = 0;
      let soonRuns = 0;
      const peer: UdpSocket = await world.net.udp({ host: at, port: 0 }, (text, from) =>
        peer.send(text, from, 0),
      );
      const server: UdpSocket = await world.net.udp({ host: at, port: 0 }, (text, from) => {
        received++;
        if (received % 100 === 0) world.clock.soon(() => soonRuns++);
        server.send(text, from, received);
      });

      for (let i = 0; i < 60; i++) server.send('again and again', peer.local, i);
      let timers = 0;
      for (; timers < 5; timers++) await new Promise<void>((fire) => world.clock.after(1, fire));

      assert.equal(timers, 5);
      assert.ok(received > 60, `${received} datagrams`);
      assert.ok(Math.abs(soonRuns - received / 100) <= 5, `${soonRuns} runs for ${received} datagrams`);
      server.close();
      peer.close();
    });
  });
}

test('sockets of both kinds understand each other', async () => {
  const batch = nodeWorld({ log });
  const dgram = nodeWorld({ log, udp: 'dgram' });
  const inbox = new Inbox();
  const server = await echo(batch, loopback.host);
  const client = await dgram.net.udp(loopback, inbox.receive);

  client.send('across', server.local, 0);
  const [got] = await inbox.until(1);

  assert.equal(got?.text, 'across');
  client.close();
  server.close();
});
