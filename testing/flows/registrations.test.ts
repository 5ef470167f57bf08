/** Calls that find a phone by what it registered: its flows, the proxies before it, its GRUU, a push. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byPreference, type PushEvent, Router, type Script, script } from '../../src/index.ts';
import { parseUri } from '../../src/sip/uri.ts';
import { EXCHANGE, town } from '../../src/testing/town.ts';
import { HOSTS } from './flow.ts';
import { BOB, DEVICE, flow, Neighbour, open } from './registered.ts';

const OTHER = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E129>"';

const REGISTRAR = '192.0.2.80';

/** An edge: registers phones elsewhere, and brings them what comes along its Path. */
const edge = script(() => {
  const app = new Router();
  app.register((c) => c.relay({ uri: parseUri(`sip:${REGISTRAR}`), uriText: c.req.uriText }, { path: true }));
  app.request((c) => (c.pathTarget === undefined ? c.reply(403) : c.relay(c.pathTarget)));
  return app;
});

flow(
  'register-through-edge',
  'We are the edge: calls reach the phone along our Path by the connection it came by; 430 when that is gone',
  { people: { bob: { transport: 'tls' } }, script: edge },
  async (t) => {
    const registrar = await new Neighbour(t, REGISTRAR).open(t, () => 200);
    const bob = t.phone('bob');
    bob.answers = { afterMs: 0 };
    const headers = [
      ['Contact', `<sip:bob@10.0.0.5:5061;transport=tls>;reg-id=1;${DEVICE}`],
      ['Supported', 'path, outbound'],
    ] as const;
    assert.equal(await bob.request('REGISTER', BOB, { headers }), 200);
    const path = registrar.got('REGISTER').headers.get('Path') ?? '';
    assert.match(path, /^<sip:[\w-]{42}@192\.0\.2\.1:5060;lr;ob>$/);
    const invite = ['From: <sip:a@h>;tag=1', `To: <${BOB}>`, 'Contact: <sip:a@192.0.2.80>'];

    registrar.ask('INVITE', 'sip:bob@10.0.0.5:5061;transport=tls', [...invite, `Route: ${path}`]);
    await t.run(100);
    const answered = [...registrar.statuses];
    const [call] = bob.incoming;
    assert.ok(call !== undefined);
    registrar.ask('INVITE', 'sip:bob@10.0.0.5', [...invite, 'Route: <sip:AAAA@192.0.2.1;lr>', 'X: 1'], 5);
    call.hangUp();
    await t.run(100);
    bob.close();
    await t.run(100);
    registrar.ask('INVITE', 'sip:bob@10.0.0.5:5061;transport=tls', [...invite, `Route: ${path}`], 9);
    await t.run(100);

    assert.equal(call.invite.uriText, 'sip:bob@10.0.0.5:5061;transport=tls');
    assert.equal(answered.at(-1), 200);
    assert.equal(registrar.got('BYE').uriText, 'sip:a@192.0.2.80');
    assert.deepEqual(
      registrar.statuses.filter((status) => status >= 400),
      [430, 430],
    );
  },
);

const GRUU = 'sip:bob@example.com;gr=urn:uuid:00000000-0000-1000-8000-000A95A0E128';

flow(
  'register-gruu',
  'A GRUU rings one device of two, and stands for it as the Contact of a dialog',
  { people: { alice: {}, bob: {}, carol: {} } },
  async (t) => {
    for (const [name, device] of [
      ['bob', DEVICE],
      ['carol', OTHER],
    ] as const) {
      const headers = [
        ['Contact', `<sip:${name}@${HOSTS[name]}:5060>;${device}`],
        ['Supported', 'gruu'],
      ] as const;
      assert.equal(await t.phone(name).request('REGISTER', BOB, { headers }), 200);
    }
    const caller = await new Neighbour(t, '192.0.2.66').open(t, () => 200);
    caller.ask('REGISTER', 'sip:example.com', [
      'From: <sip:dan@example.com>;tag=1',
      'To: <sip:dan@example.com>',
      'Contact: <sip:dan@192.0.2.66:5060>;+sip.instance="<urn:uuid:3>"',
      'Supported: gruu',
    ]);
    await t.run(50);

    t.phone('bob').answers = { afterMs: 0 };
    const to = `To: <${GRUU}>`;
    const from = 'From: <sip:dan@example.com>;tag=1';
    caller.ask('INVITE', GRUU, [from, to, 'Contact: <sip:dan@example.com;gr=urn:uuid:3>'], 2);
    await t.run(100);
    const [call] = t.phone('bob').incoming;
    call?.hangUp();
    await t.run(100);

    assert.equal(call?.invite.uriText, `sip:bob@${HOSTS.bob}:5060`);
    assert.equal(t.phone('carol').incoming.length, 0);
    assert.equal(caller.got('BYE').uriText, 'sip:dan@192.0.2.66:5060');
  },
);

