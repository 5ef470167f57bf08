/** Calls of two legs, written by hand: what callees may ask for, and how much of it there may be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type B2bOptions, b2bTo } from '../../src/agent/b2b.ts';
import type { CalleePlan } from '../../src/agent/hunt.ts';
import { CALLEES_MAX } from '../../src/agent/hunt.ts';
import { FORKS_MAX } from '../../src/agent/invite-attempt.ts';
import { REDIRECTS_MAX } from '../../src/agent/redirects.ts';
import { WAYS_MAX } from '../../src/agent/ways.ts';
import { Router, script } from '../../src/index.ts';
import { parseUri } from '../../src/sip/uri.ts';
import { EXCHANGE, type Town, town } from '../../src/testing/town.ts';
import { CALLER, type Hand, hands } from './by-hand.ts';

const [ONE, TWO] = ['192.0.2.71', '192.0.2.72'];
const BOB = 'sip:bob@example.com';
const at = (host: string): { uri: ReturnType<typeof parseUri> } => ({
  uri: parseUri(`sip:hand@${host}:5060`),
});
const RELIABLE = [['Supported', '100rel']] as const;

async function townOf(
  plan: CalleePlan,
  options: B2bOptions = {},
  add: (app: Router) => void = () => {},
): Promise<{ t: Town; caller: Hand; one: Hand; two: Hand }> {
  const t = await town(
    script(() => {
      const app = new Router();
      app.invite((c) => c.answer(b2bTo(plan, options)));
      add(app);
      return app;
    }),
    { people: {} },
  );
  const [caller, one, two] = await hands(t, CALLER, ONE, TWO);
  assert.ok(caller && one && two);
  return { t, caller, one, two };
}

function sent(t: Town, method: string): number {
  return t.net.trace.entries.filter(
    ({ fromHost, text }) => fromHost === EXCHANGE && text.startsWith(`${method} `),
  ).length;
}

//    what a script says, what it is told; a month is longer than a timer of Node's
const WRONG: readonly [unknown, string][] = [
  [{ ringMs: -1 }, 'ringMs of b2b.to: milliseconds from 1 to 2147483647 expected, not -1'],
  [{ replyMs: '5000' }, "replyMs of b2b.to: milliseconds from 1 to 2147483647 expected, not '5000'"],
  [{ talkMsMax: NaN }, 'talkMsMax of b2b.to: milliseconds from 1 to 2147483647 expected, not NaN'],
  [
    { talkMsMax: 2_592_000_000 },
    'talkMsMax of b2b.to: milliseconds from 1 to 2147483647 expected, not 2592000000',
  ],
  [{ refer: 'far' }, "refer of b2b.to: one of ours, pass expected, not 'far'"],
  [{ redirects: 'show' }, "redirects of b2b.to: one of hide, pass expected, not 'show'"],
];

for (const [options, message] of WRONG) {
  test(`options that cannot be meant are refused where they are given: ${message}`, () => {
    assert.throws(() => b2bTo(at(ONE), options as B2bOptions), { code: 'INVALID', message });
  });
}

test('a reliable response, its PRACK and the answer to that pass from leg to leg', async () => {
  const { t, caller, one } = await townOf(at(ONE));
  caller.ask('INVITE', BOB, RELIABLE);
  await t.run(50);
  const invite = one.got('INVITE');
  one.answer(
    invite,
    183,
    'one',
    [
      ['Require', '100rel'],
      ['RSeq', '7001'],
    ],
    'offer',
  );
  await t.run(50);
  const progress = caller.answers().find(({ status }) => status === 183);
  assert.ok(progress !== undefined);
  const rseq = progress.headers.get('RSeq') ?? '';
  caller.askWithin(progress, 'PRACK', 2, [['RAck', `${rseq} 1 INVITE`]], 'answer');
  await t.run(50);
  const prack = one.got('PRACK');
  one.answer(prack, 200, 'one');
  await t.run(50);

  assert.deepEqual([progress.headers.get('Require'), progress.body], ['100rel', 'offer']);
  assert.notEqual(rseq, '7001');
  assert.deepEqual([prack.headers.get('RAck'), prack.body], [`7001 ${invite.cseq} INVITE`, 'answer']);
  assert.deepEqual(
    caller.answers('PRACK').map(({ status }) => status),
    [200],
  );
  t.stop();
});

test('a caller who cannot do that hears no reliable response, and we acknowledge it in his place', async () => {
  const { t, caller, one } = await townOf(at(ONE));
  caller.ask('INVITE', BOB);
  await t.run(50);
  one.answer(one.got('INVITE'), 183, 'one', [
    ['Require', '100rel'],
    ['RSeq', '1'],
  ]);
  await t.run(50);

  assert.equal(one.got('PRACK').headers.get('RAck'), `1 ${one.got('INVITE').cseq} INVITE`);
  const progress = caller.answers().find(({ status }) => status === 183);
  assert.equal(progress?.headers.has('Require'), false);
  t.stop();
});

test('a REGISTER within the call is no business of the far end', async () => {
  const { t, caller, one } = await townOf(at(ONE));
  caller.ask('INVITE', BOB);
  await t.run(50);
  one.answer(one.got('INVITE'), 200, 'one');
  await t.run(50);
  const [answered] = caller.answers().filter(({ status }) => status === 200);
  assert.ok(answered !== undefined);
  caller.askWithin(answered, 'ACK', 1);

  caller.askWithin(answered, 'REGISTER', 2, [['Require', 'foo']]);
  await t.run(50);

  const [refused] = caller.answers('REGISTER');
  assert.deepEqual([sent(t, 'REGISTER'), refused?.status], [0, 405]);
  assert.match(refused?.headers.get('Allow') ?? '', /^INVITE, (?!.*REGISTER)/);
  t.stop();
});

test('a callee behind so many forks makes as many dialogs, and no more', async () => {
  const { t, caller, one } = await townOf(at(ONE));
  caller.ask('INVITE', BOB);
  await t.run(50);
  const counts: number[] = [];
  for (let fork = 1; fork <= FORKS_MAX + 2; fork++) {
    one.answer(one.got('INVITE'), 180, `fork-${fork}`);
    await t.run(20);
    counts.push(t.exchange.agent.dialogCount);
  }

  assert.equal(counts[FORKS_MAX - 1], 2 * FORKS_MAX);
  assert.deepEqual(counts.slice(FORKS_MAX), [2 * FORKS_MAX + 1, 2 * FORKS_MAX + 1], 'one for all the others');
  t.stop();
});

for (const [many, rung] of [
  [CALLEES_MAX, CALLEES_MAX],
  [CALLEES_MAX + 1, CALLEES_MAX],
] as const) {
  test(`of ${many} callees ${rung} are rung`, async () => {
    const { t, caller } = await townOf({ parallel: Array.from({ length: many }, () => at(ONE)) });
    caller.ask('INVITE', BOB);
    await t.run(300);

    assert.equal(sent(t, 'INVITE'), rung);
    t.stop();
  });
}

for (const [many, tried] of [
  [WAYS_MAX, WAYS_MAX],
  [WAYS_MAX + 1, WAYS_MAX],
] as const) {
  test(`of ${many} hosts of a domain that say nothing ${tried} are tried`, async () => {
    const { t } = await townOf(at(ONE));
    for (let host = 1; host <= many; host++) {
      t.world.names.address(`h${host}.many.test`, `198.51.100.${host}`);
    }
    t.world.names.service(
      '_sip._udp.many.test',
      ...Array.from({ length: many }, (_, i) => ({
        target: `h${i + 1}.many.test`,
        port: 5060,
        priority: i,
        weight: 0,
      })),
    );

    const { status } = await t.world.until(
      t.exchange.agent.ask({
        method: 'OPTIONS',
        uri: parseUri('sip:many.test'),
        from: '<sip:us@example.com>',
        replyMs: 100,
      }),
    );

    const hosts = new Set(t.net.trace.entries.map(({ to }) => to));
    assert.deepEqual([status, hosts.size], [408, tried]);
    t.stop();
  });
}

// ─── redirections and challenges ────────────────────────────────────────────────────────────────

const CONTACTS = [['Contact', `<sip:hand@${TWO}:5060>;q=0.5, <tel:+49301>`]] as const;

test('where a callee redirects to is hidden, unless the script lets it pass', async () => {
  for (const [options, status, contact] of [
    [{}, 480, undefined],
    [{ redirects: 'hide' }, 480, undefined],
    [{ redirects: 'pass' }, 302, CONTACTS[0][1]],
  ] as const) {
    const { t, caller, one } = await townOf(at(ONE), options);
    caller.ask('INVITE', BOB);
    await t.run(50);
    one.answer(one.got('INVITE'), 302, 'one', CONTACTS);
    await t.run(50);

    const answer = caller.answers().at(-1);
    assert.deepEqual([answer?.status, answer?.headers.get('Contact')], [status, contact]);
    t.stop();
  }
});

test('a redirection is followed where the script wants that, and to us alone unless it allows more', async () => {
  for (const [options, follows] of [
    [{ recurse: true, mayRecurse: () => true }, true],
    [{ recurse: 1, mayRecurse: () => true }, true],
    [{ recurse: true, mayRecurse: () => false }, false],
    [{ recurse: true }, false],
    [{ recurse: 0, mayRecurse: () => true }, false],
  ] as const) {
    const { t, caller, one, two } = await townOf(at(ONE), options);
    caller.ask('INVITE', BOB);
    await t.run(50);
    one.answer(one.got('INVITE'), 302, 'one', CONTACTS);
    await t.run(50);
    if (follows) two.answer(two.got('INVITE'), 486, 'two');
    await t.run(50);

    assert.equal(caller.statuses.at(-1), follows ? 486 : 480);
    t.stop();
  }
});

test('one call follows so many Contacts, and no URI twice', async () => {
  const { t, caller, one } = await townOf(at(ONE), { recurse: true, mayRecurse: () => true });
  const many = Array.from({ length: REDIRECTS_MAX + 1 }, (_, i) => `<sip:${i}@${TWO}:5060>`);
  caller.ask('INVITE', BOB);
  await t.run(50);
  one.answer(one.got('INVITE'), 302, 'one', [
    ['Contact', [`<sip:hand@${ONE}:5060>`, many[0], ...many].join(', ')],
  ]);
  await t.run(300);

  assert.equal(sent(t, 'INVITE'), 1 + REDIRECTS_MAX);
  t.stop();
});

for (const [status, asks, proves] of [
  [401, 'WWW-Authenticate', 'Authorization'],
  [407, 'Proxy-Authenticate', 'Proxy-Authorization'],
] as const) {
  test(`a callee's ${status} is answered if the script has credentials; else the caller is told 403`, async () => {
    for (const credentials of [{ user: 'trunk', password: 'secret' }, undefined]) {
      const { t, caller, one } = await townOf(at(ONE), credentials === undefined ? {} : { credentials });
      caller.ask('INVITE', BOB);
      await t.run(50);
      one.answer(one.got('INVITE'), status, 'one', [[asks, 'Digest realm="carrier", nonce="n", qop="auth"']]);
      await t.run(50);

      if (credentials === undefined) assert.equal(caller.statuses.at(-1), 403);
      else {
        assert.match(one.got('INVITE').headers.get(proves) ?? '', /username="trunk".*realm="carrier"/);
        assert.equal(caller.statuses.at(-1), 100);
      }
      t.stop();
    }
  });
}

// ─── local routes ───────────────────────────────────────────────────────────────────────────────

test('a local route is asked for what we begin, and what it writes goes out; not for ACK and CANCEL', async () => {
  const asked: string[] = [];
  const { t, caller, one, two } = await townOf(
    { parallel: [at(ONE), at(TWO)] },
    { talkMsMax: 1_000 },
    (app) =>
      app.local((c) => {
        asked.push(c.req.method);
        c.req.headers.set('X-Local', c.req.method);
        return c.pass();
      }),
  );
  caller.ask('INVITE', BOB);
  await t.run(50);
  two.answer(two.got('INVITE'), 180, 'two');
  await t.run(50);
  one.answer(one.got('INVITE'), 200, 'one');
  await t.run(50);
  caller.askWithin(caller.answers().at(-1)!, 'ACK', 1);
  await t.run(2_000);

  assert.deepEqual(asked.toSorted(), ['BYE', 'BYE', 'INVITE', 'INVITE']);
  assert.equal(one.got('INVITE').headers.get('X-Local'), 'INVITE');
  assert.equal(one.got('BYE').headers.get('X-Local'), 'BYE');
  assert.deepEqual(
    [one.got('ACK').headers.has('X-Local'), two.got('CANCEL').headers.has('X-Local')],
    [false, false],
  );
  t.stop();
});

test('whatever number of hops the caller allows, the second leg gets 70 at most', async () => {
  const { t, caller, one } = await townOf(at(ONE));
  caller.ask('INVITE', BOB, [['Max-Forwards', '255']]);
  await t.run(50);

  assert.equal(one.got('INVITE').headers.get('Max-Forwards'), '70');
  t.stop();
});
