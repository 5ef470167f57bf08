/** A call of two legs leads nowhere but where a relayed one would: to who registered, by the flow he is bound to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { b2bTo } from '../../src/agent/b2b.ts';
import { byPreference, Router, script, serial } from '../../src/index.ts';
import type { HeaderPair } from '../../src/testing/phone-request.ts';
import { parseUri } from '../../src/sip/uri.ts';
import { EXCHANGE, type Town, town } from '../../src/testing/town.ts';
import { hands } from './by-hand.ts';
import { at } from './flow.ts';
import { BOB, DEVICE, Neighbour } from './registered.ts';

const POOLED = '192.0.2.51';
const EDGES = ['192.0.2.61', '192.0.2.62'] as const;

/** Carol's phone first, for three seconds, then the callee. */
const twoLegs = script(({ location }) =>
  new Router()
    .register((c) => location.save(c))
    .invite(async (c) => {
      const carol = at('carol', { ringMs: 3_000 });
      const phones = await location.lookup(c.uri);
      return phones.length === 0
        ? c.reply(480)
        : c.answer(b2bTo(c.uri.user === 'bob' ? serial(carol, byPreference(phones)) : byPreference(phones)));
    }),
);

/** Whom the exchange has called, each once. */
function called(t: Town): readonly string[] {
  const invites = t.net.trace.entries.filter(
    ({ fromHost, text }) => fromHost === EXCHANGE && text.startsWith('INVITE '),
  );
  return [...new Set(invites.map(({ toHost }) => toHost))];
}

// [the host in what is registered, who gets the call]
const registered: readonly (readonly [host: string, reached: readonly string[]])[] = [
  ['sbc.example', []],
  ['mine.example', []],
  ['loop.example', []],
  ['honest.example', ['203.0.113.5']],
];
for (const [host, reached] of registered) {
  test(`who registers ${host} has calls sent to ${reached.join(', ') || 'nobody'}`, async () => {
    const t = await town(twoLegs, {
      people: { alice: {}, mallory: {} },
      settings: { trunk: { pools: [{ name: 'carriers', servers: [`sip:${POOLED}`, 'sip:sbc.example'] }] } },
    });
    t.world.names.address('mine.example', POOLED);
    t.world.names.address('sbc.example', '192.0.2.53');
    t.world.names.address('loop.example', '127.0.0.1');
    t.world.names.address('honest.example', '203.0.113.5');
    const contact: HeaderPair = ['Contact', `<sip:+4990123@${host}>`];
    await t.phone('mallory').request('REGISTER', 'sip:mallory@example.com', { headers: [contact] });

    const call = t.phone('alice').dial('sip:mallory@example.com');
    await t.run(6_000);

    assert.deepEqual([called(t), call.status], [reached, reached.length === 0 ? 480 : 408]);
    t.stop();
  });
}

test('who answers from elsewhere does not lead us to our own loopback by his Contact', async () => {
  const t = await town(
    script(() => new Router().invite((c) => c.answer(b2bTo({ uri: parseUri(`sip:hand@${EDGES[0]}`) })))),
    { people: { alice: {} } },
  );
  t.world.names.address('loop.example', '127.0.0.1');
  const [far] = await hands(t, EDGES[0]);
  const call = t.phone('alice').dial(BOB);
  await t.run(100);
  far?.answer(far.got('INVITE'), 200, 'far', [], 'answer', { contact: '<sip:far@loop.example:8080>' });
  await t.run(100);
  call.hangUp();
  await t.run(1_000);

  const toUs = t.net.trace.entries.filter(({ toHost }) => toHost === '127.0.0.1');
  assert.deepEqual([call.status, toUs], [200, []]);
  t.stop();
});

test('who registered over TLS, and whose connection is gone in his turn, is called by no other way', async () => {
  const t = await town(twoLegs, {
    people: { alice: {}, bob: { host: '192.0.2.12', transport: 'tls' }, carol: { host: '192.0.2.13' } },
  });
  await t.phone('bob').register({ contacts: ['<sip:bob@192.0.2.77>'] });
  t.phone('carol').answers = 'ring';

  const call = t.phone('alice').dial(BOB);
  await t.run(1_000);
  t.phone('bob').close();
  await t.run(9_000);

  assert.deepEqual([called(t), call.status], [['192.0.2.13'], 480]);
  t.stop();
});

