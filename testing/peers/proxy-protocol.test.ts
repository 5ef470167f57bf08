/** A balancer in front of us says who the client is: PROXY protocol version 2, by TCP, TLS and WebSocket. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type Exchange, startExchange } from './exchange.ts';

const CLIENT = '203.0.113.77';
const CLIENT_PORT = 40_404;

let exchange: Exchange;
/** One that no balancer stands before. */
let plain: Exchange;

before(async () => {
  exchange = await startExchange([], { streams: true, sip: 'proxy_protocol_from = ["127.0.0.1"]' });
  plain = await startExchange([]);
});

after(async () => {
  await exchange?.stop();
  await plain?.stop();
});

/** Signature, version 2 and PROXY, TCP over IPv4, 12 bytes: source, destination and their ports. */
function header(): Buffer {
  const bytes = Buffer.from('0d0a0d0a000d0a515549540a2111000c0000000000000000', 'hex');
  const addresses = Buffer.alloc(12);
  addresses.set(CLIENT.split('.').map(Number));
  addresses.set([192, 0, 2, 1], 4);
  addresses.writeUInt16BE(CLIENT_PORT, 8);
  addresses.writeUInt16BE(5060, 10);
  return Buffer.concat([bytes.subarray(0, 16), addresses]);
}

const OPTIONS = [
  'OPTIONS sip:tandem.test SIP/2.0',
  'Via: SIP/2.0/TCP 10.0.0.7:5060;branch=z9hG4bKbehind;rport',
  'From: <sip:probe@tandem.test>;tag=1',
  'To: <sip:tandem.test>',
  'Call-ID: behind',
  'CSeq: 1 OPTIONS',
  'Max-Forwards: 70',
  'Content-Length: 0',
  '\r\n',
].join('\r\n');

/** As a balancer does that reads more slowly than its client writes. */
async function introduce(socket: Socket, pieces: number): Promise<void> {
  await once(socket, 'connect');
  socket.setNoDelay(true);
  const bytes = header();
  const step = Math.ceil(bytes.length / pieces);
  for (let at = 0; at < bytes.length; at += step) {
    await new Promise((resolve) => socket.write(bytes.subarray(at, at + step), resolve));
  }
}

async function answer(socket: Socket): Promise<string> {
  socket.write(OPTIONS);
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  return bytes.toString('latin1');
}

for (const pieces of [1, 4]) {
  test(
    `a client by TCP is known by its own address; header in ${pieces} pieces`,
    { timeout: 90_000 },
    async (t) => {
      const socket = connect({ host: '127.0.0.1', port: exchange.port });
      t.after(() => socket.destroy());
      await introduce(socket, pieces);

      const said = await answer(socket);

      assert.match(said, new RegExp(`;rport=${CLIENT_PORT}\\b`));
      assert.match(said, new RegExp(`;received=${CLIENT}\\b`));
    },
  );
}

test('TLS begins behind the header', { timeout: 90_000 }, async (t) => {
  const under = connect({ host: '127.0.0.1', port: exchange.ports.tls });
  t.after(() => under.destroy());
  await introduce(under, 2);
  const socket = connectTls({ socket: under, rejectUnauthorized: false, servername: 'tandem.test' });
  await once(socket, 'secureConnect');

  assert.match(await answer(socket), new RegExp(`;received=${CLIENT}\\b`));
});

test('a handshake of WebSocket begins behind the header', { timeout: 90_000 }, async (t) => {
  const socket = connect({ host: '127.0.0.1', port: exchange.ports.ws });
  t.after(() => socket.destroy());
  await introduce(socket, 1);
  socket.write(
    [
      'GET / HTTP/1.1',
      'Host: tandem.test',
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Protocol: sip',
      '\r\n',
    ].join('\r\n'),
  );
  const [bytes] = (await once(socket, 'data')) as [Buffer];

  assert.match(bytes.toString('latin1'), /^HTTP\/1\.1 101 /);
});

test('from anybody but a named balancer a header names nobody', { timeout: 90_000 }, async (t) => {
  const socket = connect({ host: '127.0.0.1', port: plain.port });
  t.after(() => socket.destroy());
  await introduce(socket, 1);
  socket.on('error', () => {}); // It may be cut.
  let said = '';
  socket.on('data', (bytes) => (said += bytes.toString('latin1')));
  socket.write(OPTIONS);
  await Promise.race([once(socket, 'close'), once(socket, 'data')]);

  assert.doesNotMatch(said, new RegExp(CLIENT));
});
