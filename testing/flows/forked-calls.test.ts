/** Forks that answer at nearly the same moment are dialogs of one call: it lasts as long as the last of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { b2bTo } from '../../src/agent/b2b.ts';
import {
  parallel,
  type RelayOptions,
  type RequestContext,
  Router,
  type Script,
  script,
  type Services,
} from '../../src/index.ts';
import type { SipResponse } from '../../src/sip/message.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { type Town, town } from '../../src/testing/town.ts';
import { CALLER, type Hand, hands } from './by-hand.ts';
import { at, HOSTS } from './flow.ts';

const BOB = 'sip:bob@example.com';
const NAMES = ['bob', 'carol'];
const TALK_MS = 20_000;
/** Long enough for every transaction to be forgotten. */
const QUIET_MS = 70_000;

/** A call of hand to two who both answer. */
interface Forked {
  readonly t: Town;
  readonly caller: Hand;
  readonly bob: Hand;
  readonly carol: Hand;
  /** What `call.ended` told: whole seconds, and who ended it. */
  readonly told: string[];
}

/** One branch each, of which bob answers first. */
const bothOf = (options: RelayOptions<{}> = {}): ((told: string[]) => Script) => {
  return (told) =>
    script(() =>
      new Router()
        .event('call.ended', ({ durationMs, by }) => {
          told.push(`${Math.round(durationMs / 1000)} ${by}`);
        })
        .inDialog((c) => c.follow())
        .invite((c) => c.relay(parallel(at('bob'), at('carol')), options)),
    );
};

async function forked(make = bothOf(), settings = {}, before: (t: Town) => void = () => {}): Promise<Forked> {
  const told: string[] = [];
  const t = await town(make(told), { people: {}, settings });
  before(t);
  const [caller, bob, carol] = await hands(t, CALLER, HOSTS.bob, HOSTS.carol);
  assert.ok(caller !== undefined && bob !== undefined && carol !== undefined);
  caller.ask('INVITE', BOB);
  await t.run(100);
  bob.answer(bob.got('INVITE'), 200, 'bob');
  await t.run(2);
  carol.answer(carol.got('INVITE'), 200, 'carol');
  await t.run(100);
  return { t, caller, bob, carol, told };
}

/** The 2xx with this tag, as the caller got it. */
function madeBy(caller: Hand, tag: string): SipResponse {
  const made = caller.answers().find(({ status, toTag }) => status === 200 && toTag === tag);
  assert.ok(made !== undefined, `the caller got the 2xx of ${tag}`);
  return made;
}

/** The caller hangs up on one, who answers so; 0 for nobody who answers. */
async function drop({ t, caller }: Forked, callee: Hand, tag: string, status = 200, cseq = 2): Promise<void> {
  caller.askWithin(madeBy(caller, tag), 'BYE', cseq);
  await t.run(20);
  if (status !== 0) callee.answer(callee.got('BYE'), status, tag);
  await t.run(20);
}

/** The callee hangs up. */
async function dropBack({ t, caller }: Forked, callee: Hand, tag: string): Promise<void> {
  callee.askBack(callee.got('INVITE'), tag, 'BYE');
  await t.run(20);
  caller.answer(caller.got('BYE'), 200, '');
  await t.run(20);
}

const TALKED = { seconds: TALK_MS / 1000 };

async function over({ t, told }: Forked, by: string, { seconds } = TALKED): Promise<void> {
  await t.run(100);
  const [record, ...more] = t.cdrs();
  assert.equal(more.length, 0);
  assert.ok(record !== undefined, 'the call has ended');
  assert.deepEqual([Math.round(Number(record.durationMs) / 1000), record.endedBy], [seconds, by]);
  if (told.length > 0) assert.deepEqual(told, [`${seconds} ${by}`]);
  await t.run(QUIET_MS);
  await assertQuiet(t);
  t.stop();
}

function goesOn({ t, told }: Forked): void {
  assert.deepEqual([t.cdrs(), told], [[], []], 'no call is over that is talked in');
}

