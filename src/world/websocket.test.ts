import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { Endpoint } from '../base/endpoint.ts';
import { silentLogger } from '../base/silent-logger.ts';
import type { ByteStream, Listener } from '../base/world.ts';
import { StreamTalk } from '../testing/stream-talk.ts';
import { limits } from './limits.ts';
import { nodeWorld } from './node-world.ts';
import { SocketStream } from './tcp.ts';
import { WebSocketAcceptor } from './websocket.ts';

const loopback = { host: '127.0.0.1', port: 0 };
const PAGE = 'https://phone.example.com';

describe('WebSocket', { timeout: 10_000 }, () => {
  const { net } = nodeWorld({ log: silentLogger });

  interface Opened {
    readonly listener: Listener;
    readonly far: StreamTalk;
    readonly streams: ByteStream[];
  }

  async function open(origins: readonly string[] = [], messageMs = 10_000): Promise<Opened> {
    const far = new StreamTalk();
    const streams: ByteStream[] = [];
    const accept = (stream: ByteStream): StreamTalk => {
      streams.push(stream);
      return far;
    };
    const listener = await net.listen(loopback, accept, { kind: 'ws', origins, messageMs });
    return { listener, far, streams };
  }

  function dial(listener: Listener, protocols: string | string[] = 'sip', origin?: string): WebSocket {
    const options = origin === undefined ? {} : { origin };
    return new WebSocket(`ws://${listener.local.key}/any/path`, protocols, {
      perMessageDeflate: true,
      ...options,
    });
  }

  /** How an attempt ends: `open`, or the HTTP status. */
  function outcome(socket: WebSocket): Promise<string> {
    return new Promise((resolve) => {
      socket.on('open', () => resolve(`open ${socket.protocol} ${socket.extensions}`.trim()));
      socket.on('unexpected-response', (_, response) => resolve(String(response.statusCode)));
      socket.on('error', (error) => resolve(error.message));
    });
  }

  // oxfmt-ignore
  const attempts: readonly [name: string, protocols: string | string[], origin: string | undefined, ends: string][] = [
    ['the sub-protocol sip, no page',          'sip',           undefined,                     'open sip'],
    ['the sub-protocol sip among others',      ['xmpp', 'sip'], undefined,                     'open sip'],
    ['the page that is allowed',               'sip',           PAGE,                          'open sip'],
    ['another page',                           'sip',           'https://evil.example.com',    '403'],
    ['a page on another port',                 'sip',           `${PAGE}:8443`,                '403'],
    ['no page at all, said so',                'sip',           'null',                        '403'],
    ['another sub-protocol',                   'xmpp',          undefined,                     '400'],
    ['none',                                   [],              undefined,                     '400'],
  ];
  for (const [name, protocols, origin, ends] of attempts) {
    test(`${name}: ${ends}, never compressed`, async () => {
      const { listener, far } = await open([PAGE]);
      const socket = dial(listener, protocols, origin);

      const ended = await outcome(socket);

      assert.equal(ended, ends);
      socket.terminate();
      assert.equal(far.isOpen, ends.startsWith('open'));
      await far.ended.promise;
      listener.close();
    });
  }

  test('without a list every page may connect', async () => {
    const { listener, far } = await open();
    const socket = dial(listener, 'sip', 'https://any.example.com');

    assert.equal(await outcome(socket), 'open sip');

    socket.terminate();
    await far.ended.promise;
    listener.close();
  });

  test('text and binary frames are messages, and so is what comes in parts', async () => {
    const { listener, far } = await open();
    const socket = dial(listener);
    await outcome(socket);

    socket.send('text \u00e9'); // Two bytes in UTF-8.
    socket.send(Buffer.from([0x62, 0xe9]));
    socket.send('in ', { fin: false });
    socket.send('parts', { fin: true });
    await far.heard(3);

    assert.deepEqual(far.texts, ['text \u00c3\u00a9', 'b\u00e9', 'in parts']);
    socket.terminate();
    await far.ended.promise;
    listener.close();
  });

  test('what is UTF-8 leaves as text, what is not as binary', async () => {
    const { listener, far, streams } = await open();
    const socket = dial(listener);
    await outcome(socket);
    await far.ready.promise;
    const got: [string, boolean][] = [];
    const both = new Promise<void>((resolve) =>
      socket.on('message', (bytes: Buffer, isBinary) => {
        got.push([bytes.toString('latin1'), isBinary]);
        if (got.length === 2) resolve();
      }),
    );

    streams[0]?.write('\u00c3\u00a9');
    streams[0]?.write('\u00e9');
    await both;

    assert.deepEqual(got, [
      ['\u00c3\u00a9', false],
      ['\u00e9', true],
    ]);
    socket.terminate();
    await far.ended.promise;
    listener.close();
  });

  test(`a message of ${limits.webSocketMessageBytes} bytes comes in, one byte more ends it with 1009`, async () => {
    const { listener, far } = await open();
    const socket = dial(listener);
    await outcome(socket);

    socket.send('x'.repeat(limits.webSocketMessageBytes));
    await far.heard(1);
    socket.send('x'.repeat(limits.webSocketMessageBytes + 1));
    const code = await new Promise((resolve) => socket.once('close', resolve));

    assert.equal(code, 1009);
    assert.equal((await far.ended.promise).why, 'error');
    assert.equal(far.texts.length, 1);
    listener.close();
  });

  test(`a message in ${limits.webSocketFragments} parts comes in, in one more it ends the connection`, async () => {
    const { listener, far } = await open();
    const socket = dial(listener);
    await outcome(socket);
    const inParts = (count: number): void => {
      for (let i = 1; i <= count; i++) socket.send('x', { fin: i === count });
    };

    inParts(limits.webSocketFragments);
    await far.heard(1);
    inParts(limits.webSocketFragments + 1);
    await new Promise((resolve) => socket.once('close', resolve));

    assert.equal((await far.ended.promise).why, 'error');
    assert.equal(far.texts.length, 1);
    listener.close();
  });

  test('a ping is answered', async () => {
    const { listener, far } = await open();
    const socket = dial(listener);
    await outcome(socket);

    const pong = new Promise<Buffer>((resolve) => socket.once('pong', resolve));
    socket.ping('are you there');

    assert.equal(String(await pong), 'are you there');
    socket.terminate();
    await far.ended.promise;
    listener.close();
  });

  for (const beyond of [0, 1]) {
    const count = limits.webSocketControls + beyond;
    test(`${count} pongs that nobody asked for ${beyond === 0 ? 'do no harm' : 'end the connection'}`, async () => {
      const { listener, far } = await open();
      const socket = dial(listener).on('error', () => {});
      await outcome(socket);

      for (let i = 0; i < count; i++) socket.pong();
      if (beyond === 0) socket.send('still here');
      await Promise.race([far.heard(1), far.ended.promise]);

      assert.deepEqual(far.texts, beyond === 0 ? ['still here'] : []);
      socket.terminate();
      await far.ended.promise;
      listener.close();
    });
  }

  // oxfmt-ignore
  const frames: readonly [name: string, bytes: Buffer, code: number][] = [
    ['an unmasked frame',            Buffer.from([0x81, 0x02, 0x68, 0x69]),                            1002],
    ['a frame of a gigabyte',        Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4]), 1009],
    ['a compressed frame',           Buffer.from([0xc1, 0x81, 1, 2, 3, 4, 5]),                         1002],
  ];
  for (const [name, bytes, code] of frames) {
    test(`${name} ends the connection with ${code}`, async () => {
      const { listener, far } = await open();
      const socket = await dialRaw(listener);

      socket.write(bytes);
      const said = await allOf(socket);

      assert.equal(said.subarray(-2).readUInt16BE(), code);
      assert.equal((await far.ended.promise).why, 'error');
      assert.deepEqual(far.texts, []);
      listener.close();
    });
  }

  const PING = [0x89, 0x80, 1, 2, 3, 4];
  const BEGUN = [0x01, 0x82, 0, 0, 0, 0, 0x68, 0x69];
  // oxfmt-ignore
  const drips: readonly [name: string, first: number[], each: number[], ends: boolean][] = [
    ['a frame that trickles in',              [0x81, 0xfd],          [0x0a], true],
    ['a ping that trickles in',               [0x89, 0xfd],          [0x0a], true],
    ['a message that never has a last part',  BEGUN,                 [0x00, 0x81, 0, 0, 0, 0, 0x0a], true],
    ['the same with pings in between',        BEGUN,                 PING,   true],
    ['pings alone',                           PING,                  PING,   false],
    ['small messages alone',                  [0x81, 0x80, 1, 2, 3], [4, 0x81, 0x80, 1, 2, 3], false],
  ];
  for (const [name, first, each, ends] of drips) {
    test(`${name} ${ends ? 'is cut when its time is over' : 'may go on'}`, async () => {
      const { listener, far } = await open([], ends ? 40 : 200);
      const socket = (await dialRaw(listener)).setNoDelay().on('error', () => {});
      const cut = far.ended.promise.then(() => true);

      socket.write(Buffer.from(first));
      const drip = setInterval(() => socket.write(Buffer.from(each)), 4);
      const whole = new Promise<boolean>(
        (resolve) => void setTimeout(() => resolve(false), ends ? 2_000 : 300),
      );
      const wasCut = await Promise.race([cut, whole]);
      clearInterval(drip);

      assert.equal(wasCut, ends);
      socket.destroy();
      listener.close();
    });
  }

  test('who asks for a web page is told 426', async () => {
    const { listener, far } = await open();
    const socket = connect(listener.local.port, '127.0.0.1');

    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const said = await allOf(socket);

    assert.match(said.toString(), /^HTTP\/1\.1 426 /);
    await far.ended.promise;
    assert.equal(far.isOpen, false);
    listener.close();
  });

  for (const version of ['', '7', '8', '14', '13, 8', '013']) {
    test(`version ${version || 'none'} is told 426, and which we speak`, async () => {
      const { listener, far } = await open();
      const socket = connect(listener.local.port, '127.0.0.1');
      const field = version === '' ? '' : `Sec-WebSocket-Version: ${version}\r\n`;

      socket.write(
        'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
          `${field}Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Protocol: sip\r\n\r\n`,
      );
      const said = (await allOf(socket)).toString();

      assert.match(said, /^HTTP\/1\.1 426 Upgrade Required\r\n/);
      assert.match(said, /\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n/);
      await far.ended.promise;
      assert.equal(far.isOpen, false);
      listener.close();
    });
  }

  test('a head that is too long is refused', async () => {
    const { listener, far } = await open();
    const socket = connect(listener.local.port, '127.0.0.1').on('error', () => {});

    socket.write(`GET / HTTP/1.1\r\nX: ${'x'.repeat(limits.upgradeHeadBytes)}\r\n\r\n`);
    const said = await allOf(socket);

    assert.match(said.toString(), /^HTTP\/1\.1 431 /);
    await far.ended.promise;
    listener.close();
  });

  for (const answers of [true, false]) {
    test(`who ${answers ? 'answers pings stays' : 'does not answer pings is closed'}`, async () => {
      const far = new StreamTalk();
      const acceptor = new WebSocketAcceptor([], limits.webSocketMessageMs, 20);
      const listener = await listenWith(acceptor, far);
      const socket = new WebSocket(`ws://127.0.0.1:${listener.port}`, 'sip', { autoPong: answers });
      await outcome(socket);
      const pings = new Promise<void>((resolve) => {
        let count = 0;
        socket.on('ping', () => (++count === 4 ? resolve() : undefined));
      });

      const first = await Promise.race([pings.then(() => 'pinged'), far.ended.promise.then(() => 'closed')]);

      assert.equal(first, answers ? 'pinged' : 'closed');
      socket.terminate();
      listener.close();
    });
  }

  async function dialRaw(listener: Listener): Promise<Socket> {
    const socket = connect(listener.local.port, '127.0.0.1');
    const key = randomBytes(16).toString('base64');
    socket.write(
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
        `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Protocol: sip\r\n\r\n`,
    );
    await new Promise((resolve) => socket.once('data', resolve));
    return socket;
  }
});

async function allOf(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(chunks);
}

/** A listener whose pings are quicker than those of production. */
async function listenWith(
  acceptor: WebSocketAcceptor,
  user: StreamTalk,
): Promise<{ readonly port: number; close(): void }> {
  const server = createServer((socket) => {
    const stream = new SocketStream(socket, new Endpoint('127.0.0.1', socket.remotePort ?? 0));
    stream.serve(user);
    acceptor.accept(socket, user, (carrier) => {
      stream.carry(carrier);
      stream.opened();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { port, close: () => void server.close() };
}
