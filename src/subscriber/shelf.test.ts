import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryWriter } from '../store/memory-writer.ts';
import { SimClock } from '../testing/sim-clock.ts';
import type { Given } from './kind.ts';
import { type KindName, Provisions } from './provisions.ts';
import { ROWS_OF_ONE_MAX } from './shelf.ts';
import { StoredPreferences } from './stored-preferences.ts';
import { silentLogger } from '../base/silent-logger.ts';

interface Parts {
  readonly clock: SimClock;
  readonly writer: MemoryWriter;
  readonly provisions: Provisions;
  readonly written: string[];
  readonly unreadable: string[];
}

function open(): Parts {
  const clock = new SimClock();
  const written: string[] = [];
  const unreadable: string[] = [];
  const writer = new MemoryWriter(clock, {
    observe: (name, values) => written.push(`${name} ${values.join(' ')}`),
  });
  const tell = (table: string, why: string): void => void unreadable.push(`${table} ${why}`);
  return {
    clock,
    writer,
    written,
    unreadable,
    provisions: new Provisions({ writer, clock, unreadable: tell }),
  };
}

const BUSY = { user: 'bob@example.com', kind: 'busy', target: 'carol@example.com' };

test('a row is found after its commit, not before', async () => {
  const { clock, provisions, written } = open();
  const adding = provisions.forwards.add({ ...BUSY, user: 'bob@EXAMPLE.com' });
  assert.equal(provisions.forwards.size, 0);

  await clock.until(adding);

  assert.deepEqual(provisions.forwards.ofOwner('bob@example.com'), [
    { ...BUSY, ringMs: null, schedule: null, enabled: true },
  ]);
  assert.match(written[0] ?? '', /^upsertForwarding bob example\.com busy carol@example\.com {3}1 \d+$/);
});

test('a row that was not written is not there', async () => {
  const { clock, writer, provisions } = open();
  writer.failAt(1);

  await assert.rejects(clock.until(provisions.forwards.add(BUSY)), { code: 'STORE_FAILED' });

  assert.equal(provisions.forwards.size, 0);
});

test('set changes what is given and leaves the rest', async () => {
  const { clock, provisions } = open();
  await clock.until(provisions.forwards.add({ ...BUSY, ringMs: '9000' }));

  const { user, kind } = BUSY;
  await clock.until(provisions.forwards.set({ user, kind, enabled: 'no' }));

  const [row] = provisions.forwards.ofOwner('bob@example.com');
  assert.deepEqual([row?.target, row?.ringMs, row?.enabled], ['carol@example.com', 9_000, false]);
});

test('all that a user has goes with him, and his number is nobody’s', async () => {
  const { clock, provisions } = open();
  const number = { number: '+4930100200', domain: 'example.com', target: 'bob@example.com' };
  await clock.until(Promise.all([provisions.forwards.add(BUSY), provisions.numbers.add(number)]));
  await clock.until(provisions.groups.add({ user: 'bob@example.com', group: 'premium' }));

  await clock.until(provisions.removeOf('bob', 'example.com'));

  assert.deepEqual([provisions.forwards.size, provisions.groups.size], [0, 0]);
  assert.equal(provisions.numbers.get('+4930100200')?.target, null);
});

const KINDS: readonly (readonly [KindName, Given])[] = [
  ['domains', { domain: 'Example.NET', subdomains: true }],
  ['numbers', { number: '+4930100200', domain: 'example.com', target: 'bob@example.com', carrier: 'c-1' }],
  ['aliases', { alias: 'boss@example.com', user: 'bob@example.com' }],
  ['groups', { user: '*@example.com', group: 'national' }],
  ['lists', { user: 'bob@example.com', direction: 'in', prefix: 'anonymous', action: 'block' }],
  ['global-list', { direction: 'out', prefix: '+4990', description: 'dear' }],
  ['speed-dial', { user: 'bob@example.com', code: '*1', target: '+4930', name: 'Öma' }],
  ['forwards', BUSY],
  ['ring-groups', { group: 'sales@example.com', strategy: 'rotate', fallback: 'tel:+4930100200' }],
  ['ring-members', { group: 'sales@example.com', member: 'sip:x@192.0.2.9;transport=tcp', position: 3 }],
  ['schedules', { domain: 'example.com', name: 'office', timezone: 'UTC', periods: '[{"days":"mon"}]' }],
  ['preferences', { owner: 'example.com', name: 'calls_max', value: '3' }],
];

