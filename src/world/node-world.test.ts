import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Logger } from '../base/world.ts';
import { type OwnAddress, localAddressFor } from './local-addresses.ts';
import { nodeWorld } from './node-world.ts';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const { clock, random, net } = nodeWorld({ log: silent });

test('a timer never fires before its delay is over, and those of one delay fire in order', async () => {
  const fired: number[] = [];
  const set = clock.now();
  const early: number[] = [];

  await new Promise<void>((done) => {
    for (let i = 0; i < 20; i++) {
      clock.after(3.5, () => {
        fired.push(i);
        early.push(clock.now() - set);
        if (i === 19) done();
      });
    }
  });

  assert.deepEqual(
    fired,
    Array.from({ length: 20 }, (_, i) => i),
  );
  assert.ok(Math.min(...early) >= 3.5, `after ${Math.min(...early)} ms`);
});

test('a cancelled timer does not fire', async () => {
  let fired = false;

  clock.after(1, () => (fired = true)).cancel();
  await new Promise<void>((done) => clock.after(2, done));

  assert.equal(fired, false);
});

test('the wall clock is the wall clock', () => {
  assert.ok(Math.abs(clock.wall() - Date.now()) < 1_000);
});

// oxfmt-ignore
const tokens: [bits: number, letters: number][] = [
  [1, 1], [5, 1], [6, 2], [32, 7], [64, 13], [128, 26], [20_480, 4_096],
];
for (const [bits, letters] of tokens) {
  test(`a token of ${bits} bits has ${letters} letters and digits`, () => {
    assert.match(random.token(bits), new RegExp(`^[a-z0-9]{${letters}}$`));
  });
}

test('tokens do not repeat, and use every letter', () => {
  const made = Array.from({ length: 5_000 }, () => random.token(64));

  assert.equal(new Set(made).size, made.length);
  assert.equal(new Set(made.join('')).size, 32);
});

test('below gives every integer under the limit about as often', () => {
  const seen = new Int32Array(6);

  for (let i = 0; i < 6_000; i++) seen[random.below(6)]!++;

  assert.ok(Math.min(...seen) > 800 && Math.max(...seen) < 1_200, seen.join(' '));
  assert.equal(random.below(1), 0);
  assert.ok(random.below(2 ** 32) < 2 ** 32);
});

for (const count of [0, 1, 16, 4_096, 4_097]) {
  test(`${count} random bytes are that many`, () => {
    assert.equal(random.bytes(count).length, count);
  });
}

test('random bytes handed out do not change later', () => {
  const bytes = random.bytes(16);
  const before = [...bytes];

  for (let i = 0; i < 1_000; i++) random.bytes(16);

  assert.deepEqual([...bytes], before);
});

// oxfmt-ignore
const own: OwnAddress[] = [
  { address: '127.0.0.1',    netmask: '255.0.0.0',     family: 'IPv4', internal: true },
  { address: '192.0.2.10',   netmask: '255.255.255.0', family: 'IPv4', internal: false },
  { address: '10.1.0.5',     netmask: '255.255.0.0',   family: 'IPv4', internal: false },
  { address: 'fe80::1',      netmask: 'ffff::',        family: 'IPv6', internal: false },
  { address: '2001:db8::10', netmask: 'ffff::',        family: 'IPv6', internal: false },
];
// oxfmt-ignore
const routes: [to: string, from: string, own: OwnAddress[]][] = [
  ['127.0.0.5',    '127.0.0.1',    own],
  ['192.0.2.77',   '192.0.2.10',   own],
  ['10.1.200.1',   '10.1.0.5',     own],
  ['203.0.113.9',  '192.0.2.10',   own],
  ['203.0.113.9',  '127.0.0.1',    []],
  ['::1',          '::1',          own],
  ['2001:db8::77', '2001:db8::10', own],
  ['2001:db8::77', 'fe80::1',      own.slice(0, 4)],
  ['2001:db8::77', '::1',          []],
];
for (const [to, from, addresses] of routes) {
  test(`a peer at ${to} sees ${from} of ${addresses.length} addresses`, () => {
    assert.equal(localAddressFor(to, addresses), from);
  });
}

test('localhost is known without a DNS server', async () => {
  const [found] = await net.resolve('localhost', 'A');

  assert.equal(found?.target, '127.0.0.1');
  assert.ok((found?.ttlMs ?? 0) > 0);
});
