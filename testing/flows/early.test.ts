/** What happens between an INVITE and its final response. RFC 3262, RFC 3311, RFC 6228 */
import assert from 'node:assert/strict';
import { parallel } from '../../src/index.ts';
import { parseUri } from '../../src/sip/uri.ts';
import { CALLER, hands } from './by-hand.ts';
import { flow, relayTo } from './flow.ts';

const BOB = 'sip:bob@example.com';
const [ONE, TWO] = ['192.0.2.71', '192.0.2.72'];
const to = (host: string) => ({ uri: parseUri(`sip:hand@${host}:5060`) });
const nobody = { people: {} };
const RELIABLE = [
  ['Require', '100rel'],
  ['RSeq', '1'],
] as const;

flow(
  'reliable-provisional',
  'A 183 is acknowledged by PRACK, the session changed by UPDATE, then the call is answered',
  { ...nobody, route: relayTo(to(ONE)) },
  async (t) => {
    const [caller, one] = await hands(t, CALLER, ONE);
    assert.ok(caller && one);
    caller.ask('INVITE', BOB, [['Supported', '100rel']]);
    await t.run(50);
    one.answer(one.got('INVITE'), 183, 'one', RELIABLE, 'offer');
    await t.run(50);
    const [, progress] = caller.answers();
    assert.equal(progress?.body, 'offer');
    caller.askWithin(progress, 'PRACK', 2, [['RAck', '1 1 INVITE']], 'answer');
    await t.run(50);
    one.answer(one.got('PRACK'), 200, 'one');
    caller.askWithin(progress, 'UPDATE', 3, [], 'another offer');
    await t.run(50);
    one.answer(one.got('UPDATE'), 200, 'one', [], 'another answer');
    await t.run(50);
    one.answer(one.got('INVITE'), 200, 'one');
    await t.run(50);
    caller.askWithin(caller.answers().at(-1)!, 'ACK', 1);
    await t.run(50);

    assert.deepEqual([one.got('PRACK').body, one.got('UPDATE').body], ['answer', 'another offer']);
    assert.deepEqual(caller.statuses, [100, 183, 200]);
    assert.equal(one.got('ACK').cseq, 1);
  },
);

flow(
  'early-media-of-two',
  'Two branches send early media: the caller hears of both dialogs, and of the end of one (199)',
  { ...nobody, route: relayTo(parallel(to(ONE), to(TWO))) },
  async (t) => {
    const [caller, one, two] = await hands(t, CALLER, ONE, TWO);
    assert.ok(caller && one && two);
    caller.ask('INVITE', BOB, [['Supported', '199']]);
    await t.run(50);
    one.answer(one.got('INVITE'), 183, 'one', [], 'media of one');
    two.answer(two.got('INVITE'), 183, 'two', [], 'media of two');
    await t.run(50);
    one.answer(one.got('INVITE'), 199, 'one');
    one.answer(one.got('INVITE'), 486, 'one');
    await t.run(50);
    two.answer(two.got('INVITE'), 200, 'two');
    await t.run(50);
    caller.askWithin(caller.answers().at(-1)!, 'ACK', 1);
    await t.run(50);

    assert.deepEqual(
      caller
        .answers()
        .map(({ status, toTag, body }) => [status, toTag, body])
        .slice(1),
      [
        [183, 'one', 'media of one'],
        [183, 'two', 'media of two'],
        [199, 'one', ''],
        [200, 'two', ''],
      ],
    );
    assert.equal(two.got('ACK').toTag, 'two');
  },
);

flow(
  'forks-downstream',
  'A proxy behind us forks: each 2xx makes a dialog of its own, the later one too',
  { ...nobody, route: relayTo(to(ONE)) },
  async (t) => {
    const [caller, one] = await hands(t, CALLER, ONE);
    assert.ok(caller && one);
    caller.ask('INVITE', BOB);
    await t.run(50);
    const invite = one.got('INVITE');
    one.answer(invite, 200, 'first');
    await t.run(50);
    one.answer(invite, 200, 'second');
    await t.run(50);
    const [, first, second] = caller.answers();
    assert.ok(first && second);
    caller.askWithin(first, 'ACK', 1);
    caller.askWithin(second, 'ACK', 1);
    caller.askWithin(second, 'BYE', 2);
    await t.run(50);
    one.answer(one.got('BYE'), 200, 'second');
    await t.run(50);

    assert.deepEqual([first.toTag, second.toTag, one.got('BYE').toTag], ['first', 'second', 'second']);
    assert.equal(caller.answers('BYE')[0]?.status, 200);
  },
);

flow(
  'subscription-forked',
  'A SUBSCRIBE is forked: the NOTIFY of each notifier makes a dialog that can be refreshed',
  { ...nobody, route: relayTo(parallel(to(ONE), to(TWO))) },
  async (t) => {
    const [watcher, one, two] = await hands(t, CALLER, ONE, TWO);
    assert.ok(watcher && one && two);
    watcher.ask('SUBSCRIBE', BOB, [['Event', 'dialog']]);
    await t.run(50);
    one.answer(one.got('SUBSCRIBE'), 200, 'one');
    await t.run(50);
    // The second notifier's 2xx does not get through; its NOTIFY makes the dialog. RFC 6665 §4.4.1
    const subscribe = two.got('SUBSCRIBE');
    const routes = subscribe.headers.all('Record-Route').map((route) => ['Route', route] as const);
    const parties = [
      ['From', `<${BOB}>;tag=two`],
      ['To', subscribe.headers.get('From') ?? ''],
    ] as const;
    two.askAs(`sip:hand@${CALLER}:5060`, 'NOTIFY', [...routes, ...parties]);
    await t.run(50);
    const notify = watcher.got('NOTIFY');
    watcher.answer(notify, 200, '');
    const back = notify.headers.all('Record-Route').map((route) => ['Route', route] as const);
    const refresh = [
      ['From', notify.headers.get('To') ?? ''],
      ['To', notify.headers.get('From') ?? ''],
    ] as const;
    watcher.askAs(`sip:hand@${TWO}:5060`, 'SUBSCRIBE', [...back, ...refresh], 2);
    await t.run(50);
    assert.equal(two.got('SUBSCRIBE').toTag, 'two');
    two.answer(two.got('SUBSCRIBE'), 200, 'two');
    await t.run(35_000);
  },
);
