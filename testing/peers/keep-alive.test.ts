/** What peers send only to stay connected is answered on every kind of socket. RFC 5626 §3.5, RFC 7118 §6 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import { type Exchange, startExchange } from './exchange.ts';

const PING = '\r\n\r\n';
const PONG = '\r\n';
const COOKIE = '2112a442';

let exchange: Exchange;

before(async () => {
  exchange = await startExchange([], { streams: true });
});

after(async () => {
  await exchange?.stop();
});

for (const kind of ['tcp', 'tls'] as const) {
  test(`a ping by ${kind} is answered, and once more`, { timeout: 90_000 }, async (t) => {
    const host = '127.0.0.1';
    const socket =
      kind === 'tcp'
        ? connect({ host, port: exchange.port })
        : connectTls({ host, port: exchange.ports.tls, ca: readFileSync(exchange.authority) });
    t.after(() => socket.destroy());
    await once(socket, kind === 'tcp' ? 'connect' : 'secureConnect');

    for (let i = 0; i < 2; i++) {
      socket.write(PING);
      const [heard] = (await once(socket, 'data')) as [Buffer];
      assert.equal(heard.toString('latin1'), PONG);
    }
  });
}

for (const kind of ['ws', 'wss'] as const) {
  test(`a ping by ${kind} is answered, and so is one of WebSocket`, { timeout: 90_000 }, async (t) => {
    const url = `${kind}://127.0.0.1:${exchange.ports[kind]}`;
    const socket = new WebSocket(url, 'sip', { ca: readFileSync(exchange.authority) });
    t.after(() => socket.terminate());
    await once(socket, 'open');

    socket.send(PING);
    const [heard] = (await once(socket, 'message')) as [Buffer];
    socket.ping('are you there');
    const [pong] = (await once(socket, 'pong')) as [Buffer];

    assert.deepEqual([heard.toString('latin1'), pong.toString('latin1')], [PONG, 'are you there']);
  });
}

test('a STUN request to the SIP port is told where it came from', { timeout: 90_000 }, async (t) => {
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const id = randomBytes(12).toString('hex');

  socket.send(Buffer.from(`00010000${COOKIE}${id}`, 'hex'), exchange.port, '127.0.0.1');
  const [answer] = (await once(socket, 'message')) as [Buffer];

  // XOR-MAPPED-ADDRESS of IPv4: the port with the upper half of the cookie, the address with all of it.
  assert.equal(answer.toString('hex', 0, 26), `0101000c${COOKIE}${id}002000080001`);
  assert.equal(answer.readUInt16BE(26) ^ 0x2112, socket.address().port);
  assert.equal((answer.readUInt32BE(28) ^ 0x2112a442) >>> 0, 0x7f000001);
});
