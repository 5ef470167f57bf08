/** Whole calls where everybody has an IPv6 address: brackets in Via, Contact, Record-Route and Route. RFC 3261 §25.1 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertQuiet } from '../testing/quiet.ts';
import { type Person, PORTS, town } from '../testing/town.ts';
import { registrarProxy } from '../testing/town-scripts.ts';

const EXCHANGE = '2001:db8::1';
const [ALICE, BOB] = ['2001:db8::11', '2001:db8::12'];

// oxfmt-ignore
const pairs: readonly (readonly [from: NonNullable<Person['transport']>, to: NonNullable<Person['transport']>])[] = [
  ['udp', 'udp'], ['tcp', 'tcp'], ['tls', 'tls'], ['ws', 'ws'], ['wss', 'wss'],
  ['udp', 'tcp'], ['tcp', 'tls'], ['tls', 'ws'], ['ws', 'udp'],
];

for (const [from, to] of pairs) {
  for (const hangsUp of ['caller', 'callee'] as const) {
    test(`over IPv6 a phone on ${from} registers and calls one on ${to}, the ${hangsUp} hangs up`, async () => {
      const t = await town(registrarProxy, {
        address: EXCHANGE,
        people: { alice: { host: ALICE, transport: from }, bob: { host: BOB, transport: to } },
      });
      assert.deepEqual([await t.phone('alice').register(), await t.phone('bob').register()], [200, 200]);

      const call = t.phone('alice').dial('sip:bob@example.com');
      await t.run(3_000);
      const [incoming] = t.phone('bob').incoming;
      assert.ok(incoming !== undefined);
      assert.deepEqual([call.state, incoming.state], ['talking', 'talking']);
      (hangsUp === 'caller' ? call : incoming).hangUp();
      await t.run(1_000);

      assert.deepEqual(
        call.responses.map(({ status }) => status),
        [100, 180, 200],
      );
      const { headers } = incoming.invite;
      const via = `SIP/2.0/${to.toUpperCase()} [${EXCHANGE}]:${PORTS[to]};branch=`;
      assert.equal(headers.get('Via')?.startsWith(via), true, headers.get('Via') ?? 'no Via');
      assert.match(
        headers.get('Record-Route') ?? '',
        new RegExp(`^<sip:[^;]*\\[${EXCHANGE}\\]:${PORTS[to]};`),
      );
      assert.deepEqual(
        incoming.received.map(({ method }) => method),
        hangsUp === 'caller' ? ['ACK', 'BYE'] : ['ACK'],
      );
      assert.deepEqual([t.cdrs()[0]?.status, t.cdrs()[0]?.endedBy], [200, hangsUp]);
      await assertQuiet(t);
      t.stop();
    });
  }
}

test('over IPv6 a call that is taken back is taken back', async () => {
  const people = { alice: { host: ALICE }, bob: { host: BOB } };
  const t = await town(registrarProxy, { address: EXCHANGE, people });
  await t.phone('alice').register();
  await t.phone('bob').register();
  t.phone('bob').answers = 'ring';

  const call = t.phone('alice').dial('sip:bob@example.com');
  await t.run(1_000);
  call.hangUp();
  await t.run(1_000);

  assert.deepEqual([call.status, t.phone('bob').incoming[0]?.endedBy], [487, 'them']);
  await assertQuiet(t);
  t.stop();
});
