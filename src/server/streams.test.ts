/** Calls between phones that speak TLS and WebSocket, in every direction. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertQuiet } from '../testing/quiet.ts';
import { simCertificate } from '../testing/sim-tls.ts';
import { Stranger } from '../testing/stranger.ts';
import { EXCHANGE, PORTS, town } from '../testing/town.ts';
import { openRegistrar, registrarProxy } from '../testing/town-scripts.ts';

// oxfmt-ignore
const pairs = [
  ['tls', 'tls'], ['udp', 'tls'], ['tls', 'tcp'],
  ['ws', 'ws'], ['wss', 'ws'], ['udp', 'wss'], ['ws', 'tls'],
] as const;

for (const [from, to] of pairs) {
  for (const hangsUp of ['caller', 'callee'] as const) {
    test(`a phone on ${from} calls one on ${to}, the ${hangsUp} hangs up`, async () => {
      const t = await town(registrarProxy, {
        people: { alice: { transport: from }, bob: { transport: to } },
      });
      const registered = [await t.phone('alice').register(), await t.phone('bob').register()];

      const call = t.phone('alice').dial('sip:bob@example.com');
      await t.run(3_000);
      const [incoming] = t.phone('bob').incoming;
      assert.ok(incoming !== undefined);
      const via = incoming.invite.headers.get('Via') ?? '';
      (hangsUp === 'caller' ? call : incoming).hangUp();
      await t.run(1_000);

      assert.deepEqual(registered, [200, 200]);
      assert.ok(via.startsWith(`SIP/2.0/${to.toUpperCase()} ${EXCHANGE}:${PORTS[to]};branch=`), via);
      assert.deepEqual(
        [call.endedBy, incoming.endedBy],
        hangsUp === 'caller' ? ['us', 'them'] : ['them', 'us'],
      );
      assert.equal(t.cdrs()[0]?.endedBy, hangsUp);
      await assertQuiet(t);
      t.stop();
    });
  }
}

for (const transport of ['tls', 'ws', 'wss'] as const) {
  test(`a phone on ${transport} that has gone is told to its caller at once, and reached when it is back`, async () => {
    const t = await town(registrarProxy, { people: { alice: {}, bob: { transport } } });
    await t.phone('alice').register();
    await t.phone('bob').register();
    t.phone('bob').close();
    await t.run(100);

    const call = t.phone('alice').dial('sip:bob@example.com');
    await t.run(500);

    assert.deepEqual([call.state, call.status], ['ended', 480]);
    t.stop();
  });
}

test('a contact with sips is not called by UDP', async () => {
  const t = await town(openRegistrar, { people: { alice: {} } });
  const bob = await new Stranger(t.world, '192.0.2.20', { host: EXCHANGE, port: 5060 }).open();
  bob.send(
    [
      'REGISTER sip:example.com SIP/2.0',
      'Via: SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bKr;rport',
      'From: <sip:bob@example.com>;tag=1',
      'To: <sip:bob@example.com>',
      'Call-ID: r',
      'CSeq: 1 REGISTER',
      'Contact: <sips:bob@192.0.2.20:5060>',
      'Content-Length: 0',
      '\r\n',
    ].join('\r\n'),
  );
  await t.run(100);
  assert.match(bob.heard[0] ?? '', /^SIP\/2\.0 200/);

  const call = t.phone('alice').dial('sip:bob@example.com');
  await t.run(1_000);

  assert.equal(call.state, 'ended');
  assert.deepEqual(
    bob.heard.filter((text) => text.startsWith('INVITE')),
    [],
  );
  t.stop();
});

test('a PBX that must prove its name is heard with it, a stranger is not heard at all', async () => {
  const tls = {
    certificates: [simCertificate(EXCHANGE)],
    clients: 'required',
    authorities: undefined,
  } as const;
  const t = await town(openRegistrar, { people: {}, transports: ['tls'], tls });
  const stranger = new Stranger(t.world, '198.51.100.7', { host: EXCHANGE, port: PORTS.tls });
  const own = {
    certificates: [simCertificate('pbx.example')],
    clients: 'none',
    authorities: undefined,
  } as const;

  const without = stranger.connect({ kind: 'tls' });
  const proved = stranger.connect({ kind: 'tls', tls: own });
  await t.run(1_000);

  assert.deepEqual([without.opened, without.closed], [false, true]);
  assert.deepEqual([proved.opened, proved.closed], [true, false]);
  t.stop();
});
