/** What users wish for their calls, as ladders: forwarding, groups, limits, privacy. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Plan, Router, type Script, script } from '../../src/index.ts';
import type { Given } from '../../src/subscriber/kind.ts';
import type { KindName } from '../../src/subscriber/provisions.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { type Town, town } from '../../src/testing/town.ts';
import { compare, HOSTS } from './flow.ts';

type Row = readonly [kind: KindName, given: Given];
type Name = keyof typeof HOSTS;

const ALICE = 'alice@example.com';
const BOB = 'bob@example.com';
const CAROL = 'carol@example.com';
const SALES = 'sales@example.com';

/** Everybody proves who he is, and is rung as he wishes; what leads elsewhere goes to dave, who is a carrier. */
const exchange: Script = script(({ auth, callees, callers, limits, location }) => {
  const app = new Router();
  const carrier: Plan = { uri: { scheme: 'sip', user: '4940', host: HOSTS.dave, params: {} } };
  app.register((c) => location.save(c));
  app.invite(callers.known(), auth.identity(), callers.present(), (c) => {
    const { caller } = c.var;
    const why = caller && limits.count(c, caller);
    if (why) return c.reply(why.status, why.reason);
    const callee = callees.find(c.uri);
    return callee ? callees.ring(c, callee, { away: () => carrier }) : c.reply(404);
  });
  return app;
});

/** A test: provisions the town, plays the flow, and compares its ladder from the first INVITE on. */
function wish(
  file: string,
  title: string,
  rows: readonly Row[],
  play: (t: Town) => Promise<void>,
  away: readonly Name[] = [],
): void {
  test(title, async () => {
    const people = Object.fromEntries(Object.entries(HOSTS).map(([name, host]) => [name, { host }]));
    const t = await town(exchange, { people, settings: { numbers: { country_code: '49' } } });
    for (const [kind, given] of rows) {
      const shelf = t.exchange.shared.users.provisions.all.find(({ name }) => name === kind);
      assert.ok(shelf);
      await t.world.until(shelf.add(given));
    }
    for (const name of ['bob', 'carol'] as const) if (!away.includes(name)) await t.phone(name).register();
    const before = t.ladder().split('\n').length - 1;

    await play(t);

    assert.equal(t.exchange.shared.users.calls.size, 0, 'no call is counted any more');
    await assertQuiet(t);
    t.stop();
    const [titles = '', ...lines] = t.ladder().split('\n');
    compare(file, [title, '', titles, ...lines.slice(before - 1)].join('\n'));
  });
}

async function callBob(t: Town, ms = 3_000): Promise<number> {
  const call = t.phone('alice').dial(`sip:${BOB}`);
  await t.run(ms);
  call.hangUp();
  await t.run(500);
  return call.status;
}

const received = (t: Town, name: Name, header: string): readonly string[] =>
  t
    .phone(name)
    .received.find(({ method }) => method === 'INVITE')
    ?.headers.all(header) ?? [];

wish(
  'wish-forward-always',
  'Always forwarded: bob is not rung, carol learns from whom the call came',
  [['forwards', { user: BOB, kind: 'always', target: CAROL }]],
  async (t) => {
    assert.equal(await callBob(t), 200);
    assert.deepEqual(t.phone('bob').received, []);
    assert.deepEqual(received(t, 'carol', 'Diversion'), [
      '<sip:bob@example.com>;reason=unconditional;counter=1;privacy=off',
    ]);
    assert.deepEqual(received(t, 'carol', 'History-Info'), [
      '<sip:bob@example.com>;index=1',
      '<sip:carol@example.com;cause=302>;index=1.1;mp=1',
    ]);
  },
);

wish(
  'wish-forward-busy-then-no-answer',
  'Busy at bob, who forwards to carol; she does not answer for 5 s, and forwards to a number elsewhere',
  [
    ['forwards', { user: BOB, kind: 'busy', target: CAROL }],
    ['forwards', { user: CAROL, kind: 'no-answer', target: '+4940123456', ringMs: 5_000 }],
  ],
  async (t) => {
    t.phone('bob').answers = { afterMs: 100, status: 486 };
    t.phone('carol').answers = 'ring';
    assert.equal(await callBob(t, 9_000), 200);
    assert.deepEqual(received(t, 'dave', 'Diversion'), [
      '<sip:carol@example.com>;reason=no-answer;counter=1;privacy=off',
      '<sip:bob@example.com>;reason=user-busy;counter=1;privacy=off',
    ]);
    assert.deepEqual(received(t, 'dave', 'History-Info'), [
      '<sip:bob@example.com>;index=1',
      '<sip:carol@example.com;cause=486>;index=1.1;mp=1',
      '<sip:+4940123456@example.com;cause=408>;index=1.1.1;mp=1.1',
    ]);
  },
);

wish(
  'wish-forward-in-a-circle',
  'Bob and carol forward to each other: the caller is told, and nobody is rung',
  [
    ['forwards', { user: BOB, kind: 'always', target: CAROL }],
    ['forwards', { user: CAROL, kind: 'always', target: BOB }],
  ],
  async (t) => assert.equal(await callBob(t), 482),
);

