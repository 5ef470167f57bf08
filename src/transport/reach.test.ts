import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseNetwork } from '../base/network.ts';
import { ClosedNetworks, isLoopback } from './reach.ts';

const closed = new ClosedNetworks(
  ['0.0.0.0/8', '169.254.0.0/16', '192.0.2.7', '224.0.0.0/3', '::', 'fe80::/10', 'ff00::/8'].flatMap(
    (text) => parseNetwork(text) ?? [],
  ),
);

// oxfmt-ignore
const hosts: readonly [host: string, isClosed: boolean][] = [
  ['0.0.0.0', true],          ['0.255.255.255', true],   ['1.0.0.0', false],
  ['169.254.169.254', true],  ['169.253.255.255', false], ['169.255.0.0', false],
  ['192.0.2.7', true],        ['192.0.2.8', false],
  ['223.255.255.255', false], ['224.0.1.75', true],      ['255.255.255.255', true],
  ['::', true],               ['::1', false],            ['fe80::1', true],
  ['fec0::1', false],         ['ff02::1', true],         ['2001:db8::1', false],
  ['::ffff:169.254.1.1', true], ['::ffff:192.0.2.8', false],
  ['example.com', false],     ['224.example.com', false], ['', false],
];
for (const [host, isClosed] of hosts)
  test(`${host || 'no host'} is ${isClosed ? '' : 'not '}in a closed network`, () =>
    assert.equal(closed.has(host), isClosed));

test('without networks nothing is closed', () => assert.equal(new ClosedNetworks([]).has('0.0.0.0'), false));

// oxfmt-ignore
const own: readonly [host: string, is: boolean][] = [
  ['127.0.0.1', true], ['127.255.255.254', true], ['::1', true], ['::ffff:127.0.0.1', true],
  ['126.255.255.255', false], ['128.0.0.0', false], ['::2', false], ['localhost', false],
];
for (const [host, is] of own)
  test(`${host} is ${is ? '' : 'not '}the machine itself`, () => assert.equal(isLoopback(host), is));
