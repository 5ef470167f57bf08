import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DnsRecord } from '../base/world.ts';
import { addressOrder, serverOrder, servicesOf } from './locate-order.ts';

const ttlMs = 60_000;
const server = (target: string, priority: number, weight: number): DnsRecord => ({
  target,
  port: 5060,
  priority,
  weight,
  ttlMs,
});
const pointer = (
  order: number,
  preference: number,
  services: string,
  more: Partial<DnsRecord> = {},
): DnsRecord => ({
  target: services.toLowerCase(),
  order,
  preference,
  services,
  flags: 's',
  regexp: '',
  ttlMs,
  ...more,
});

const all = [
  pointer(50, 50, 'SIPS+D2T'),
  pointer(90, 50, 'SIP+D2T'),
  pointer(50, 10, 'SIP+D2W'),
  pointer(100, 50, 'SIP+D2U'),
  pointer(50, 90, 'SIPS+D2W'),
];
// oxfmt-ignore
const offers: [what: string, records: DnsRecord[], secure: boolean, speaks: string, found: string][] = [
  ['of the lowest order, by preference', all, false, 'udp tcp tls ws wss', 'ws tls wss'],
  ['a higher order when we speak nothing lower', all, false, 'udp tcp', 'tcp'],
  ['nothing when we speak none', all, false, '', ''],
  ['TLS alone for sips', all, true, 'udp tcp tls ws wss', 'tls wss'],
  ['flags in any letter case', [pointer(1, 1, 'sip+d2u', { flags: 'S' })], false, 'udp', 'udp'],
  ['no flag but s', [pointer(1, 1, 'SIP+D2U', { flags: 'u' })], false, 'udp', ''],
  ['no expressions', [pointer(1, 1, 'SIP+D2U', { regexp: '!.*!x!' })], false, 'udp', ''],
  ['no other services', [pointer(1, 1, 'E2U+sip'), pointer(1, 1, 'SIP+D2S')], false, 'udp', ''],
  ['no root', [pointer(1, 1, 'SIP+D2U', { target: '' })], false, 'udp', ''],
];
for (const [what, records, secure, speaks, found] of offers) {
  test(`services offered: ${what}`, () => {
    const services = servicesOf(records, secure, (transport) => speaks.split(' ').includes(transport));

    assert.equal(services.map(({ transport }) => transport).join(' '), found);
  });
}

test('servers of a lower priority come first, whatever their weight', () => {
  const records = [server('c', 30, 9), server('a', 10, 0), server('b', 20, 65_535)];

  for (let seed = 0; seed < 100; seed++) {
    assert.deepEqual(
      serverOrder(records, seed).map(({ target }) => target),
      ['a', 'b', 'c'],
    );
  }
});

// oxfmt-ignore
const shares: [weights: number[], first: number[]][] = [
  [[1, 1],      [0.5, 0.5]],
  [[10, 30, 60], [0.1, 0.3, 0.6]],
  [[0, 0],      [0.5, 0.5]],
  [[0, 99],     [0.01, 0.99]],
];
for (const [weights, expected] of shares) {
  test(`of the weights ${weights.join(', ')} each comes first by its share`, () => {
    const records = weights.map((weight, i) => server(String(i), 1, weight));
    const firsts = weights.map(() => 0);
    const rounds = 20_000;
    for (let seed = 0; seed < rounds; seed++) firsts[Number(serverOrder(records, seed)[0]?.target)]!++;

    for (const [i, count] of firsts.entries())
      assert.ok(Math.abs(count / rounds - expected[i]!) < 0.02, `${count / rounds}, not ${expected[i]}`);
  });
}

test('every order has every server once, and one seed gives one order', () => {
  const records = Array.from({ length: 20 }, (_, i) => server(String(i), i % 3, i));

  for (let seed = 0; seed < 50; seed++) {
    const order = serverOrder(records, seed);
    assert.equal(new Set(order).size, 20);
    assert.deepEqual(serverOrder(records, seed), order);
  }
});

test('addresses of one host keep their order but begin anywhere', () => {
  const records = ['a', 'b', 'c'].map((target) => ({ target, ttlMs }));
  const seen = new Set<string>();

  for (let seed = 0; seed < 100; seed++)
    seen.add(
      addressOrder(records, seed)
        .map(({ target }) => target)
        .join(''),
    );

  assert.deepEqual([...seen].sort(), ['abc', 'bca', 'cab']);
});