for (const [name, given] of KINDS) {
  test(`${name}: what is written is what is read at the next start`, async () => {
    const { clock, provisions } = open();
    const shelf = provisions.all.find((one) => one.name === name);
    assert.ok(shelf !== undefined && 'kind' in shelf && 'values' in shelf);
    const { kind } = shelf as typeof provisions.forwards;

    const row = await clock.until(shelf.add(given));

    const columns = kind.columnsOf(row as never, 7);
    assert.deepEqual(kind.rowOf(columns), row);
    for (const { columns: needed } of [...kind.upsert, kind.remove])
      for (const column of needed) assert.ok(column in columns, column);
    await assert.rejects(shelf.add(given), { code: 'CONFLICT' });
    await clock.until(shelf.remove(given));
    assert.equal(shelf.size, 0);
    await assert.rejects(shelf.remove(given), { code: 'NOT_FOUND' });
  });
}

const LONG = 'x'.repeat(300);
const HOSTILE: readonly (readonly [what: string, name: KindName, given: Given, message: RegExp])[] = [
  [
    'SQL in a name',
    'forwards',
    { ...BUSY, user: "x'; drop table subscriber; --@example.com" },
    /user: expected/,
  ],
  ['SQL in a domain', 'domains', { domain: "a.example'; drop table domain" }, /domain: expected/],
  [
    'a header in a target',
    'forwards',
    { ...BUSY, target: 'sip:x@example.com\r\nVia: evil' },
    /target: expected/,
  ],
  [
    'a header behind a URI',
    'forwards',
    { ...BUSY, target: 'sip:x@example.com?Replaces=1' },
    /target: expected/,
  ],
  [
    'a method in a URI',
    'forwards',
    { ...BUSY, target: 'sip:x@example.com;method=REGISTER' },
    /target: expected/,
  ],
  [
    'another way in a URI',
    'forwards',
    { ...BUSY, target: 'sip:x@example.com;maddr=10.0.0.1' },
    /target: expected/,
  ],
  ['a bracket in a target', 'ring-members', { group: 's@example.com', member: 'x@example.com>' }, /member/],
  ['another scheme', 'forwards', { ...BUSY, target: 'http://example.com/' }, /target: expected/],
  [
    'a target too long',
    'forwards',
    { ...BUSY, target: `sip:${LONG}@example.com` },
    /and more, 316 characters/,
  ],
  [
    'an escape in a name',
    'aliases',
    { alias: 'b%6Fb@example.com', user: 'bob@example.com' },
    /alias: expected/,
  ],
  ['a tab in a name', 'aliases', { alias: 'b\tob@example.com', user: 'bob@example.com' }, /alias: expected/],
  [
    'a control character',
    'preferences',
    { owner: 'example.com', name: 'x', value: 'a\u0000b' },
    /value: expected/,
  ],
  [
    'letters beyond latin1',
    'preferences',
    { owner: 'example.com', name: 'x', value: 'Ж' },
    /value: expected/,
  ],
  [
    'a value too long',
    'preferences',
    { owner: 'example.com', name: 'x', value: LONG },
    /255 characters at most/,
  ],
  ['a number that is none', 'numbers', { number: '+0930', domain: 'example.com' }, /number: expected/],
  [
    'a prefix too long',
    'lists',
    { user: 'b@example.com', direction: 'in', prefix: '1'.repeat(62) },
    /prefix/,
  ],
  ['a word that is none', 'forwards', { ...BUSY, kind: 'sometimes' }, /always, busy, no-answer, offline/],
  ['a time too short', 'forwards', { ...BUSY, ringMs: 999 }, /1000 to 600000/],
  ['a time too long', 'forwards', { ...BUSY, ringMs: 600_001 }, /1000 to 600000/],
  [
    'a zone that is none',
    'schedules',
    { domain: 'a.b', name: 'x', timezone: 'Mars/North', periods: [] },
    /timezone/,
  ],
  ['a field that is none', 'forwards', { ...BUSY, __proto__x: 1 }, /is no field/],
  ['an object for a text', 'forwards', { ...BUSY, target: { toString: 'x' } }, /got nothing/],
  ['a field left out', 'forwards', { user: 'bob@example.com', kind: 'busy' }, /target: expected/],
];

for (const [what, name, given, message] of HOSTILE) {
  test(`${what} is refused, and nothing is written`, async () => {
    const { provisions, written } = open();
    const shelf = provisions.all.find((one) => one.name === name);
    assert.ok(shelf);

    await assert.rejects(shelf.add(given), { code: 'INVALID', message });

    assert.deepEqual(written, []);
  });
}

test('values at their limits are taken', async () => {
  const { clock, provisions } = open();
  await clock.until(provisions.lists.add({ user: 'b@x', direction: 'in', prefix: '1'.repeat(61) }));
  await clock.until(provisions.preferences.add({ owner: 'x', name: 'x', value: 'x'.repeat(255) }));
  await clock.until(provisions.forwards.add({ ...BUSY, ringMs: 1_000 }));
  await clock.until(provisions.forwards.set({ user: BUSY.user, kind: 'busy', ringMs: 600_000 }));

  assert.equal(provisions.forwards.ofOwner('bob@example.com')[0]?.ringMs, 600_000);
});