test('what a REGISTER requires is for its registrar to know, and passes an edge: RFC 3261 §16.3', async () => {
  for (const [by, status] of [
    [edge, 200],
    [open, 420],
  ] as const) {
    const t = await town(by, { people: { bob: {} } });
    await new Neighbour(t, REGISTRAR).open(t, () => 200);

    const told = await t.phone('bob').register({ headers: [['Require', 'path, pref']] });

    assert.equal(told, status);
    const answer = t.net.trace.entries.at(-1)?.text ?? '';
    assert.equal(/^Unsupported: (.*)\r/m.exec(answer)?.[1], status === 420 ? 'pref' : undefined);
    t.stop();
  }
});

test('a GRUU of somebody who is registered no more leads to nobody within a call, and not back to us', async () => {
  const t = await town(open, { people: { bob: {} } });
  t.world.names.address('example.com', EXCHANGE);
  const caller = await new Neighbour(t, '192.0.2.66').open(t, () => 200);
  const dan = ['From: <sip:dan@example.com>;tag=1', 'To: <sip:dan@example.com>'];
  const device = '<sip:dan@192.0.2.66:5060>;+sip.instance="<urn:uuid:3>"';
  await t.phone('bob').register();
  caller.ask('REGISTER', 'sip:example.com', [...dan, `Contact: ${device}`, 'Supported: gruu']);
  await t.run(50);
  t.phone('bob').answers = { afterMs: 0 };
  const parties = ['From: <sip:dan@example.com>;tag=1', `To: <${BOB}>`];
  caller.ask('INVITE', BOB, [...parties, 'Contact: <sip:dan@example.com;gr=urn:uuid:3>'], 2);
  await t.run(100);
  caller.ask('REGISTER', 'sip:example.com', [...dan, `Contact: ${device};expires=0`], 3);
  await t.run(50);

  const [call] = t.phone('bob').incoming;
  call?.hangUp();
  await t.run(1_000);

  const toItself = t.net.trace.entries.filter(
    ({ fromHost, toHost }) => fromHost === EXCHANGE && toHost === EXCHANGE,
  );
  assert.deepEqual([call?.byeStatus, toItself], [480, []]);
  t.stop();
});

/** As a provider's script pushes, but the push service is the test. */
function pushing(push: (event: PushEvent) => void): Script {
  return script(({ location }) => {
    const app = new Router();
    app.register((c) => location.save(c));
    app.event('contact.push', push);
    app.invite(async (c) => {
      const phones = await location.wake(c.uri, 5_000);
      return phones.length === 0 ? c.reply(480) : c.relay(byPreference(phones));
    });
    return app;
  });
}

const SLEEPER = `<sip:bob@${HOSTS.bob}:5060;pn-provider=fcm;pn-prid=x>`;
const pushed: PushEvent[] = [];

