import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MemoryWriter } from '../store/memory-writer.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { accountProblem } from './account-name.ts';
import { Subscribers } from './subscribers.ts';

const domain = 'example.com';
const alice = { user: 'alice', domain, password: 'wonderland' };

function subscribersWith(): {
  clock: SimClock;
  writer: MemoryWriter;
  subscribers: Subscribers;
  written: string[];
} {
  const clock = new SimClock();
  const written: string[] = [];
  const writer = new MemoryWriter(clock, {
    observe: (name, values) => written.push(`${name} ${values.join(' ')}`),
  });
  return { clock, writer, written, subscribers: new Subscribers({ writer, clock }) };
}

test('an account is found after its commit, not before', async () => {
  const { clock, subscribers } = subscribersWith();
  const adding = subscribers.add({ ...alice, domain: 'Example.COM' });
  assert.equal(subscribers.find('alice', domain), undefined);

  const added = await clock.until(adding);

  assert.deepEqual(added, {
    id: 1,
    user: 'alice',
    domain,
    // printf %s alice:example.com:wonderland | md5sum; … | sha256sum
    ha1: '93dfce8dfebfae8af4a726982429d23a',
    ha1Sha256: '8a76b8adf2eb7492ff78f57bc361a5c93e2f53c6e93f7ee91f68b5382cfea14f',
    createdAt: clock.wall(),
  });
  assert.equal(subscribers.find('alice', 'EXAMPLE.com'), added);
  assert.equal(subscribers.find('Alice', domain), undefined);
});

test('neither memory nor the table holds a password', async () => {
  const { clock, subscribers, written } = subscribersWith();
  const added = await clock.until(subscribers.add(alice));

  assert.doesNotMatch(JSON.stringify([added, written]), /wonderland/);
});

test('set gives another password and keeps id and date', async () => {
  const { clock, subscribers } = subscribersWith();
  const added = await clock.until(subscribers.add(alice));
  await clock.run(1_000);
  const changed = await clock.until(subscribers.set({ ...alice, password: 'looking-glass' }));

  assert.deepEqual({ ...changed, ha1: '', ha1Sha256: '' }, { ...added, ha1: '', ha1Sha256: '' });
  assert.notEqual(changed.ha1, added.ha1);
  assert.equal(subscribers.count, 1);
});

test('a removed account is gone', async () => {
  const { clock, subscribers, written } = subscribersWith();
  await clock.until(subscribers.add(alice));
  await clock.until(subscribers.remove({ user: 'alice', domain }));

  assert.equal(subscribers.find('alice', domain), undefined);
  assert.equal(written.at(-1), 'deleteSubscriber alice example.com');
});

type Change = (subscribers: Subscribers) => Promise<unknown>;
const refusals: [string, Change, string, RegExp][] = [
  ['an account that exists', (s) => s.add(alice), 'CONFLICT', /alice@example.com exists already/],
  ['a password for nobody', (s) => s.set({ ...alice, user: 'bob' }), 'NOT_FOUND', /no user bob@example.com/],
  ['the removal of nobody', (s) => s.remove({ user: 'bob', domain }), 'NOT_FOUND', /no user bob@example.com/],
  ['an empty password', (s) => s.add({ user: 'bob', domain, password: '' }), 'INVALID', /1 to 128/],
  [
    'a password of 129 characters',
    (s) => s.set({ ...alice, password: 'x'.repeat(129) }),
    'INVALID',
    /1 to 128/,
  ],
  ['a line break in a password', (s) => s.set({ ...alice, password: 'a\r\nb' }), 'INVALID', /control/],
  ['a bad name', (s) => s.add({ ...alice, user: 'a@b' }), 'INVALID', /letters, digits/],
];

for (const [what, change, code, message] of refusals) {
  test(`${what} is refused with ${code}`, async () => {
    const { clock, subscribers } = subscribersWith();
    await clock.until(subscribers.add(alice));

    await assert.rejects(change(subscribers), { code, message });
  });
}

test('a second change of one account at the same time is refused', async () => {
  const { clock, subscribers } = subscribersWith();
  const first = subscribers.add(alice);

  await assert.rejects(subscribers.add(alice), { code: 'CONFLICT', message: /being changed/ });
  await clock.until(first);
  assert.equal(subscribers.count, 1);
});

const names: [string, string, boolean][] = [
  ['alice', 'example.com', true],
  ['+4930200', 'example.com', true],
  ["o'hara.j-r_1", 'a.b.example.com', true],
  ['IMSI001010000000001', '127.0.0.1', true],
  ['alice', '2001:db8::1', true],
  ['x'.repeat(64), 'example.com', true],
  ['x'.repeat(65), 'example.com', false],
  ['', 'example.com', false],
  ['a b', 'example.com', false],
  ['a@b', 'example.com', false],
  ['a:b', 'example.com', false],
  ['a"b', 'example.com', false],
  ['a%31', 'example.com', false],
  ['a;b', 'example.com', false],
  ['<script>', 'example.com', false],
  ['a\u0000b', 'example.com', false],
  ['müller', 'example.com', false],
  ['alice', '', false],
  ['alice', 'example..com', false],
  ['alice', 'exa mple.com', false],
  ['alice', 'example.com:5060', false],
  ['alice', `${'x'.repeat(61)}.com`, false],
];

for (const [user, host, fits] of names) {
  test(`${JSON.stringify(user)} at ${JSON.stringify(host)} is ${fits ? 'taken' : 'refused'}`, () => {
    assert.equal(accountProblem(user, host) === '', fits);
  });
}