// [what the flow registered last answers, who gets the call, what the caller is told]
const flows: readonly (readonly [last: number | undefined, reached: readonly string[], told: number])[] = [
  [430, [EDGES[1], EDGES[0]], 200],
  [undefined, [EDGES[1], EDGES[0]], 200],
  [486, [EDGES[1]], 486],
];
for (const [last, reached, told] of flows) {
  test(`a device with two flows, of which the later answers ${last ?? 'nothing'}: ${told}`, async () => {
    const t = await town(twoLegs, { people: { alice: {} } });
    for (const [index, host] of EDGES.entries()) {
      const edge = new Neighbour(t, host);
      await edge.open(t, ({ method }) => (method === 'INVITE' && index === 1 ? last : 200));
      edge.ask('REGISTER', 'sip:example.com', [
        `Via: SIP/2.0/TLS 10.0.0.5;branch=z9hG4bK${index}`,
        'From: <sip:dave@example.com>;tag=1',
        'To: <sip:dave@example.com>',
        `Contact: <sip:dave@10.0.0.5>;reg-id=${index + 1};${DEVICE}`,
        'Supported: path, outbound',
        `Path: <sip:flow@${host};lr;ob>`,
      ]);
      await t.run(50);
    }

    const call = t.phone('alice').dial('sip:dave@example.com');
    await t.run(6_000);

    assert.deepEqual([called(t), call.status], [reached, told]);
    t.stop();
  });
}

test('a binding whose flow is gone, as its edge says, is taken away: the next call does not go there', async () => {
  const t = await town(twoLegs, { people: { alice: {} } });
  const edge = new Neighbour(t, EDGES[0]);
  await edge.open(t, ({ method }) => (method === 'INVITE' ? 430 : 200));
  edge.ask('REGISTER', 'sip:example.com', [
    'Via: SIP/2.0/TLS 10.0.0.5;branch=z9hG4bK1',
    'From: <sip:dave@example.com>;tag=1',
    'To: <sip:dave@example.com>',
    `Contact: <sip:dave@10.0.0.5>;reg-id=1;${DEVICE}`,
    'Supported: path, outbound',
    `Path: <sip:flow@${EDGES[0]};lr;ob>`,
  ]);
  await t.run(50);

  for (let i = 0; i < 2; i++) {
    t.phone('alice').dial('sip:dave@example.com');
    await t.run(1_000);
  }

  const invites = t.net.trace.entries.filter(
    ({ toHost, text }) => toHost === EDGES[0] && text.startsWith('INVITE '),
  );
  assert.equal(invites.length, 1);
  t.stop();
});

test('a 430 is for proxies alone, and a 503 would speak of us: the caller hears neither', async () => {
  for (const [status, told] of [
    [430, 480],
    [503, 500],
  ] as const) {
    const t = await town(
      script(() => new Router().invite((c) => c.answer(b2bTo(at('bob'))))),
      { people: { alice: {}, bob: { host: '192.0.2.12' } } },
    );
    t.phone('bob').answers = { afterMs: 0, status };

    const call = t.phone('alice').dial(BOB);
    await t.run(1_000);

    assert.equal(call.status, told);
    t.stop();
  }
});

for (const [what, answers] of [
  ['rings', 'ring'],
  ['is silent', undefined],
] as const) {
  test(`a callee who ${what} until his time is over is no caller who gave up`, async () => {
    const t = await town(
      script(() => new Router().invite((c) => c.answer(b2bTo(at('bob', { ringMs: 5_000 }))))),
      { people: { alice: {}, bob: { host: '192.0.2.12' } } },
    );
    if (answers === undefined) t.phone('bob').close();
    else t.phone('bob').answers = answers;

    const call = t.phone('alice').dial(BOB);
    await t.run(40_000);

    const [record] = t.cdrs();
    assert.deepEqual([call.status, record?.status, record?.endedBy], [408, 408, 'callee']);
    t.stop();
  });
}
