import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadKernel } from './kernel.ts';
import { printIp6, SocketAddress } from './socket-address.ts';

const kernel = loadKernel();

// [an address, as the kernel gives it back]
const addresses: readonly [host: string, port: number, back: string][] = [
  ['0.0.0.0', 0, '0.0.0.0'],
  ['127.0.0.1', 5060, '127.0.0.1'],
  ['255.255.255.255', 65_535, '255.255.255.255'],
  ['::', 0, '::'],
  ['::1', 5061, '::1'],
  ['2001:db8::a:0:0:1', 1, '2001:db8::a:0:0:1'],
  ['2001:DB8:0:0:1::1', 5060, '2001:db8::1:0:0:1'],
  ['ff02::1:2:3:4:5:6', 80, 'ff02:0:1:2:3:4:5:6'],
];

for (const [host, port, back] of addresses) {
  test(`${host} port ${port} is written and read`, () => {
    const address = new SocketAddress(kernel);

    const length = address.write({ host, port });
    const read = address.read();

    assert.equal(length, host.includes(':') ? 28 : 16);
    assert.deepEqual([read.host, read.port], [back, port]);
  });
}

test('one place holds one address after the other', () => {
  const address = new SocketAddress(kernel);

  address.write({ host: '2001:db8::ffff', port: 9 });
  address.write({ host: '192.0.2.1', port: 5060 });

  assert.equal(address.read().key, '192.0.2.1:5060');
});

test('what is no address is refused', () => {
  assert.throws(
    () => new SocketAddress(kernel).write({ host: 'example.com', port: 1 }),
    /expected an address/,
  );
});

test('the longest run of zeros is left out, the first of equals', () => {
  assert.equal(printIp6(Buffer.from('20010db8000000000001000000000001', 'hex')), '2001:db8::1:0:0:1');
});
