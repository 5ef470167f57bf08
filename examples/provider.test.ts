import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Given } from '../src/subscriber/kind.ts';
import type { KindName } from '../src/subscriber/provisions.ts';
import { Phone } from '../src/testing/phone.ts';
import { assertQuiet } from '../src/testing/quiet.ts';
import { EXCHANGE, type Town, town } from '../src/testing/town.ts';
import provider from './provider.ts';

const CARRIER = '192.0.2.51';
const PBX = '192.0.2.61';
const ALICE = '+4930100100';
const BOB = '+4930100200';
type Row = readonly [kind: KindName, given: Given];

/** Alice and bob have numbers; a carrier and a PBX are known by their addresses. */
async function open(...rows: readonly Row[]): Promise<Town> {
  const t = await town(provider, {
    people: { alice: {}, bob: {}, carol: {}, dora: {}, pbx: {}, carrier: { host: CARRIER } },
    settings: {
      numbers: { country_code: '49', area_code: '30' },
      rights: { premium: ['+4990'], without_groups: ['local', 'national'] },
      trusted: { peers: [CARRIER] },
      permissions: {
        groups: [
          { name: 'carriers', addresses: [CARRIER] },
          { name: 'pbx@example.com', addresses: [PBX] },
        ],
      },
      trunk: { pools: [{ name: 'carriers', servers: [`sip:${CARRIER}`] }] },
    },
  });
  await provision(t, [
    ['numbers', { number: ALICE, domain: t.domain, target: 'alice@example.com' }],
    ['numbers', { number: BOB, domain: t.domain, target: 'bob@example.com' }],
    ...rows,
  ]);
  for (const name of ['alice', 'bob', 'carol', 'dora']) await t.phone(name).register();
  return t;
}

async function provision(t: Town, rows: readonly Row[]): Promise<void> {
  const { provisions } = t.exchange.shared.users;
  for (const [kind, given] of rows) {
    const shelf = provisions.all.find(({ name }) => name === kind);
    assert.ok(shelf);
    await t.world.until(shelf.add(given));
  }
}

async function close(t: Town): Promise<void> {
  for (const name of ['alice', 'bob', 'carol', 'dora', 'carrier'])
    for (const call of t.phone(name).calls) call.hangUp();
  await t.run(2_000);
  assert.equal(t.exchange.shared.users.calls.size, 0);
  await assertQuiet(t);
  t.stop();
}

/** Who was rung, and for which Request-URI. */
function rung(t: Town): readonly string[] {
  return ['alice', 'bob', 'carol', 'dora', 'carrier'].flatMap((name) =>
    t
      .phone(name)
      .received.filter(({ method }) => method === 'INVITE')
      .map(({ uri }) => `${name} ${uri.user ?? ''}`),
  );
}

const dial = (user: string): string => `sip:${user}@example.com`;

const RIGHTS: readonly (readonly [
  dialled: string,
  rows: readonly Row[],
  status: number,
  rang: readonly string[],
])[] = [
  ['030123456', [], 200, ['carrier +4930123456']],
  ['0044123456789', [], 403, []],
  [
    '0044123456789',
    [['groups', { user: 'alice@example.com', group: 'international' }]],
    200,
    ['carrier +44123456789'],
  ],
  [
    '0044123456789',
    [['groups', { user: '*@example.com', group: 'international' }]],
    200,
    ['carrier +44123456789'],
  ],
  ['090123456', [['groups', { user: 'alice@example.com', group: 'international' }]], 403, []],
  ['090123456', [['groups', { user: 'alice@example.com', group: 'premium' }]], 200, ['carrier +4990123456']],
  ['030123456', [['groups', { user: 'alice@example.com', group: 'premium' }]], 403, []],
  ['112', [['lists', { user: 'alice@example.com', direction: 'out', prefix: '*' }]], 200, ['carrier 112']],
  ['030123456', [['lists', { user: 'alice@example.com', direction: 'out', prefix: '+4930' }]], 403, []],
  ['030123456', [['global-list', { direction: 'out', prefix: '+4930123' }]], 403, []],
  ['030100200', [['groups', { user: 'alice@example.com', group: 'premium' }]], 200, ['bob bob']],
  ['bob', [], 200, ['bob bob']],
  ['boss', [['aliases', { alias: 'boss@example.com', user: 'bob@example.com' }]], 200, ['bob bob']],
  [
    '*1',
    [['speed-dial', { user: 'alice@example.com', code: '*1', target: '030123456' }]],
    200,
    ['carrier +4930123456'],
  ],
  [
    '%2A1',
    [['speed-dial', { user: 'alice@example.com', code: '*1', target: 'bob@example.com' }]],
    200,
    ['bob bob'],
  ],
  ['nobody', [], 404, []],
];

