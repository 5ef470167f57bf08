/** Requests that are too long for one datagram. RFC 3261 §18.1.1 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script, serial, type Target } from '../../src/index.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { EXCHANGE, type Person, type Town, town, type TownOptions } from '../../src/testing/town.ts';
import { DATAGRAM_BYTES_MAX } from '../../src/transport/large-requests.ts';
import { at, flow, HOSTS, relayTo } from './flow.ts';

/** A session description with so many bytes of no importance. */
function sdpOf(padding: number): string {
  return `v=0\r\no=- 1 1 IN IP4 192.0.2.11\r\ns=${'-'.repeat(1 + padding)}\r\nt=0 0\r\n`;
}

async function townOf(
  target: Target,
  bob: Person = {},
  settings: TownOptions['settings'] = {},
): Promise<Town> {
  return town(
    script(() => new Router().request((c) => c.relay(serial(target)))),
    { people: { alice: { host: HOSTS.alice }, bob: { host: HOSTS.bob, ...bob } }, settings },
  );
}

/** How the INVITEs to Bob travelled, and how long they were. */
function invites(t: Town): (readonly [transport: string, bytes: number])[] {
  return t.net.trace.entries
    .filter(({ fromHost, text }) => fromHost === EXCHANGE && text.startsWith('INVITE '))
    .map(({ text }) => [/SIP\/2\.0\/(\w+)/.exec(text)?.[1] ?? '', text.length]);
}

async function call(t: Town, padding: number): Promise<number> {
  const dialled = t.phone('alice').dial('sip:bob@example.com', { sdp: sdpOf(padding) });
  await t.run(8_000);
  const { status } = dialled;
  dialled.hangUp();
  await t.run(1_000);
  return status;
}

async function over(t: Town): Promise<void> {
  await assertQuiet(t);
  t.stop();
}

test('1300 bytes go by UDP, and one byte more by TCP', async () => {
  const t = await townOf(at('bob'), { transport: 'tcp' });
  await call(t, 100);
  const bytes = (invites(t)[0]?.[1] ?? 0) - 100;
  const before = invites(t).length;

  const statuses = [await call(t, DATAGRAM_BYTES_MAX - bytes), await call(t, DATAGRAM_BYTES_MAX - bytes + 1)];

  const sent = invites(t).slice(before);
  assert.deepEqual(sent[0], ['UDP', DATAGRAM_BYTES_MAX]);
  assert.equal(sent.filter(([transport]) => transport === 'TCP').length, 1);
  assert.deepEqual(statuses, [408, 200]);
  await t.run(40_000); // The datagram to nobody is given up.
  await over(t);
});

/** What leaves no choice. */
const fixed: readonly (readonly [string, Target, TownOptions['settings']])[] = [
  ['its URI says so', { uri: { ...at('bob').uri, params: { transport: 'udp' } } }, {}],
  ['the script says so', at('bob', { hop: { transport: 'udp', host: HOSTS.bob, port: 5060 } }), {}],
  ['[sip] large_requests = "udp"', at('bob'), { sip: { large_requests: 'udp' } }],
];
for (const [why, target, settings] of fixed) {
  test(`a large request goes by UDP alone when ${why}`, async () => {
    const t = await townOf(target, {}, settings);

    assert.equal(await call(t, 2_000), 200);

    assert.deepEqual(
      invites(t).map(([transport]) => transport),
      ['UDP'],
    );
    await over(t);
  });
}

test('a large MESSAGE goes by TCP, too, and by UDP where that is refused', async () => {
  for (const transport of ['tcp', 'udp'] as const) {
    const t = await townOf(at('bob'), { transport });

    const status = await t.phone('alice').message('sip:bob@example.com', 'x'.repeat(2_000));

    assert.equal(status, 200);
    assert.equal(t.phone('bob').received.length, 1);
    await over(t);
  }
});

flow(
  'large-refused',
  'A large INVITE: the callee takes no TCP, so it comes as a datagram',
  { route: relayTo(at('bob')) },
  async (t) => {
    const dialled = t.phone('alice').dial('sip:bob@example.com', { sdp: sdpOf(2_000) });
    await t.run(2_000);
    assert.equal(dialled.state, 'talking');
    dialled.hangUp();
    await t.run(100);
  },
);

flow(
  'large-by-tcp',
  'A large INVITE goes by TCP, and so does the call from then on',
  { people: { alice: {}, bob: { transport: 'tcp' } }, route: relayTo(at('bob')) },
  async (t) => {
    const dialled = t.phone('alice').dial('sip:bob@example.com', { sdp: sdpOf(2_000) });
    await t.run(2_000);
    assert.equal(dialled.state, 'talking');
    dialled.hangUp();
    await t.run(100);
  },
);
