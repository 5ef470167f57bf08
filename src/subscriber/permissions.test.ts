import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import type { PickSubject } from '../route/services.ts';
import { AddressTable, parseNetwork, RULES_MAX, type AddressRule } from './address-table.ts';
import { Permissions } from './permissions.ts';

const RULES: readonly (readonly [string, string])[] = [
  ['world', '0.0.0.0/0'],
  ['office', '192.0.2.0/24'],
  ['lab', '192.0.2.128/25'],
  ['boss', '192.0.2.200'],
  ['carrier', 'udp:198.51.100.0/24:5060'],
  ['carrier', 'tls:203.0.113.7'],
  ['six', '[2001:db8::]/32'],
  ['six-lab', '2001:db8:0:8000::/49'],
  ['six-host', 'tcp:[2001:db8::1]:5061'],
];

const rules = (rows: readonly (readonly [string, string])[]): AddressRule[] =>
  rows.map(([group, text]) => ({ group, ...parseNetwork(text)! }));

function from(host: string, port = 5060, transport = 'udp'): Pick<PickSubject, 'source'> {
  return { source: { remote: new Endpoint(host, port), transport } as PickSubject['source'] };
}

// [host, port, transport, the group of the narrowest network]
const ROWS: readonly (readonly [string, number, string, string | undefined])[] = [
  ['192.0.2.7', 5060, 'udp', 'office'],
  ['192.0.2.127', 5060, 'udp', 'office'],
  ['192.0.2.128', 5060, 'udp', 'lab'],
  ['192.0.2.200', 1, 'wss', 'boss'],
  ['192.0.3.1', 5060, 'udp', 'world'],
  ['198.51.100.9', 5060, 'udp', 'carrier'],
  ['198.51.100.9', 5061, 'udp', 'world'],
  ['198.51.100.9', 5060, 'tcp', 'world'],
  ['203.0.113.7', 40_000, 'tls', 'carrier'],
  ['255.255.255.255', 5060, 'udp', 'world'],
  ['::ffff:192.0.2.200', 5060, 'udp', 'boss'],
  ['2001:db8::9', 5060, 'udp', 'six'],
  ['2001:db8:0:8000::1', 5060, 'udp', 'six-lab'],
  ['2001:db8:0:7fff:ffff::1', 5060, 'udp', 'six'],
  ['2001:db8:0:0:0:0:0:1', 5061, 'tcp', 'six-host'],
  ['2001:db9::1', 5060, 'udp', undefined],
  ['a.name.example', 5060, 'udp', undefined],
];

for (const [host, port, transport, group] of ROWS) {
  test(`${transport} ${host} port ${port} belongs to ${group}`, () => {
    assert.equal(new Permissions({ list: () => rules(RULES) }).groupOf(from(host, port, transport)), group);
  });
}

test('an address may belong to several groups; one may be asked for', () => {
  const permissions = new Permissions({ list: () => rules(RULES) });

  assert.deepEqual(
    ['world', 'office', 'lab', 'boss', 'carrier'].map((group) =>
      permissions.isIn(group, from('192.0.2.200')),
    ),
    [true, true, true, true, false],
  );
  assert.throws(() => permissions.isIn('ofice', from('192.0.2.200')), { code: 'NOT_FOUND' });
});

test('a rule that cannot be read leaves those that are there', () => {
  let list = rules(RULES);
  const permissions = new Permissions({ list: () => list });
  list = [{ group: 'office', host: '192.0.2.0', bits: 33 }];

  assert.throws(() => permissions.reload(), { code: 'INVALID' });

  assert.equal(permissions.groupOf(from('192.0.2.7')), 'office');
  list = [];
  permissions.reload();
  assert.equal(permissions.groupOf(from('192.0.2.7')), undefined);
});

const BAD = [
  '',
  '192.0.2',
  '192.0.2.0/33',
  '192.0.2.256',
  '[::1',
  '::1/129',
  'sctp:192.0.2.1',
  '192.0.2.1:65536',
  'x',
];

for (const text of BAD) {
  test(`${text === '' ? 'nothing' : text} is no network`, () => {
    assert.equal(parseNetwork(text), undefined);
  });
}

test('the narrowest network is found as a search through all of them would find it', () => {
  const table = new AddressTable();
  const all: AddressRule[] = [];
  let seed = 7;
  const random = (): number => (seed = Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
  for (let i = 0; i < 500; i++) {
    const bits = random() % 33;
    const value = bits === 0 ? 0 : (random() & (-1 << (32 - bits))) >>> 0;
    const rule = { group: `g${i}`, host: dotted(value), bits };
    if (all.some((one) => one.bits === bits && one.host === rule.host)) continue;
    all.push(rule);
    table.add(rule);
  }
  for (let i = 0; i < 500; i++) {
    const address = i % 2 === 0 ? random() : (numberOf(all[i % all.length]!.host) | (random() & 255)) >>> 0;
    const holds = ({ host, bits = 32 }: AddressRule): boolean =>
      bits === 0 || (numberOf(host) ^ address) >>> (32 - bits) === 0;
    const expected = all.filter(holds).sort((a, b) => (b.bits ?? 32) - (a.bits ?? 32))[0];
    assert.equal(table.find(dotted(address), 5060, 'udp')?.group, expected?.group);
  }
});

test('the limit of rules: at it, and one beyond', { timeout: 10_000 }, () => {
  const table = new AddressTable();
  for (let i = 0; i < RULES_MAX; i++) table.add({ group: 'g', host: dotted(i * 16) });

  assert.throws(() => table.add({ group: 'g', host: '192.0.2.1' }), { code: 'INVALID' });
});

function dotted(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

function numberOf(host: string): number {
  return host.split('.').reduce((value, part) => value * 256 + Number(part), 0);
}