wish(
  'wish-forward-offline',
  'Bob is not registered: the call goes to carol',
  [['forwards', { user: BOB, kind: 'offline', target: CAROL }]],
  async (t) => assert.equal(await callBob(t), 200),
  ['bob'],
);

wish(
  'wish-forward-without-right',
  'Bob may not call abroad, so his calls are not forwarded there either: the caller hears that he is busy',
  [['forwards', { user: BOB, kind: 'busy', target: '+44123456789' }]],
  async (t) => {
    t.phone('bob').answers = { afterMs: 100, status: 486 };
    assert.equal(await callBob(t), 486);
    assert.deepEqual(t.phone('dave').received, []);
  },
);

wish(
  'wish-do-not-disturb',
  'Bob does not want to be disturbed',
  [['preferences', { owner: BOB, name: 'dnd', value: 'yes' }]],
  async (t) => assert.equal(await callBob(t), 480),
);

wish(
  'wish-ring-group-serial',
  'A group rings bob, then carol; nobody answers, and the fallback takes the call',
  [
    ['ring-groups', { group: SALES, strategy: 'serial', ringMs: 3_000, fallback: '+4940123456' }],
    ['ring-members', { group: SALES, member: BOB, position: 1 }],
    ['ring-members', { group: SALES, member: CAROL, position: 2, ringMs: 2_000 }],
  ],
  async (t) => {
    for (const name of ['bob', 'carol']) t.phone(name).answers = 'ring';
    const call = t.phone('alice').dial(`sip:${SALES}`);
    await t.run(9_000);
    assert.equal(call.status, 200);
    call.hangUp();
    await t.run(500);
  },
);

const DELAYED: readonly Row[] = [
  ['ring-groups', { group: SALES, strategy: 'all' }],
  ['ring-members', { group: SALES, member: BOB }],
  ['ring-members', { group: SALES, member: CAROL, delayMs: 10_000 }],
];

/** Alice calls the group and waits so long. */
async function callSales(t: Town, ms: number): Promise<number> {
  const call = t.phone('alice').dial(`sip:${SALES}`);
  await t.run(ms);
  call.hangUp();
  await t.run(500);
  return call.status;
}

wish(
  'wish-ring-group-delayed',
  'A group rings bob, and ten seconds later carol too, because he did not answer',
  DELAYED,
  async (t) => {
    t.phone('bob').answers = 'ring';
    assert.equal(await callSales(t, 12_000), 200);
  },
);

wish(
  'wish-ring-group-delayed-in-time',
  'Bob answers before carol would ring: her phone hears nothing',
  DELAYED,
  async (t) => {
    assert.equal(await callSales(t, 12_000), 200);
    assert.deepEqual(t.phone('carol').received, []);
  },
);

wish(
  'wish-ring-group-delayed-given-up',
  'Alice gives up before carol would ring: her phone hears nothing',
  DELAYED,
  async (t) => {
    t.phone('bob').answers = 'ring';
    assert.equal(await callSales(t, 5_000), 487);
    await t.run(10_000);
    assert.deepEqual(t.phone('carol').received, []);
  },
);

wish(
  'wish-ring-group-delayed-declined',
  'Bob declines for all (603) before carol would ring: the caller is told at once',
  DELAYED,
  async (t) => {
    t.phone('bob').answers = { afterMs: 100, status: 603 };
    assert.equal(await callSales(t, 2_000), 603);
    await t.run(10_000);
    assert.deepEqual(t.phone('carol').received, []);
  },
);

wish(
  'wish-find-me',
  'Bob is found at his phone and at a number elsewhere, all at once',
  [
    ['ring-groups', { group: BOB, strategy: 'all' }],
    ['ring-members', { group: BOB, member: BOB }],
    ['ring-members', { group: BOB, member: '+4940123456' }],
  ],
  async (t) => {
    t.phone('bob').answers = 'ring';
    assert.equal(await callBob(t), 200);
  },
);

wish(
  'wish-call-limit',
  'Alice may have one call: the second is refused, and after the first has ended the third is not',
  [['preferences', { owner: 'example.com', name: 'calls_max', value: '1' }]],
  async (t) => {
    const first = t.phone('alice').dial(`sip:${BOB}`);
    await t.run(2_000);
    assert.equal(await callBob(t), 403);
    first.hangUp();
    await t.run(500);
    assert.equal(await callBob(t), 200);
  },
);

wish(
  'wish-privacy',
  'Alice does not want to be known: bob gets a call of another leg, from nobody',
  [['numbers', { number: '+4930100100', domain: 'example.com', target: ALICE }]],
  async (t) => {
    const headers = [
      ['Privacy', 'user;id'],
      ['User-Agent', 'phone of alice'],
      ['Subject', 'alice calls'],
    ] as const;
    const call = t.phone('alice').dial(`sip:${BOB}`, { headers });
    await t.run(3_000);
    assert.equal(call.status, 200);
    call.hangUp();
    await t.run(500);
    // The session description still says where media goes: that would be `Privacy: session`.
    for (const { text, body } of t.phone('bob').received)
      assert.doesNotMatch(text.slice(0, text.length - body.length), /alice|4930100100|192\.0\.2\.11/);
  },
);