for (const [dialled, rows, status, rang] of RIGHTS) {
  const [what] = rows;
  const given = what === undefined ? '' : `, ${what[0]} ${Object.values(what[1]).join(' ')}`;
  test(`alice dials ${dialled}${given}: ${status}`, async () => {
    const t = await open(...rows);

    const call = t.phone('alice').dial(dial(dialled));
    await t.run(3_000);

    assert.equal(call.status, status);
    assert.deepEqual(
      rung(t).map((one) => one.replace(/^bob .*/, 'bob bob')),
      rang,
    );
    await close(t);
  });
}

test('a carrier brings calls to our numbers, and to nobody else through us', async () => {
  const t = await open();

  const ours = t.phone('carrier').dial(`sip:${ALICE}@${EXCHANGE}`);
  const others = t.phone('carrier').dial(`sip:+4940999999@${EXCHANGE}`);
  await t.run(3_000);

  assert.deepEqual([ours.state, others.status], ['talking', 404]);
  assert.equal(t.phone('alice').incoming.length, 1);
  await close(t);
});

/** A phone with a password of alice's and another From. */
async function phoneAs(t: Town, aor: string, username: string): Promise<Phone> {
  const host = '192.0.2.71';
  const phone = new Phone(t.world.host(host), {
    name: username,
    at: { host, port: 5060 },
    server: { host: EXCHANGE, port: 5060 },
    aor,
    username,
    password: `secret of ${username}`,
  });
  await phone.open();
  return phone;
}

const FROM: readonly (readonly [from: string, username: string, status: number, shown: string])[] = [
  [`sip:${ALICE}@example.com`, 'alice', 200, ALICE],
  ['sip:030100100@example.com', 'alice', 200, ALICE],
  ['sip:boss@example.com', 'alice', 200, ALICE],
  ['sip:alice@example.com', 'alice', 200, ALICE],
  [`sip:${BOB}@example.com`, 'alice', 403, ''],
  [`sip:${ALICE}@example.com`, 'bob', 403, ''],
  ['sip:+4930999999@example.com', 'alice', 403, ''],
  ['sip:bo%73s@example.com', 'alice', 200, ALICE],
];

for (const [from, username, status, shown] of FROM) {
  test(`${username} calls as ${from}: ${status}`, async () => {
    const t = await open(['aliases', { alias: 'boss@example.com', user: 'alice@example.com' }]);
    const phone = await phoneAs(t, from, username);

    const call = phone.dial(dial('030123456'));
    await t.run(2_000);

    assert.equal(call.status, status);
    const [invite] = t.phone('carrier').received;
    const asserted = shown === '' ? undefined : `<sip:${shown}@example.com;user=phone>`;
    assert.equal(invite?.headers.get('P-Asserted-Identity'), asserted);
    if (invite !== undefined)
      assert.match(invite.headers.get('From') ?? '', new RegExp(`<${from.replace('+', '.')}>`));
    call.hangUp();
    await t.run(500);
    phone.close();
    await close(t);
  });
}

test('whoever shows no number shows the one he has chosen', async () => {
  const second = '+4930100101';
  const t = await open(
    ['numbers', { number: second, domain: 'example.com', target: 'alice@example.com' }],
    ['preferences', { owner: 'alice@example.com', name: 'caller_number', value: second }],
  );

  t.phone('alice').dial(dial('030123456'));
  await t.run(2_000);

  const [invite] = t.phone('carrier').received;
  assert.equal(invite?.headers.get('P-Asserted-Identity'), `<sip:${second}@example.com;user=phone>`);
  await close(t);
});

test('an address group that is named like an account stands for it: a PBX without a password', async () => {
  const t = await open(['preferences', { owner: 'pbx@example.com', name: 'calls_max', value: '1' }]);
  const host = PBX;
  const pbx = new Phone(t.world.host(host), {
    name: 'pbx',
    at: { host, port: 5060 },
    server: { host: EXCHANGE, port: 5060 },
    aor: 'sip:anything@pbx.invalid',
  });
  await pbx.open();

  const [first, second] = [pbx.dial(dial('alice')), pbx.dial(dial('bob'))];
  await t.run(2_000);

  assert.deepEqual([first.status, second.status], [200, 403]);
  first.hangUp();
  await t.run(500);
  pbx.close();
  await close(t);
});

const BARRED: readonly (readonly [
  prefix: string,
  headers: readonly (readonly [string, string])[],
  status: number,
])[] = [
  ['anonymous', [['Privacy', 'id']], 433],
  ['anonymous', [], 200],
  ['alice@example.com', [], 603],
  ['@example.com', [], 603],
  [ALICE.slice(0, 8), [], 603],
  ['*', [], 603],
];

for (const [prefix, headers, status] of BARRED) {
  const how = headers.length > 0 ? ' anonymously' : '';
  test(`bob does not want calls from ${prefix}; alice calls${how}: ${status}`, async () => {
    const t = await open(['lists', { user: 'bob@example.com', direction: 'in', prefix }]);

    const call = t.phone('alice').dial(dial('bob'), { headers });
    await t.run(2_000);

    assert.equal(call.status, status);
    await close(t);
  });
}

