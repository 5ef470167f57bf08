import assert from 'node:assert/strict';
import { test } from 'node:test';
import { b2bTo } from '../../src/agent/b2b.ts';
import { parseUri, Router, script, serial } from '../../src/index.ts';
import { town } from '../../src/testing/town.ts';
import { at, flow, relayTo } from './flow.ts';
import { stepFlow } from './steps.ts';

const BOB = 'sip:bob@example.com';
const three = { alice: {}, bob: {}, carol: {} };
const four = { ...three, dave: {} };
const CAROL_AT = '<sip:carol@192.0.2.13:5060>';
const DAVE_AT = '<sip:dave@192.0.2.14:5060>';
const BOB_AT = '<sip:bob@192.0.2.12:5060>';
const anywhere = { recurse: true, mayRecurse: () => true } as const;
const leadsTo = (...contacts: string[]) =>
  ({ afterMs: 100, status: 302, headers: contacts.map((contact) => ['Contact', contact] as const) }) as const;

flow(
  'redirect-passed',
  'A redirection goes back to the caller, unless the script follows it',
  { people: three, route: relayTo(at('bob')) },
  async (t) => {
    t.phone('bob').answers = leadsTo(CAROL_AT);
    const call = t.phone('alice').dial(BOB);
    await t.run(1_000);

    assert.equal(call.status, 302);
    assert.equal(call.responses.at(-1)?.headers.get('Contact'), CAROL_AT);
  },
);

stepFlow(
  'redirect-followed',
  'A redirection is followed: the caller never hears of it, a branch and a reply route see each step',
  () =>
    new Router().invite((c) =>
      c.relay(at('bob'), { ...anywhere, onBranch: (b) => b.send(), onReply: (r) => r.pass() }),
    ),
  async (t) => {
    t.phone('bob').answers = leadsTo(CAROL_AT);
    const call = t.phone('alice').dial(BOB);
    await t.run(2_000);
    assert.equal(call.state, 'talking');
    call.hangUp();
    await t.run(100);
  },
);

flow(
  'redirect-followed-by-preference',
  'A redirection to two: the one with the higher q rings first',
  { people: four, route: relayTo(at('bob'), anywhere) },
  async (t) => {
    t.phone('bob').answers = leadsTo(`${CAROL_AT};q=0.3, ${DAVE_AT};q=0.7`);
    t.phone('dave').answers = { afterMs: 500, status: 486 };
    const call = t.phone('alice').dial(BOB);
    await t.run(3_000);
    assert.equal(call.state, 'talking');
    call.hangUp();
    await t.run(100);
  },
);

flow(
  'redirect-in-a-circle',
  'Two redirect to each other: nobody is asked twice',
  { people: three, route: relayTo(at('bob'), anywhere) },
  async (t) => {
    t.phone('bob').answers = leadsTo(CAROL_AT);
    t.phone('carol').answers = leadsTo(BOB_AT, CAROL_AT);
    const call = t.phone('alice').dial(BOB);
    await t.run(1_000);

    assert.equal(call.status, 302);
    assert.deepEqual([t.phone('bob').incoming.length, t.phone('carol').incoming.length], [1, 1]);
  },
);

flow(
  'redirect-elsewhere',
  'Only what leads to us is followed, unless the script allows more',
  { people: three, route: relayTo(serial(at('bob'), at('carol')), { recurse: true }) },
  async (t) => {
    t.phone('bob').answers = leadsTo('<sip:premium@203.0.113.9>');
    t.phone('carol').answers = { afterMs: 0, status: 486 };
    const call = t.phone('alice').dial(BOB);
    await t.run(1_000);

    assert.equal(call.status, 302);
    assert.equal(t.phone('carol').incoming.length, 1, 'the next target is tried all the same');
  },
);

flow(
  'redirect-limit',
  'No more Contacts are followed than the script says',
  { people: four, route: relayTo(at('bob'), { ...anywhere, recurse: 1 }) },
  async (t) => {
    t.phone('bob').answers = leadsTo(CAROL_AT, DAVE_AT);
    t.phone('carol').answers = { afterMs: 0, status: 480 };
    const call = t.phone('alice').dial(BOB);
    await t.run(1_000);

    assert.equal(call.status, 480);
    assert.equal(t.phone('dave').incoming.length, 0);
  },
);

flow(
  'redirect-to-nobody',
  'A redirection to nobody, as a look-up may give: nobody is there, 480',
  { route: (c) => c.redirect() },
  async (t) => {
    const call = t.phone('alice').dial(BOB);
    await t.run(100);

    assert.equal(call.status, 480);
    assert.deepEqual(
      t.cdrs().map(({ status }) => status),
      [480],
    );
  },
);

const relayed = script(() => new Router().invite((c) => c.relay(at('bob'), { recurse: true })));
const b2b = script(() =>
  new Router().invite((c) => c.answer(b2bTo(parseUri('sip:bob@192.0.2.12:5060'), { recurse: true }))),
);
for (const [kind, routes] of [
  ['proxied', relayed],
  ['of two legs', b2b],
] as const) {
  for (const where of ['127.0.0.1', '127.0.0.1:5060', '[::1]', '127.9.9.9'])
    test(`a callee redirects a call ${kind} to ${where}: nobody on this machine hears of it`, async () => {
      const t = await town(routes, { people: { alice: {}, bob: { host: '192.0.2.12' } } });
      t.phone('bob').answers = leadsTo(`<sip:x@${where}>`);

      const call = t.phone('alice').dial(BOB);
      await t.run(3_000);

      assert.ok(call.status === 302 || call.status === 480, String(call.status));
      const hosts = t.net.trace.entries.map(({ toHost }) => toHost);
      assert.deepEqual(
        hosts.filter((host) => host === '::1' || host.startsWith('127.')),
        [],
      );
      t.stop();
    });
}
