/** Forks that lead back to us: whatever the caller writes, one request brings about so many and no more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import registrarProxy from '../../examples/registrar-proxy.ts';
import { b2bTo } from '../../src/agent/b2b.ts';
import { byPreference, Router, type Script, script } from '../../src/index.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { EXCHANGE, type Town, town } from '../../src/testing/town.ts';
import { CAUSED_MAX } from '../../src/transaction/stem.ts';
import { CALLER, hands } from './by-hand.ts';

const CONTACTS = 10;
const U0 = 'sip:u0@example.com';

/** Rings who is registered by calls of two legs. */
const twoLegs = script(({ location }) =>
  new Router()
    .register((c) => location.save(c))
    .invite(async (c) => {
      const places = await location.lookup(c.uri);
      return places.length > 0 ? c.answer(b2bTo(byPreference(places))) : c.reply(480);
    }),
);
/** Where u0 has failed, he is asked for again, under another name. */
const again = script(({ location }) => {
  const app = new Router();
  app.register((c) => location.save(c));
  app.invite(async (c) => {
    const plan = byPreference(await location.lookup(c.uri));
    return c.relay(plan, { onFailure: (f) => f.relay(plan, { onFailure: (g) => g.relay(plan) }) });
  });
  return app;
});

/** One account, all of whose places lead back to it, each by another name. */
async function circle(what: Script, q: (i: number) => string): Promise<Town> {
  const t = await town(what, { people: { u0: {} }, settings: { sip: { open_inbound: true } } });
  t.world.names.address('example.com', EXCHANGE);
  const contacts = Array.from({ length: CONTACTS }, (_, i) => `<${U0};x=${i}>${q(i)}`);
  assert.equal(await t.phone('u0').register({ contacts }), 200);
  return t;
}

function invites(t: Town): number {
  const { entries } = t.net.trace;
  return entries.filter(({ fromHost, text }) => fromHost === EXCHANGE && text.startsWith('INVITE ')).length;
}

const atOnce = (): string => '';
const inTurn = (i: number): string => `;q=0.${9 - i}`;
const inPairs = (i: number): string => `;q=0.${9 - (i >> 1)}`;

const circles: readonly [what: string, script: Script, q: (i: number) => string][] = [
  ['at once', registrarProxy, atOnce],
  ['one after the other', registrarProxy, inTurn],
  ['two at a time', registrarProxy, inPairs],
  ['by failure routes', again, inPairs],
  ['at once, by calls of two legs', twoLegs, atOnce],
  ['one after the other, by calls of two legs', twoLegs, inTurn],
];

for (const [what, script, q] of circles) {
  for (const breadth of [undefined, '1', '60', '100000', '2000000000', '9'.repeat(40)]) {
    test(`places that lead back, ${what}, Max-Breadth ${breadth?.substring(0, 12) ?? 'not said'}`, async () => {
      const t = await circle(script, q);
      const [caller] = await hands(t, CALLER);
      caller!.ask('INVITE', U0, breadth === undefined ? [] : [['Max-Breadth', breadth]]);
      await t.run(20_000);

      assert.ok(invites(t) <= CAUSED_MAX, `${invites(t)} INVITEs`);
      assert.ok((caller!.statuses.at(-1) ?? 0) >= 400, caller!.statuses.join(' '));
      await t.run(400_000);
      await assertQuiet(t);
      t.stop();
    });
  }
}

const branches: readonly [string | undefined, string | undefined][] = [
  [undefined, undefined],
  ['1', '1'],
  ['60', '60'],
  ['61', '60'],
  ['2000000000', '60'],
];

for (const [came, left] of branches) {
  test(`Max-Breadth ${came} leaves for one phone as ${left}`, async () => {
    const t = await town(registrarProxy, { people: { bob: {} }, settings: { sip: { open_inbound: true } } });
    assert.equal(await t.phone('bob').register(), 200);
    const [caller] = await hands(t, CALLER);
    caller!.ask('INVITE', 'sip:bob@example.com', came === undefined ? [] : [['Max-Breadth', came]]);
    await t.run(100);

    assert.equal(t.phone('bob').incoming[0]?.invite.headers.get('Max-Breadth'), left);
    t.stop();
  });
}

const shares: readonly [callees: number, came: string | undefined, left: string | undefined][] = [
  [1, undefined, undefined],
  [1, '7', '7'],
  [1, '2000000000', '60'],
  [3, undefined, '20'],
  [3, '7', '2'],
];

for (const [callees, came, left] of shares) {
  test(`a call of two legs to ${callees} at once, Max-Breadth ${came}: each gets ${left}`, async () => {
    const t = await town(twoLegs, { people: { bob: { host: '192.0.2.12' } } });
    const contacts = Array.from({ length: callees }, (_, i) => `<sip:bob@192.0.2.12:5060;x=${i}>`);
    assert.equal(await t.phone('bob').register({ contacts }), 200);
    const [caller] = await hands(t, CALLER);
    caller!.ask('INVITE', 'sip:bob@example.com', came === undefined ? [] : [['Max-Breadth', came]]);
    await t.run(100);

    const rung = t.phone('bob').incoming.map(({ invite }) => invite.headers.get('Max-Breadth'));
    assert.deepEqual(rung, Array<string | undefined>(callees).fill(left));
    t.stop();
  });
}

test('a call of two legs that may not ring as many at once as it must is refused with 440', async () => {
  const t = await circle(twoLegs, atOnce);
  const [caller] = await hands(t, CALLER);
  caller!.ask('INVITE', U0, [['Max-Breadth', String(CONTACTS - 1)]]);
  await t.run(100);

  assert.deepEqual([caller!.statuses.at(-1), invites(t)], [440, 0]);
  t.stop();
});
