/** Questions over real sockets, to a name server on the loopback. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, test } from 'node:test';
import { silentLogger } from '../base/silent-logger.ts';
import { NameServer } from '../testing/name-server.ts';
import { nodeWorld } from './node-world.ts';

const server = new NameServer();
server.add('A', 'a.test', 60, '192.0.2.1');
server.add('SRV', '_sip._udp.a.test', 60, 1, 2, 5070, 'a.test');
server.add('AAAA', 'six.test', 60, '2001:db8:0:0:0:0:0:1');

const udp = createSocket('udp4', (question, from) => {
  udp.send(server.answer(question, true), from.port, from.address);
});
udp.bind(0, '127.0.0.1');
await once(udp, 'listening');
const { port } = udp.address();
const tcp = createServer((socket) => {
  socket.on('data', (bytes: Buffer) => {
    const reply = server.answer(bytes.subarray(2), false);
    socket.write(Uint8Array.from([reply.length >>> 8, reply.length & 255, ...reply]));
  });
});
tcp.listen(port, '127.0.0.1');
await once(tcp, 'listening');
after(() => {
  udp.close();
  tcp.close();
});

function net(...ports: number[]): ReturnType<typeof nodeWorld>['net'] {
  const servers = ports.map((at) => ({ host: '127.0.0.1', port: at }));
  return nodeWorld({ log: silentLogger, udp: 'dgram', names: { servers, timeoutMs: 2_000, attempts: 1 } })
    .net;
}

test('records come by UDP', async () => {
  const names = net(port);

  const [service] = await names.resolve('_sip._udp.a.test', 'SRV');
  const [address] = await names.resolve('six.test', 'AAAA');

  assert.deepEqual([service?.target, service?.port, address?.target], ['a.test', 5070, '2001:db8::1']);
  assert.equal(names.known('six.test', 'AAAA')?.length, 1);
});

test('records that do not fit come by TCP', async () => {
  server.manner.truncates = true;
  const [address] = await net(port).resolve('a.test', 'A');
  server.manner.truncates = false;

  assert.equal(address?.target, '192.0.2.1');
});

test('a name server that nobody has started is passed over without waiting', async () => {
  const closed = createSocket('udp4');
  closed.bind(0, '127.0.0.1');
  await once(closed, 'listening');
  const unused = closed.address().port;
  closed.close();
  const started = performance.now();

  const [address] = await net(unused, port).resolve('a.test', 'A');

  assert.equal(address?.target, '192.0.2.1');
  assert.ok(performance.now() - started < 1_000);
});

test('what is not there rejects with the code of it', async () => {
  await assert.rejects(net(port).resolve('a.test', 'NAPTR'), { code: 'ENODATA' });
  await assert.rejects(net(port).resolve('b.test', 'A'), { code: 'ENOTFOUND' });
});

test('an answer from somebody else, right in every octet, is not heard', async () => {
  const forger = createSocket('udp4');
  forger.bind(0, '127.0.0.1');
  await once(forger, 'listening');
  const silent = createSocket('udp4', (question, from) => {
    forger.send(server.answer(question, true), from.port, from.address);
  });
  silent.bind(0, '127.0.0.1');
  await once(silent, 'listening');
  const servers = [{ host: '127.0.0.1', port: silent.address().port }];
  const names = nodeWorld({
    log: silentLogger,
    udp: 'dgram',
    names: { servers, timeoutMs: 100, attempts: 1 },
  });

  await assert.rejects(names.net.resolve('a.test', 'A'), { code: 'ETIMEOUT' });

  forger.close();
  silent.close();
});
