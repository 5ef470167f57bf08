import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint, intToIp4, ip4ToInt, isIp6, isIpAddress } from './endpoint.ts';

for (const host of ['127.0.0.1', '192.0.2.255', '255.255.255.255', '10.0.0.1']) {
  test(`${host} is four bytes and back`, () => assert.equal(intToIp4(ip4ToInt(host)), host));
}

for (const host of ['0.0.0.0', '10.0.0.0', '0.0.0.1', '100.0.10.0']) {
  test(`${host} is an IPv4 address, with zeros that stand alone or behind`, () =>
    assert.equal(isIpAddress(host), true));
}

const noIp4 = [
  '',
  '1.2.3',
  '1.2.3.4.5',
  '256.1.1.1',
  '1.2.3.',
  'a.b.c.d',
  '1..2.3',
  '0001.2.3.4',
  '01.2.3.4',
  '1.2.3.04',
  '012.0.0.5',
  '1.00.3.4',
  '192.0.002.7',
  ' 1.2.3.4',
];
for (const host of noIp4) {
  test(`"${host}" is no IPv4 address`, () => {
    assert.equal(ip4ToInt(host), 0);
    assert.equal(isIpAddress(host), false);
  });
}

test('zeros alone are an address in one spelling only', () => {
  for (const host of ['00.0.0.0', '0.0.0.00', '000.000.000.000'])
    assert.equal(isIpAddress(host), false, host);
});

// address                    is one
const ip6: readonly [string, boolean][] = [
  ['::1', true],
  ['::', true],
  ['2001:db8::9:1', true],
  ['2001:db8:0:0:0:0:0:1', true],
  ['::ffff:192.0.2.2', true],
  ['2001:db8::10:5070', true],
  ['::ffff:012.0.0.5', false],
  ['2001:db8:::192.0.2.1', false],
  ['2001:db8', false],
  ['1:2:3:4:5:6:7:8:9', false],
  ['1::2::3', false],
  ['12345::', false],
  ['g::1', false],
];
for (const [host, is] of ip6)
  test(`${host} is ${is ? 'an' : 'no'} IPv6 address`, () => assert.equal(isIp6(host), is));

test('a name is no address', () => assert.equal(isIpAddress('example.com'), false));

test('an IPv6 endpoint is written in brackets', () => {
  assert.equal(new Endpoint('2001:db8::1', 5060).key, '[2001:db8::1]:5060');
  assert.equal(new Endpoint('192.0.2.1', 5060).key, '192.0.2.1:5060');
});

for (const [one, other, is] of [
  [new Endpoint('192.0.2.1', 5060), new Endpoint('192.0.2.1', 5060), true],
  [new Endpoint('192.0.2.1', 5060), new Endpoint('192.0.2.1', 5061), false],
  [new Endpoint('192.0.2.1', 5060), new Endpoint('192.0.2.2', 5060), false],
  [new Endpoint('2001:db8::1', 5060), new Endpoint('2001:db8::1', 5060), true],
  [new Endpoint('2001:db8::1', 5060), new Endpoint('2001:db8::2', 5060), false],
  [new Endpoint('0.0.0.0', 5060), new Endpoint('0.0.0.0', 5060), true],
  [new Endpoint('0.0.0.0', 5060), new Endpoint('2001:db8::1', 5060), false],
] as const) {
  test(`${one.key} is ${is ? '' : 'not '}${other.key}`, () => assert.equal(one.equals(other), is));
}