// [what, how the one dialog ends, how the other one does, by whom]
type End = (call: Forked) => Promise<void>;
const ENDS: readonly (readonly [what: string, first: End, last: End, by: string])[] = [
  ['the caller drops the second', (f) => drop(f, f.carol, 'carol'), (f) => drop(f, f.bob, 'bob'), 'caller'],
  ['the caller drops the first', (f) => drop(f, f.bob, 'bob'), (f) => drop(f, f.carol, 'carol'), 'caller'],
  [
    'the caller drops the second, and the first hangs up',
    (f) => drop(f, f.carol, 'carol'),
    (f) => dropBack(f, f.bob, 'bob'),
    'callee',
  ],
  ['the second hangs up', (f) => dropBack(f, f.carol, 'carol'), (f) => drop(f, f.bob, 'bob'), 'caller'],
  ['the first hangs up', (f) => dropBack(f, f.bob, 'bob'), (f) => dropBack(f, f.carol, 'carol'), 'callee'],
  [
    'the second knows its dialog no more',
    (f) => drop(f, f.carol, 'carol', 481),
    (f) => drop(f, f.bob, 'bob'),
    'caller',
  ],
  [
    'the second challenges, and is dropped again',
    async (f) => {
      await drop(f, f.carol, 'carol', 407);
      await drop(f, f.carol, 'carol', 200, 3);
    },
    (f) => drop(f, f.bob, 'bob', 481),
    'caller',
  ],
  [
    'both sides of the second hang up',
    async (f) => {
      await drop(f, f.carol, 'carol');
      await dropBack(f, f.carol, 'carol');
    },
    (f) => drop(f, f.bob, 'bob'),
    'caller',
  ],
  [
    'the second is dropped, and repeats its 2xx',
    async (f) => {
      await drop(f, f.carol, 'carol');
      f.carol.answer(f.carol.got('INVITE'), 200, 'carol');
      await f.t.run(100);
    },
    (f) => drop(f, f.bob, 'bob'),
    'caller',
  ],
];

for (const [what, first, last, by] of ENDS) {
  test(`two forks answer, ${what}: the call lasts as long as the other one`, async () => {
    const call = await forked();

    await first(call);
    await call.t.run(TALK_MS);
    goesOn(call);
    await last(call);

    await over(call, by);
  });
}

test('nobody answers the BYE to the second: the call lasts as long as the first', async () => {
  const call = await forked();

  await drop(call, call.carol, 'carol', 0);
  await call.t.run(60_000);
  goesOn(call);
  await drop(call, call.bob, 'bob');

  await over(call, 'caller', { seconds: 60 });
});

test('a reply route edits both 2xx: the call lasts as long as the first', async () => {
  const edited = bothOf({
    onReply: (r) => {
      r.res.headers.set('X-Edited', 'yes');
      return r.pass();
    },
  });
  const call = await forked(edited);

  await drop(call, call.carol, 'carol');
  await call.t.run(TALK_MS);
  goesOn(call);
  await drop(call, call.bob, 'bob');

  await over(call, 'caller');
});

for (const [what, onReply] of [
  ['', undefined],
  [', edited by a reply route', 'edits'],
] as const) {
  test(`two forks behind one branch answer${what}: the call lasts as long as the second`, async () => {
    const route: RelayOptions<{}> = {
      onReply: (r) => {
        r.res.headers.set('X-Edited', 'yes');
        return r.pass();
      },
    };
    const call = await forked(bothOf(onReply === undefined ? {} : route));
    call.bob.answer(call.bob.got('INVITE'), 200, 'bob');
    call.bob.answer(call.bob.got('INVITE'), 200, 'desk');
    await call.t.run(10_000);
    call.bob.answer(call.bob.got('INVITE'), 200, 'late');
    await call.t.run(100);

    await drop(call, call.carol, 'carol');
    await drop(call, call.bob, 'late');
    await drop(call, call.bob, 'bob', 200, 3);
    await call.t.run(TALK_MS - 10_000);
    goesOn(call);
    await drop(call, call.bob, 'desk');

    await over(call, 'caller');
  });
}

