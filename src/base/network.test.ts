import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ip4ToInt } from './endpoint.ts';
import { addressWords, isSameHost, isWithin, mappedIp4, parseNetwork } from './network.ts';

//  network             address                  in it
const rows: readonly [string, string, boolean][] = [
  ['192.0.2.0/24', '192.0.2.0', true],
  ['192.0.2.0/24', '192.0.2.255', true],
  ['192.0.2.0/24', '192.0.3.0', false],
  ['192.0.2.7', '192.0.2.7', true],
  ['192.0.2.7', '192.0.2.6', false],
  ['0.0.0.0/0', '203.0.113.9', true],
  ['0.0.0.0/0', '2001:db8::1', false],
  ['127.0.0.0/8', '127.255.0.1', true],
  ['127.0.0.0/8', '::ffff:127.0.0.1', true],
  ['128.0.0.0/1', '255.255.255.255', true],
  ['128.0.0.0/1', '127.255.255.255', false],
  ['::1', '::1', true],
  ['::1/128', '::2', false],
  ['2001:db8::/32', '2001:db8:ffff::1', true],
  ['2001:db8::/32', '2001:db9::1', false],
  ['2001:db8:0:1::/64', '2001:db8:0:1:2:3:4:5', true],
  ['2001:db8:0:1::/64', '2001:db8:0:2:2:3:4:5', false],
  ['::/0', '192.0.2.1', true],
  ['fe80::/10', 'fe80::1%eth0', true],
];

for (const [network, address, within] of rows) {
  test(`${address} is ${within ? '' : 'not '}in ${network}`, () => {
    const parsed = parseNetwork(network);
    const words = addressWords(address);

    assert.ok(parsed !== undefined && words !== undefined);
    assert.equal(isWithin([parsed], words), within);
  });
}

for (const text of [
  '',
  'example.com',
  '192.0.2.0/33',
  '192.0.2.1/24',
  '192.0.2.0/',
  '192.0.2.0/-1',
  '192.0.2.0/1e1',
  '2001:db8::/129',
  '2001:db8::1/64',
  '1.2.3/8',
]) {
  test(`no network: ${text}`, () => assert.equal(parseNetwork(text), undefined));
}

test('an IPv4 address is the same mapped into IPv6 or not', () => {
  const words = addressWords('::ffff:192.0.2.7');

  assert.deepEqual(words, addressWords('192.0.2.7'));
  assert.equal(mappedIp4(words ?? [0, 0, 0, 0]), ip4ToInt('192.0.2.7'));
  assert.equal(mappedIp4(addressWords('2001:db8::7') ?? [0, 0, 0, 0]), undefined);
});

// oxfmt-ignore
const hosts: readonly [host: string, other: string, isSame: boolean][] = [
  ['192.0.2.7',    '192.0.2.7',              true],
  ['192.0.2.7',    '::ffff:192.0.2.7',       true],
  ['2001:db8::7',  '2001:DB8:0:0:0:0:0:7',   true],
  ['192.0.2.7',    '192.0.2.8',              false],
  ['2001:db8::7',  '2001:db8::8',            false],
  ['a.invalid',    'a.invalid',              true],
  ['a.invalid',    'b.invalid',              false],
  ['192.0.2.7',    '192.0.2.07',             false],
];
for (const [host, other, isSame] of hosts) {
  test(`${host} is ${isSame ? '' : 'not '}the same host as ${other}`, () =>
    assert.deepEqual([isSameHost(host, other), isSameHost(other, host)], [isSame, isSame]));
}