test('the longer prefix wins: everybody is barred but one', async () => {
  const t = await open(
    ['lists', { user: 'bob@example.com', direction: 'in', prefix: '*' }],
    ['lists', { user: 'bob@example.com', direction: 'in', prefix: 'carol@example.com', action: 'allow' }],
  );

  const [alices, carols] = [t.phone('alice').dial(dial('bob')), t.phone('carol').dial(dial('bob'))];
  await t.run(2_000);

  assert.deepEqual([alices.status, carols.status], [603, 200]);
  await close(t);
});

test('outside its hours calls from outside go to the night desk of a tenant, calls from inside do not', async () => {
  const t = await open(
    ['schedules', { domain: 'example.com', name: 'office', timezone: 'UTC', periods: [] }],
    ['preferences', { owner: 'example.com', name: 'closed_to', value: 'dora' }],
  );
  const from = (name: string, to: string): void => void t.phone(name).dial(to);

  from('carrier', `sip:${ALICE}@${EXCHANGE}`);
  from('bob', dial('alice'));
  await t.run(2_000);
  assert.deepEqual([t.phone('dora').incoming.length, t.phone('alice').incoming.length], [1, 1]);

  const name = { domain: 'example.com', name: 'office' };
  await t.world.until(t.exchange.shared.users.provisions.schedules.set({ ...name, periods: [{}] }));
  from('carrier', `sip:${ALICE}@${EXCHANGE}`);
  await t.run(2_000);
  assert.deepEqual([t.phone('dora').incoming.length, t.phone('alice').incoming.length], [1, 2]);
  await close(t);
});

test('a forwarding with a schedule holds in its hours alone', async () => {
  const t = await open(
    ['schedules', { domain: 'example.com', name: 'never', timezone: 'UTC', periods: [] }],
    ['forwards', { user: 'bob@example.com', kind: 'always', target: 'carol@example.com', schedule: 'never' }],
  );

  t.phone('alice').dial(dial('bob'));
  await t.run(2_000);

  assert.equal(t.phone('bob').incoming.length, 1);
  await close(t);
});

test('a group that rotates begins with the next one each time', async () => {
  const group = 'sales@example.com';
  const t = await open(
    ['ring-groups', { group, strategy: 'rotate' }],
    ['ring-members', { group, member: 'alice@example.com', position: 1 }],
    ['ring-members', { group, member: 'bob@example.com', position: 2 }],
    ['ring-members', { group, member: 'carol@example.com', position: 3 }],
    ['preferences', { owner: 'carol@example.com', name: 'dnd', value: 'on' }],
  );

  for (let n = 0; n < 3; n++) {
    t.phone('dora').dial(dial('sales'));
    await t.run(2_000);
  }

  assert.deepEqual(
    ['alice', 'bob', 'carol'].map((name) => t.phone(name).incoming.length),
    [2, 1, 0],
  );
  await close(t);
});

test('who is forwarded to by all does not ring for ever: after five steps the call is given up', async () => {
  const names = ['alice', 'bob', 'carol', 'dora'];
  const t = await open(
    ...names.map((name, n): Row => {
      const target = n + 1 < names.length ? `${names[n + 1]}@example.com` : '+4940123456';
      return ['forwards', { user: `${name}@example.com`, kind: 'always', target }];
    }),
  );
  const came = (counter: number): [string, string] => ['Diversion', `<sip:x@y.example>;counter=${counter}`];
  const call = (counter: number) =>
    t.phone('carrier').dial(`sip:${ALICE}@${EXCHANGE}`, { headers: [came(counter)] });

  const [fourth, fifth] = [call(1), call(2)];
  await t.run(2_000);

  assert.deepEqual([fourth.status, fifth.status], [200, 482]);
  await close(t);
});

test('a domain has a limit of its own, and an emergency call is never refused', async () => {
  const t = await open(['preferences', { owner: 'example.com', name: 'domain_calls_max', value: '1' }]);

  const [first, second, third] = ['bob', '030123456', '112'].map((to, n) =>
    t.phone(['alice', 'carol', 'dora'][n] ?? '').dial(dial(to)),
  );
  await t.run(2_000);

  assert.deepEqual([first?.status, second?.status, third?.status], [200, 403, 200]);
  await close(t);
});

test('a tenant that was provisioned while we run is ours at once', async () => {
  const t = await open();
  const call = (): number => t.phone('carol').dial('sip:bob@tenant.example').status;
  call();
  await t.run(1_000);
  assert.equal(t.phone('carol').calls.at(-1)?.status, 404);

  await provision(t, [
    ['domains', { domain: 'tenant.example' }],
    ['aliases', { alias: 'bob@tenant.example', user: 'bob@example.com' }],
  ]);
  call();
  await t.run(2_000);

  assert.equal(t.phone('carol').calls.at(-1)?.status, 200);
  await close(t);
});
