import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { describe, test } from 'node:test';
import type { ByteStream, HostPort, Logger, Net, StreamEnd, StreamUser } from '../base/world.ts';
import { limits } from './limits.ts';
import { nodeWorld } from './node-world.ts';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Keeps what a stream tells; `end` is awaited by tests. */
class Talk implements StreamUser {
  text = '';
  closes = 0;
  readonly ended = Promise.withResolvers<{ why: StreamEnd; detail: string }>();
  onData: (text: string) => void = () => {};

  data(text: string): void {
    this.text += text;
    this.onData(text);
  }

  closed(why: StreamEnd, detail: string): void {
    this.closes++;
    this.ended.resolve({ why, detail });
  }
}

// oxfmt-ignore
const implementations: { name: string; at: string; net: Net }[] = [
  { name: 'batches',           at: '127.0.0.1', net: nodeWorld({ log: silent }).net },
  { name: 'batches over IPv6', at: '::1',       net: nodeWorld({ log: silent }).net },
  { name: 'unpaced batches',   at: '127.0.0.1', net: nodeWorld({ log: silent, pacing: false }).net },
  { name: "Node's streams",    at: '127.0.0.1', net: nodeWorld({ log: silent, udp: 'dgram' }).net },
];

async function pair(
  net: Net,
  loopback: HostPort,
): Promise<{ client: ByteStream; server: ByteStream; near: Talk; far: Talk }> {
  const near = new Talk();
  const far = new Talk();
  const accepted = Promise.withResolvers<ByteStream>();
  const listener = await net.listen(loopback, (stream) => {
    accepted.resolve(stream);
    return far;
  });
  const client = net.connect(listener.local, near);
  const server = await accepted.promise;
  listener.close();
  return { client, server, near, far };
}