test('a change whose write fails leaves everything as it was', async () => {
  const changes: Change[] = [
    (s) => s.add({ user: 'bob', domain, password: 'builder' }),
    (s) => s.set({ ...alice, password: 'looking-glass' }),
    (s) => s.remove({ user: 'alice', domain }),
  ];
  for (const change of changes) {
    const { clock, writer, subscribers } = subscribersWith();
    await clock.until(subscribers.add(alice));
    const before = subscribers.list();
    writer.failAt(1);

    await assert.rejects(clock.until(change(subscribers)), { code: 'STORE_FAILED' });
    assert.deepEqual(subscribers.list(), before);

    await clock.until(change(subscribers));
    assert.notDeepEqual(subscribers.list(), before);
  }
});

test('an import adds, changes, and says which rows it refused', async () => {
  const { clock, subscribers } = subscribersWith();
  await clock.until(subscribers.add(alice));
  const ha1 = 'ABCDEF0123456789abcdef0123456789';

  const result = await clock.until(
    subscribers.import([
      { ...alice, password: 'looking-glass' },
      { user: 'bob', domain, ha1 },
      { user: 'carol', domain },
      { user: 'dave', domain, ha1, ha1Sha256: 'short' },
      { user: 'no body', domain, password: 'x' },
    ]),
  );

  assert.deepEqual([result.added, result.changed], [1, 1]);
  assert.deepEqual(
    result.refused.map(({ row }) => row),
    [3, 4, 5],
  );
  assert.equal(subscribers.find('bob', domain)?.ha1, ha1.toLowerCase());
});

test('of an import, the row whose write fails is refused alone, whichever it is', async () => {
  const rows = ['a', 'b', 'c', 'd'].map((user) => ({ user, domain, password: 'x' }));
  for (let k = 1; k <= rows.length; k++) {
    const { clock, writer, subscribers } = subscribersWith();
    writer.failAt(k);

    const result = await clock.until(subscribers.import(rows));

    assert.deepEqual(
      result.refused.map(({ row }) => row),
      [k],
    );
    assert.equal(subscribers.count, rows.length - 1);
    assert.equal(subscribers.find(rows[k - 1]!.user, domain), undefined);
  }
});

test('accounts are read from the table, and new ones are numbered after them', async () => {
  const row = {
    id: 7,
    username: 'bob',
    domain: 'Example.com',
    ha1: 'h',
    ha1_sha256: '',
    created_at: 5,
    email_address: null,
  };
  const clock = new SimClock();
  const subscribers = new Subscribers({ writer: new MemoryWriter(clock), clock, rows: [row] });

  const added = await clock.until(subscribers.add(alice));

  assert.equal(added.id, 8);
  assert.deepEqual(subscribers.find('bob', domain), {
    id: 7,
    user: 'bob',
    domain,
    ha1: 'h',
    ha1Sha256: '',
    createdAt: 5,
  });
});

const filters: [object, string][] = [
  [{}, 'a@x.org b@x.org a@y.org'],
  [{ domain: 'X.ORG' }, 'a@x.org b@x.org'],
  [{ text: 'a@' }, 'a@x.org a@y.org'],
  [{ limit: 2 }, 'a@x.org b@x.org'],
  [{ domain: 'x.org', text: 'b', limit: 1 }, 'b@x.org'],
];

for (const [filter, expected] of filters) {
  test(`list ${JSON.stringify(filter)} answers ${expected}`, async () => {
    const { clock, subscribers } = subscribersWith();
    for (const [user, host] of [
      ['a', 'x.org'],
      ['b', 'x.org'],
      ['a', 'y.org'],
    ] as const) {
      await clock.until(subscribers.add({ user, domain: host, password: 'x' }));
    }

    const listed = subscribers.list(filter).map((s) => `${s.user}@${s.domain}`);

    assert.equal(listed.join(' '), expected);
  });
}

test('no name that is taken has a character with a meaning in SIP, HTML or a shell', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 8 }), (user) => {
      if (accountProblem(user, domain) === '') assert.doesNotMatch(user, /[\p{C}\s@:"<>;?/\\%,`|#[\]{}^]/u);
    }),
  );
});

test('two nodes on one database never give the same id', async () => {
  const clock = new SimClock();
  const ids = new Set<number>();
  for (const seed of [1, 2, 3]) {
    const writer = new MemoryWriter(clock);
    const subscribers = new Subscribers({ writer, clock, random: new SimRandom(seed) });
    for (const user of ['alice', 'bob']) ids.add((await clock.until(subscribers.add({ ...alice, user }))).id);
  }

  assert.equal(ids.size, 6);
  for (const id of ids) assert.ok(Number.isSafeInteger(id) && id > 0);
});

test('an account that another node changed is taken over, unless we changed it since', async () => {
  const { clock, subscribers } = subscribersWith();
  const row = {
    id: 7,
    username: 'alice',
    domain,
    ha1: '1'.repeat(32),
    ha1_sha256: '',
    email_address: null,
    created_at: 5,
  };
  subscribers.apply('alice', domain, row);
  assert.equal(subscribers.find('alice', domain)?.id, 7);

  subscribers.beginReading();
  const changed = await clock.until(subscribers.set(alice));
  subscribers.apply('alice', domain, row);
  assert.equal(subscribers.find('alice', domain), changed);

  subscribers.beginReading();
  subscribers.apply('alice', domain, undefined);
  assert.equal(subscribers.count, 0);
});