test('a 2xx that comes again because its ACK was lost makes no second dialog', async () => {
  const told: string[] = [];
  const t = await town(bothOf()(told), { people: {} });
  const [caller, bob, carol] = await hands(t, CALLER, HOSTS.bob, HOSTS.carol);
  assert.ok(caller !== undefined && bob !== undefined && carol !== undefined);
  caller.ask('INVITE', BOB);
  await t.run(100);
  for (let i = 0; i < 3; i++) {
    bob.answer(bob.got('INVITE'), 200, 'bob');
    await t.run(500);
  }
  carol.answer(carol.got('INVITE'), 487, 'carol');
  await t.run(TALK_MS - 1_500);
  const call = { t, caller, bob, carol, told };

  await drop(call, bob, 'bob');

  await over(call, 'caller');
});

test('a fork that answers when the caller has hung up on the other begins no call anew', async () => {
  const told: string[] = [];
  const t = await town(bothOf()(told), { people: {} });
  const [caller, bob, carol] = await hands(t, CALLER, HOSTS.bob, HOSTS.carol);
  assert.ok(caller !== undefined && bob !== undefined && carol !== undefined);
  const call = { t, caller, bob, carol, told };
  caller.ask('INVITE', BOB);
  await t.run(100);
  bob.answer(bob.got('INVITE'), 200, 'bob');
  await t.run(5_000);
  await drop(call, bob, 'bob');

  carol.answer(carol.got('INVITE'), 200, 'carol');
  await t.run(20);
  await drop(call, carol, 'carol');

  await over(call, 'caller', { seconds: 5 });
});

for (const [first, last] of [
  ['bob', 'carol'],
  ['carol', 'bob'],
] as const) {
  test(`two servers of a pool answer, the caller drops ${first}: ${last} holds its channel on`, async () => {
    const servers = [HOSTS.bob, HOSTS.carol].map((host) => `sip:${host}:5060`);
    const call = await forked(() =>
      script(({ pools }: Services) => {
        const pool = pools.open('media', { servers, pick: 'priority' });
        return new Router().invite((c) => c.relay(parallel(...pool.pick(c))));
      }),
    );
    const pool = call.t.exchange.shared.pools.pool('media');
    const held = (): string[] => pool.servers.flatMap(({ calls }, i) => (calls === 1 ? [NAMES[i]!] : []));
    assert.deepEqual(held(), NAMES);

    await drop(call, call[first], first);
    await call.t.run(TALK_MS);
    assert.deepEqual(held(), [last]);
    await drop(call, call[last], last);

    assert.deepEqual([held(), call.t.exchange.shared.pools.calls.count], [[], 0]);
    await over(call, 'caller');
  });
}

test('a call of which one dialog has ended counts for its caller until the other has, too', async () => {
  let count: (c: RequestContext) => void = () => {};
  const made = (): Script =>
    script(() =>
      new Router().invite((c) => {
        count(c);
        return c.relay(parallel(at('bob'), at('carol')));
      }),
    );
  const call = await forked(made, {}, (t) => {
    count = ({ req }) => void t.exchange.shared.users.calls.take(req, 'hand', 1);
  });
  const { calls } = call.t.exchange.shared.users;

  await drop(call, call.carol, 'carol');
  assert.equal(calls.countOf('hand'), 1);
  await drop(call, call.bob, 'bob');

  assert.equal(calls.countOf('hand'), 0);
  call.t.stop();
});

test('without records `call.ended` is told when the last dialog has ended', async () => {
  const call = await forked(bothOf(), { calls: { records: false } });

  await drop(call, call.carol, 'carol');
  await call.t.run(TALK_MS);
  assert.deepEqual(call.told, []);
  await drop(call, call.bob, 'bob');
  await call.t.run(100);

  assert.deepEqual(call.told, [`${TALK_MS / 1000} caller`]);
  call.t.stop();
});

test('a call of two legs whose time is over has no dialog left, though two forks answered', async () => {
  const legs = (): Script =>
    script(() =>
      new Router().invite((c) => c.answer(b2bTo(parallel(at('bob'), at('carol')), { talkMsMax: 10_000 }))),
    );
  const call = await forked(legs);
  const { t, caller, bob, carol } = call;
  const made = caller.answers().findLast(({ status }) => status === 200);
  if (made !== undefined) caller.askWithin(made, 'ACK', 1);
  carol.answer(carol.got('BYE'), 200, 'carol');
  await t.run(5_000);
  goesOn(call);
  await t.run(6_000);

  for (const end of [caller, bob]) end.answer(end.got('BYE'), 200, '');
  await over(call, 'callee', { seconds: 10 });
});