for (const { name, at, net } of implementations) {
  describe(`TCP by ${name}`, { timeout: 10_000 }, () => {
    const loopback = { host: at, port: 0 };

    test('every byte arrives unchanged, written before the connection stands', async () => {
      const bytes = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i)).repeat(40);
      const far = new Talk();
      const listener = await net.listen(loopback, () => far);
      const near = new Talk();
      const client = net.connect(listener.local, near);

      const taken = client.write(bytes);
      client.end();
      const end = await far.ended.promise;

      assert.equal(taken, true);
      assert.equal(far.text, bytes);
      assert.equal(end.why, 'end');
      assert.equal((await near.ended.promise).why, 'local');
      listener.close();
    });

    test('under load, with turns that are paced, every message comes back in its order', async () => {
      const { client, server, near, far } = await pair(net, loopback);
      const count = 2_000;
      const messages = Array.from({ length: count }, (_, i) => `${i};${'x'.repeat(200)}\n`);
      const back = Promise.withResolvers<void>();
      const length = messages.reduce((sum, message) => sum + message.length, 0);
      far.onData = (text) => assert.equal(server.write(text), true);
      near.onData = () => void (near.text.length === length && back.resolve());

      for (let i = 0; i < count; i += 10) {
        assert.equal(client.write(messages.slice(i, i + 10).join('')), true);
        await new Promise(setImmediate);
      }
      await back.promise;

      assert.equal(near.text, messages.join(''));
      client.destroy();
      await far.ended.promise;
    });

    test('both ends know their addresses', async () => {
      const { client, server, far } = await pair(net, loopback);
      client.write('x');
      await new Promise<void>((heard) => (far.onData = () => heard()));

      assert.equal(client.local.key, server.remote.key);
      assert.equal(client.remote.key, server.local.key);
      client.destroy();
      await far.ended.promise;
    });

    test('closed is told once, whoever closes', async () => {
      const { client, server, near, far } = await pair(net, loopback);

      server.end();
      server.end();
      server.destroy();
      client.destroy();
      await Promise.all([near.ended.promise, far.ended.promise]);
      await new Promise(setImmediate);

      assert.deepEqual([near.closes, far.closes], [1, 1]);
      assert.equal(server.write('too late'), false);
    });

    test('nobody listens: closed with error and the reason', async () => {
      const listener = await net.listen(loopback, () => new Talk());
      listener.close();
      const talk = new Talk();

      net.connect(listener.local, talk);
      const end = await talk.ended.promise;

      assert.equal(end.why, 'error');
      assert.match(end.detail, /ECONNREFUSED/);
    });

    test('a peer that breaks off is an error', async () => {
      const far = new Talk();
      const accepted = Promise.withResolvers<void>();
      const listener = await net.listen(loopback, () => {
        accepted.resolve();
        return far;
      });
      const raw = connect(listener.local.port, listener.local.host);
      await accepted.promise;

      raw.resetAndDestroy();
      const end = await far.ended.promise;

      assert.equal(end.why, 'error');
      assert.match(end.detail, /ECONNRESET/);
      listener.close();
    });

    test('write refuses once more than the limit waits, and takes again when it has left', async () => {
      const peer = createServer((socket) => socket.pause());
      await new Promise<void>((listening) => peer.listen(0, at, listening));
      const address = peer.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const talk = new Talk();
      const stream = net.connect({ host: at, port }, talk);
      const half = 'x'.repeat(limits.streamQueueBytes / 2);

      const taken = [stream.write(half), stream.write(half), stream.write('1'), stream.write('2')];

      assert.deepEqual(taken, [true, true, true, false]);
      stream.destroy();
      assert.equal((await talk.ended.promise).why, 'local');
      peer.close();
    });

    test('a peer that reads slowly gets every byte in its order', async () => {
      const { client, server, near, far } = await pair(net, loopback);
      const pieces = 400;
      const piece = (i: number): string => `${i}:${'x'.repeat(40_000 + (i % 7))}\n`;
      const expected = Array.from({ length: pieces }, (_, i) => piece(i)).join('');
      const all = Promise.withResolvers<void>();
      let refused = 0;
      let length = 0;
      far.onData = (text) => {
        far.text = '';
        received.push(text);
        length += text.length;
        if (length === expected.length) all.resolve();
      };
      const received: string[] = [];

      // More than the kernel takes at once: what is left waits for room.
      for (let i = 0; i < pieces;) {
        if (client.write(piece(i))) i++;
        else {
          refused++;
          await new Promise(setImmediate);
        }
      }
      await all.promise;

      assert.ok(refused > 0);
      assert.equal(received.join('') === expected, true);
      server.destroy();
      client.destroy();
      await Promise.all([near.ended.promise, far.ended.promise]);
    });

    test('what was written before the end arrives, however much it is', async () => {
      const { client, server, near, far } = await pair(net, loopback);
      const text = 'y'.repeat(limits.streamQueueBytes);

      assert.equal(server.write(text), true);
      server.end();
      const end = await near.ended.promise;

      assert.deepEqual([near.text.length, end.why], [text.length, 'end']);
      assert.equal((await far.ended.promise).why, 'local');
      client.destroy();
    });

    for (const weEnd of [false, true]) {
      const ours = weEnd ? ', which we ended too' : '';
      test(`a peer that has ended its own direction gets what waits${ours}`, async () => {
        const far = new Talk();
        const accepted = Promise.withResolvers<ByteStream>();
        const listener = await net.listen(loopback, (stream) => {
          accepted.resolve(stream);
          return far;
        });
        const raw = connect({ host: at, port: listener.local.port, allowHalfOpen: true }).pause();
        const stream = await accepted.promise;
        const piece = 'x'.repeat(40_000);
        let written = 0;
        // Until the kernel takes no more, and our own queue is full.
        for (let refused = 0; refused < 20;) {
          if (stream.write(piece)) written += piece.length;
          else refused++;
          await new Promise(setImmediate);
        }

        if (weEnd) stream.end();
        await new Promise<void>((ended) => raw.end(ended));
        let length = 0;
        raw.on('data', (bytes) => (length += bytes.length)).resume();
        const end = await far.ended.promise;
        await new Promise((closed) => raw.once('close', closed));

        assert.deepEqual([length, end.why], [written, weEnd ? 'local' : 'end']);
        listener.close();
      });
    }

    test('one that is closed by what another brought in the same look hears nothing more', async () => {
      const first = await pair(net, loopback);
      const second = await pair(net, loopback);
      const heard: string[] = [];
      first.far.onData = () => {
        heard.push('first');
        second.server.destroy();
      };
      second.far.onData = () => {
        heard.push('second');
        first.server.destroy();
      };

      first.client.write('x');
      second.client.write('x');
      await Promise.race([first.far.ended.promise, second.far.ended.promise]);
      first.client.destroy();
      second.client.destroy();
      await Promise.all([first.far.ended.promise, second.far.ended.promise]);

      assert.equal(heard.length, 1);
      assert.deepEqual([first.far.closes, second.far.closes], [1, 1]);
    });

    // The system reads each of them as an address of this machine.
    for (const kind of ['tcp', 'tls', 'ws', 'wss'] as const) {
      for (const host of ['0177.0.0.1', '127.1', '2130706433', '0x7f.0.0.1', 'localhost']) {
        test(`${host}, which is no address, is not connected to by ${kind}`, async () => {
          const accepted: ByteStream[] = [];
          const listener = await net.listen(loopback, (stream) => {
            accepted.push(stream);
            return new Talk();
          });
          const talk = new Talk();

          net.connect({ host, port: listener.local.port }, talk, { kind });
          const end = await talk.ended.promise;

          assert.deepEqual([end.why, accepted], ['error', []]);
          assert.match(end.detail, /expected an address/);
          listener.close();
        });
      }
    }

    test('a port in use is EADDRINUSE', async () => {
      const first = await net.listen(loopback, () => new Talk());

      await assert.rejects(
        net.listen(first.local, () => new Talk()),
        { code: 'EADDRINUSE' },
      );
      first.close();
    });
  });
}
