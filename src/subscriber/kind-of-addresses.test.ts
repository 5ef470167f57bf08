import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import type { PickSubject } from '../route/services.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import type { Value } from '../store/writer.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { parseNetwork, RULES_MAX } from './address-table.ts';
import { addresses } from './kind-of-addresses.ts';
import { readRow } from './kind.ts';
import { Permissions } from './permissions.ts';
import { Provisions } from './provisions.ts';

function open(): { clock: SimClock; provisions: Provisions; written: [string, readonly Value[]][] } {
  const clock = new SimClock();
  const written: [string, readonly Value[]][] = [];
  const writer = new MemoryWriter(clock, { observe: (name, values) => void written.push([name, values]) });
  const unreadable = (table: string, why: string): void => assert.fail(`${table}: ${why}`);
  return { clock, provisions: new Provisions({ writer, clock, unreadable }), written };
}

//    typed                        as it is kept              ip             mask  port  proto
const networks: [string, string, readonly [string, number, number, string]][] = [
  ['192.0.2.7', '192.0.2.7', ['192.0.2.7', 32, 0, 'any']],
  ['192.0.2.7/32', '192.0.2.7', ['192.0.2.7', 32, 0, 'any']],
  ['UDP:192.0.2.0/24:5060', 'udp:192.0.2.0/24:5060', ['192.0.2.0', 24, 5060, 'udp']],
  ['0.0.0.0/0', '0.0.0.0/0', ['0.0.0.0', 0, 0, 'any']],
  ['2001:DB8::/32', '[2001:db8::]/32', ['2001:db8::', 32, 0, 'any']],
  ['tls:[2001:db8::1]:5061', 'tls:[2001:db8::1]:5061', ['2001:db8::1', 128, 5061, 'tls']],
];

for (const [typed, kept, columns] of networks) {
  test(`${typed} is kept as ${kept}, and is the same after the database`, () => {
    const row = readRow(addresses, { address: typed, group: 4 });
    const { ip, mask, port, proto, grp } = addresses.columnsOf(row, 0);

    assert.equal(row.address, kept);
    assert.deepEqual([ip, mask, port, proto, grp], [...columns, 4]);
    assert.deepEqual(addresses.rowOf({ ...addresses.columnsOf(row, 0) }), row);
  });
}

for (const wrong of ['192.0.2.7/24', '192.0.2.0/33', 'sctp:192.0.2.7', '192.0.2.7:65536', 'a.example', '']) {
  test(`${JSON.stringify(wrong)} is no network to trust`, () => {
    assert.throws(() => readRow(addresses, { address: wrong, group: 4 }), {
      code: 'INVALID',
      message: /^address: expected a network such as 192\.0\.2\.0\/24/,
    });
  });
}

const subject = (host: string): Pick<PickSubject, 'source'> => ({
  source: { remote: new Endpoint(host, 5060), transport: 'udp' } as PickSubject['source'],
});

test('what is added or removed holds for the next look-up', async () => {
  const { clock, provisions, written } = open();
  const { addresses: shelf } = provisions;
  const rules = {
    list: () => shelf.list(),
    get version() {
      return shelf.version;
    },
  };
  const permissions = new Permissions(rules, { clock, failed: (why) => assert.fail(why) });
  const groups = (): (string | undefined)[] =>
    ['192.0.2.7', '198.51.100.1'].map((host) => permissions.groupOf(subject(host)));

  assert.deepEqual(groups(), [undefined, undefined]);
  await clock.until(shelf.add({ address: '192.0.2.0/24', group: 4, context: 'our office' }));
  await clock.until(shelf.add({ address: '198.51.100.1', group: 0, context: 'pbx@example.com' }));
  assert.deepEqual(groups(), ['4', 'pbx@example.com']);
  assert.equal(permissions.isIn('4', subject('192.0.2.9')), true);
  await clock.until(shelf.remove({ address: '192.0.2.0/24', group: 4 }));
  await clock.until(provisions.removeOf('pbx', 'example.com'));
  assert.deepEqual(groups(), [undefined, undefined]);

  assert.deepEqual(
    written.map(([name]) => name),
    ['deleteAddress', 'insertAddress', 'deleteAddress', 'insertAddress', 'deleteAddress', 'deleteAddress'],
  );
});

test('the rules are read anew a tenth of the time at most, however often they change', () => {
  let [version, now, read] = [0, 0, 0];
  const rules = {
    list: () => {
      read++;
      now += 20;
      return [];
    },
    get version() {
      return version;
    },
  };
  const permissions = new Permissions(rules, { clock: { now: () => now }, failed: () => {} });
  read = 0;

  for (const end = now + 2_200; now < end; now++) {
    version++;
    permissions.groupOf(subject('192.0.2.7'));
  }

  assert.equal(read, 10);
});

test('as many rules as there may be are followed; with one more the old ones stay, and it is told', () => {
  const one = { group: 'a', ...parseNetwork('192.0.2.7')! };
  let [version, count] = [0, 0];
  const rules = {
    list: () => Array.from({ length: count }, () => one),
    get version() {
      return version;
    },
  };
  const told: string[] = [];
  const failed = ({ message }: Error): void => void told.push(message);
  const permissions = new Permissions(rules, { clock: { now: () => 0 }, failed });

  [version, count] = [1, RULES_MAX];
  assert.equal(permissions.groupOf(subject('192.0.2.7')), 'a');
  [version, count] = [2, RULES_MAX + 1];
  assert.equal(permissions.groupOf(subject('192.0.2.7')), 'a');

  assert.deepEqual(told, [`more than ${RULES_MAX} address rules`]);
});