flow(
  'register-push',
  'One phone rings at once, the one that sleeps is pushed and rings as soon as it has registered; it takes the call',
  { people: { alice: {}, bob: {}, carol: {} }, script: pushing((event) => pushed.push(event)) },
  async (t) => {
    const wakes = (): Promise<number> =>
      t.phone('bob').request('REGISTER', BOB, { headers: [['Contact', SLEEPER]] });
    await wakes();
    const desk = ['Contact', `<sip:carol@${HOSTS.carol}:5060>`] as const;
    await t.phone('carol').request('REGISTER', BOB, { headers: [desk] });
    t.phone('carol').answers = 'ring';
    t.phone('bob').answers = { afterMs: 500 };

    const call = t.phone('alice').dial(BOB);
    await t.run(2_000);
    assert.deepEqual([pushed.map(({ prid }) => prid), t.phone('bob').incoming.length], [['x'], 0]);
    await wakes();
    await t.run(1_000);
    assert.equal(call.state, 'talking');
    call.hangUp();
    await t.run(100);

    assert.equal(t.phone('carol').incoming[0]?.status, 487);
  },
);

flow(
  'register-push-in-vain',
  'The phone that sleeps does not come in time: its caller is told; one who gives up before waits no more',
  { script: pushing(() => {}) },
  async (t) => {
    await t.phone('bob').request('REGISTER', BOB, { headers: [['Contact', SLEEPER]] });

    const call = t.phone('alice').dial(BOB);
    await t.run(5_100);
    assert.deepEqual([call.state, call.status], ['ended', 480]);
    const given = t.phone('alice').dial(BOB);
    await t.run(1_000);
    given.hangUp();
    await t.run(100);

    assert.equal(given.status, 487);
    await t.run(5_000);
  },
);

flow(
  'register-subscribed',
  'A subscriber is told who is registered, and of each change; the last word comes when it unsubscribes (RFC 3680)',
  { people: { bob: {} } },
  async (t) => {
    const watcher = await new Neighbour(t, '192.0.2.66').open(t, () => 200);
    const from = 'From: <sip:dan@example.com>;tag=1';
    const usual = ['Event: reg', 'Contact: <sip:dan@192.0.2.66:5060>', 'Accept: application/reginfo+xml'];
    watcher.ask('SUBSCRIBE', BOB, [from, `To: <${BOB}>`, 'Expires: 600', ...usual]);
    await t.run(100);
    const to = `To: ${watcher.got('NOTIFY').headers.get('From')}`;
    await t.phone('bob').register();
    await t.run(5_100);
    await t.phone('bob').unregister();
    await t.run(5_100);
    watcher.ask('SUBSCRIBE', 'sip:192.0.2.1:5060', [from, to, 'Expires: 0', ...usual], 2);
    await t.run(100);

    const notified = watcher.requests.filter(({ method }) => method === 'NOTIFY');
    const told = notified.map(({ headers, body }) => [
      headers.get('Subscription-State')?.split(';')[0],
      /version="(\d+)" state="(\w+)"/.exec(body)?.slice(1).join(' '),
      /<registration [^>]*state="(\w+)"/.exec(body)?.[1],
      /<contact [^>]*state="(\w+)" event="(\w+)"/.exec(body)?.slice(1).join(' '),
    ]);
    assert.deepEqual(told, [
      ['active', '0 full', 'init', undefined],
      ['active', '1 partial', 'active', 'active created'],
      ['active', '2 partial', 'terminated', 'terminated unregistered'],
      ['terminated', '3 full', 'init', undefined],
    ]);
    assert.equal(t.exchange.agent.dialogCount, 0);
  },
);

for (const [supported, status] of [
  ['outbound, path', 200],
  ['outbound', 421],
] as const) {
  test(`an edge that requires Path answers ${status} to a phone with "Supported: ${supported}"`, async () => {
    const core = { uri: parseUri(`sip:${REGISTRAR}`) };
    const requiring = script(() => {
      const app = new Router();
      app.register((c) => c.relay({ ...core, uriText: c.req.uriText }, { path: 'require' }));
      return app;
    });
    const t = await town(requiring, { people: { bob: {} } });
    const registrar = await new Neighbour(t, REGISTRAR).open(t, () => 200);

    const headers = [['Supported', supported]] as const;
    const answered = await t.phone('bob').register({ headers });

    assert.deepEqual([answered, registrar.requests.length], [status, status === 200 ? 1 : 0]);
    t.stop();
  });
}