test('one user has so many rows of a kind, and not one more', async () => {
  const { clock, provisions } = open();
  const row = (n: number): Given => ({ user: 'bob@example.com', code: String(n), target: '1' });
  await clock.until(provisions.speedDials.import(Array.from({ length: ROWS_OF_ONE_MAX }, (_, n) => row(n))));
  assert.equal(provisions.speedDials.size, ROWS_OF_ONE_MAX);

  await assert.rejects(provisions.speedDials.add(row(ROWS_OF_ONE_MAX)), {
    code: 'INVALID',
    message: /more than 1000 speed-dial of bob@example\.com/,
  });
  await clock.until(provisions.speedDials.set({ ...row(7), target: '2' }));
});

test('a row of an import that is refused harms no other', async () => {
  const { clock, provisions } = open();

  const done = await clock.until(
    provisions.forwards.import([BUSY, { ...BUSY, kind: 'never' }, { kind: 'busy' }]),
  );

  assert.deepEqual([done.added, done.changed, done.refused.map(({ row }) => row)], [1, 0, [2, 3]]);
});

test('a row that somebody else changed is taken over, unless we changed it since', async () => {
  const { clock, provisions } = open();
  const { forwards } = provisions;
  const key = 'bob\texample.com\tbusy';
  const columns = (target: string): Record<string, string | number | null> => {
    return {
      username: 'bob',
      domain: 'example.com',
      kind: 'busy',
      target,
      ring_ms: null,
      schedule: null,
      enabled: 1,
    };
  };
  const target = (): string | undefined => forwards.get(key)?.target;

  forwards.apply(key, columns('one@example.com'));
  assert.equal(target(), 'one@example.com');
  forwards.beginReading();
  const setting = forwards.set({ ...BUSY, target: 'two@example.com' });
  forwards.apply(key, columns('older@example.com'));
  await clock.until(setting);
  forwards.apply(key, columns('older@example.com'));
  assert.equal(target(), 'two@example.com');
  forwards.beginReading();
  forwards.apply(key, columns('three@example.com'));
  assert.equal(target(), 'three@example.com');
  forwards.apply(key, undefined);
  assert.deepEqual([forwards.size, forwards.ofOwner('bob@example.com').length], [0, 0]);
});

test('a row of the database that cannot be read is told, and is as good as none', () => {
  const { provisions, unreadable } = open();

  provisions.schedules.restore([{ domain: 'example.com', name: 'x', timezone: 'Mars', periods: '[]' }]);
  provisions.addresses.restore([{ grp: 1, ip: 'nowhere', mask: 32, port: 0, proto: 'any' }]);

  assert.equal(provisions.schedules.size, 0);
  assert.match(unreadable.join('\n'), /^schedule example\.com x: timezone.*\naddress 1 nowhere 32 0 any: /);
});

test('a trusted address stands for the account in its context, or for its group', () => {
  const { provisions } = open();
  const row = { ip: '192.0.2.0', mask: 24, port: 0, proto: 'any' };

  provisions.addresses.restore([
    { ...row, grp: 4, context_info: 'PBX@Example.com' },
    { ...row, grp: 4, port: 5060, context_info: 'our office' },
  ]);

  assert.deepEqual(
    [...provisions.addresses.list()].map(({ group }) => group),
    ['PBX@example.com', '4'],
  );
});

test('a domain is ours, and its subdomains when it says so', async () => {
  const { clock, provisions } = open();
  await clock.until(provisions.domains.add({ domain: 'one.example' }));
  await clock.until(provisions.domains.add({ domain: 'two.example', subdomains: 'yes' }));

  const hosts = ['one.example', 'a.one.example', 'two.example', 'a.b.two.example', 'xtwo.example', 'example'];
  assert.deepEqual(
    hosts.filter((host) => provisions.isDomain(host)),
    ['one.example', 'two.example', 'a.b.two.example'],
  );
});

const TWICE = ['deletePreferences', 'insertPreference', 'deletePreferences', 'insertPreference'];

test('what a script prefers holds at once, and is written in order', async () => {
  const { clock, provisions, written } = open();
  const preferences = new StoredPreferences(provisions, silentLogger);

  preferences.set('bob@example.com', 'dnd', 'yes');
  preferences.set('bob@example.com', 'dnd', 'no');
  assert.equal(preferences.get('bob@example.com', 'dnd'), 'no');
  await clock.run(100);
  preferences.remove('bob@example.com', 'dnd');
  assert.equal(preferences.get('bob@example.com', 'dnd'), undefined);
  await clock.run(100);

  assert.equal(provisions.preferences.size, 0);
  assert.deepEqual(
    written.map((one) => one.split(' ')[0]),
    [...TWICE, 'deletePreferences'],
  );
  assert.throws(() => preferences.set('bob@example.com', 'x', 'x'.repeat(256)), { code: 'INVALID' });
});
