/** A call to a sips URI goes by TLS on each hop, or not at all. RFC 3261 §26.2.2, RFC 5630 §5.3 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { b2bTo } from '../../src/agent/b2b.ts';
import { byPreference, type Plan, Router, script, type Target } from '../../src/index.ts';
import { parseUri } from '../../src/sip/uri.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { EXCHANGE, type Person, PORTS, type Town, town } from '../../src/testing/town.ts';
import type { Hop } from '../../src/transport/transports.ts';
import { HOSTS } from './flow.ts';

const SIPS_BOB = 'sips:bob@example.com';
/** Our Contact in a sips dialog. RFC 3261 §12.1.1 */
const OURS = `<sips:${EXCHANGE}:${PORTS.tls}>`;
const registrar = script(({ location }) => {
  const app = new Router();
  app.register((c) => location.save(c));
  app.request(async (c) => {
    const phones = await location.lookup(c.uri);
    return phones.length === 0 ? c.reply(480) : c.relay(byPreference(phones));
  });
  return app;
});

async function registered(alice: Person, bob: Person): Promise<Town> {
  const t = await town(registrar, { people: { alice, bob } });
  await t.phone('alice').register();
  await t.phone('bob').register();
  return t;
}

for (const transport of ['udp', 'tcp', 'ws'] as const) {
  test(`a phone that registered by ${transport} is not called by sips`, async () => {
    const t = await registered({ transport: 'tls' }, { transport });

    const call = t.phone('alice').dial(SIPS_BOB);
    await t.run(2_000);

    assert.deepEqual([call.status, t.phone('bob').incoming.length], [480, 0]);
    t.stop();
  });
}

for (const transport of ['tls', 'wss'] as const) {
  test(`a phone that registered by ${transport} is, and both sides hold sips routes until the end`, async () => {
    const t = await registered({ transport: 'tls' }, { transport });

    const call = t.phone('alice').dial(SIPS_BOB);
    await t.run(2_000);

    assert.equal(call.state, 'talking');
    const routes = [
      ...(t
        .phone('bob')
        .received.find(({ method }) => method === 'INVITE')
        ?.headers.all('Record-Route') ?? []),
      ...(call.responses.at(-1)?.headers.all('Record-Route') ?? []),
    ];
    assert.ok(routes.length >= 2);
    for (const route of routes) {
      assert.match(route, /^<sips:/);
      assert.doesNotMatch(route, /transport=tls/);
    }
    t.phone('bob').calls[0]?.hangUp();
    await t.run(1_000);
    assert.deepEqual([call.state, t.phone('bob').calls[0]?.byeStatus], ['ended', 200]);
    await assertQuiet(t);
    t.stop();
  });
}

test('a sip call between the same phones has sip routes, and the caller may hang up a sips call too', async () => {
  const t = await registered({ transport: 'tls' }, { transport: 'tls' });
  const plain = t.phone('alice').dial('sip:bob@example.com');
  const secured = t.phone('alice').dial(SIPS_BOB);
  await t.run(2_000);

  const schemes = t
    .phone('bob')
    .incoming.map(({ invite }) => /<(\w+):/.exec(invite.headers.get('Record-Route') ?? '')?.[1]);
  assert.deepEqual(schemes, ['sip', 'sips']);
  for (const call of [plain, secured]) call.hangUp();
  await t.run(1_000);
  assert.deepEqual([plain.byeStatus, secured.byeStatus], [200, 200]);
  await assertQuiet(t);
  t.stop();
});

for (const scheme of ['sip', 'sips'] as const) {
  test(`whoever watches a ${scheme} address by TLS has a ${scheme} Contact of ours`, async () => {
    const t = await town(
      script(({ location }) => new Router().subscribe((c) => location.watch(c))),
      { people: { alice: { transport: 'tls' }, bob: {} } },
    );
    const alice = t.phone('alice');
    const headers = [
      ['Event', 'reg'],
      ['Contact', `<${scheme}:alice@192.0.2.77:5061;transport=tcp>`],
    ] as const;

    assert.equal(await alice.request('SUBSCRIBE', `${scheme}:bob@example.com`, { headers }), 200);
    await t.run(1_000);

    const contact = alice.received.find(({ method }) => method === 'NOTIFY')?.headers.get('Contact') ?? '';
    assert.ok(contact.startsWith(`<${scheme}:`), contact);
    t.stop();
  });
}

const UDP_BOB: Target = { uri: parseUri('sip:bob@192.0.2.12:5060') };
const UDP_HOP: Hop = { transport: 'udp', host: '192.0.2.12', port: 5060 };

// [what the script does, its plan, what it makes of the Request-URI]
const detours: readonly [string, Plan, string | undefined][] = [
  ['names a sip URI', UDP_BOB, undefined],
  ['names a hop by UDP', { uri: parseUri('sips:bob@192.0.2.12'), hop: UDP_HOP }, undefined],
  ['makes it a sip URI first', UDP_BOB, 'sip:bob@192.0.2.12:5060'],
  ['has a second, no better, target', { serial: [UDP_BOB, UDP_BOB] }, undefined],
];

for (const [what, plan, uri] of detours) {
  test(`a sips request is sent to nobody without TLS, though the script ${what}`, async () => {
    const t = await town(
      script(() =>
        new Router().request((c) => {
          if (uri !== undefined) c.uri = parseUri(uri);
          return c.relay(plan);
        }),
      ),
      { people: { alice: { transport: 'tls' }, bob: { host: HOSTS.bob } } },
    );

    const call = t.phone('alice').dial(SIPS_BOB);
    const message = await t.phone('alice').request('MESSAGE', SIPS_BOB);
    await t.run(2_000);

    assert.deepEqual([call.status, message], [480, 480]);
    assert.deepEqual(t.phone('bob').received, []);
    await assertQuiet(t);
    t.stop();
  });
}

test('nor is one forwarded without a transaction', async () => {
  const t = await town(
    script(() => new Router().message((c) => c.forward(UDP_HOP))),
    { people: { alice: { transport: 'tls' }, bob: { host: HOSTS.bob } } },
  );

  assert.equal(await t.phone('alice').request('MESSAGE', SIPS_BOB), 480);
  assert.equal(await t.phone('alice').request('MESSAGE', 'sip:bob@example.com'), 200);
  assert.equal(t.phone('bob').received.length, 1);
  t.stop();
});

for (const bob of ['tls', 'udp'] as const) {
  test(`a sips call of two legs, whose script names a phone by ${bob}`, async () => {
    const people = { alice: { transport: 'tls' }, bob: { transport: bob, host: HOSTS.bob } } as const;
    const t = await town(
      script(({ location }) =>
        new Router()
          .register((c) => location.save(c))
          .invite(async (c) => {
            const [phone] = await location.lookup({ ...c.uri, scheme: 'sip' });
            return phone === undefined ? c.reply(480) : c.answer(b2bTo(phone));
          }),
      ),
      { people },
    );
    await t.phone('bob').register();

    const call = t.phone('alice').dial(SIPS_BOB);
    await t.run(2_000);

    const [incoming] = t.phone('bob').incoming;
    const contacts = [incoming?.invite, call.responses.at(-1)].map((message) =>
      message?.headers.get('Contact'),
    );
    if (bob === 'tls') assert.deepEqual([call.status, ...contacts], [200, OURS, OURS]);
    else assert.deepEqual([call.status, incoming], [480, undefined]);
    incoming?.hangUp();
    await t.run(1_000);
    assert.equal(call.state, 'ended');
    t.stop();
  });
}
