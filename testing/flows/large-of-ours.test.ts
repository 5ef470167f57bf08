/** Requests of our own that are too long for one datagram. RFC 3261 §18.1.1 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { b2bTo } from '../../src/agent/b2b.ts';
import { RETRY_AFTER_MAX_MS } from '../../src/sip/retry-after.ts';
import { Router, script } from '../../src/index.ts';
import { parseUri } from '../../src/sip/uri.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { EXCHANGE, type Person, type Town, town, type TownOptions } from '../../src/testing/town.ts';
import { DATAGRAM_BYTES_MAX } from '../../src/transport/large-requests.ts';
import { hands } from './by-hand.ts';

const BOB = '192.0.2.12';
type Settings = TownOptions['settings'];

async function townOf(bob: Person, settings: Settings = {}): Promise<Town> {
  const callee = { uri: parseUri(`sip:bob@${BOB}:5060`) };
  return town(
    script(() => new Router().invite((c) => c.answer(b2bTo(callee)))),
    { people: { alice: {}, bob: { host: BOB, ...bob } }, settings },
  );
}

/** How the requests to Bob travelled, and how long they were. */
function sent(t: Town, method: string): (readonly [transport: string, bytes: number])[] {
  return t.net.trace.entries
    .filter(({ fromHost, text }) => fromHost === EXCHANGE && text.startsWith(`${method} `))
    .map(({ text }) => [/SIP\/2\.0\/(\w+)/.exec(text)?.[1] ?? '', text.length]);
}

async function message(t: Town, padding: number, uri = `sip:bob@${BOB}:5060`): Promise<number> {
  const request = { method: 'MESSAGE', uri: parseUri(uri), from: '<sip:us@example.com>' };
  const body = { body: '-'.repeat(padding), contentType: 'text/plain' };
  const { status } = await t.world.until(t.exchange.agent.ask({ ...request, ...body, replyMs: 2_000 }));
  return status;
}

test('of our own requests 1300 bytes go by UDP, and one byte more by TCP', async () => {
  const t = await townOf({ transport: 'tcp' });
  await message(t, 600);
  const bytes = (sent(t, 'MESSAGE')[0]?.[1] ?? 0) - 600;
  const before = sent(t, 'MESSAGE').length;
  const fits = DATAGRAM_BYTES_MAX - bytes;

  assert.deepEqual([await message(t, fits), await message(t, fits + 1)], [408, 200]);
  const after = sent(t, 'MESSAGE').slice(before);
  assert.deepEqual(after[0], ['UDP', DATAGRAM_BYTES_MAX]);
  assert.equal(after.filter(([transport]) => transport === 'TCP').length, 1);
  t.stop();
});

// [what, the URI, our settings, how it travels]
const rows: readonly (readonly [string, string, Settings, readonly string[]])[] = [
  ['nobody takes TCP: by UDP after all', `sip:bob@${BOB}:5060`, {}, ['UDP']],
  ['the URI says how', `sip:bob@${BOB}:5060;transport=udp`, {}, ['UDP']],
  ['[sip] large_requests = "udp"', `sip:bob@${BOB}:5060`, { sip: { large_requests: 'udp' } }, ['UDP']],
];
for (const [what, uri, settings, transports] of rows) {
  test(`a large request of ours, ${what}`, async () => {
    const t = await townOf({}, settings);

    assert.equal(await message(t, 2_000, uri), 200);
    const travelled = sent(t, 'MESSAGE').map(([transport]) => transport);
    assert.deepEqual(Array.from(new Set(travelled)).slice(-1), transports);
    await t.run(40_000);
    await assertQuiet(t);
    t.stop();
  });
}

test('a leg whose INVITE is large goes by TCP with its whole dialog, each CSeq one more than the last', async () => {
  const t = await townOf({ transport: 'tcp' });
  const sdp = `v=0\r\no=- 1 1 IN IP4 192.0.2.11\r\ns=${'-'.repeat(2_000)}\r\nt=0 0\r\n`;
  const call = t.phone('alice').dial('sip:bob@example.com', { sdp });
  await t.run(3_000);
  assert.equal(call.state, 'talking');
  call.hangUp();
  await t.run(1_000);

  const { received } = t.phone('bob');
  assert.deepEqual(
    received.map(({ method, cseq }) => [method, cseq]),
    [
      ['INVITE', 1],
      ['ACK', 1],
      ['BYE', 2],
    ],
  );
  assert.match(received[0]?.headers.get('Contact') ?? '', /transport=tcp/);
  await assertQuiet(t);
  t.stop();
});

// [Retry-After, for how long nobody else asks that host]
const waits: readonly (readonly [string, number])[] = [
  ['', 0],
  ['60', 60_000],
  [String(RETRY_AFTER_MAX_MS / 1000), RETRY_AFTER_MAX_MS],
  [String(RETRY_AFTER_MAX_MS / 1000 + 1), RETRY_AFTER_MAX_MS],
];
for (const [value, deadMs] of waits) {
  test(`a host whose 503 says Retry-After: ${value || 'nothing'} is passed over for ${deadMs} ms`, async () => {
    const t = await townOf({});
    const [first, second] = await hands(t, '192.0.2.71', '192.0.2.72');
    assert.ok(first && second);
    const { names } = t.world;
    names.address('one.test', first.host);
    names.address('two.test', second.host);
    names.service(
      '_sip._udp.both.test',
      { target: 'one.test', port: 5060, priority: 1, weight: 0 },
      { target: 'two.test', port: 5060, priority: 2, weight: 0 },
    );
    const ask = () =>
      t.exchange.agent.ask({
        method: 'OPTIONS',
        uri: parseUri('sip:both.test'),
        from: '<sip:us@example.com>',
      });
    const refused = ask();
    await t.run(100);
    first.answer(first.got('OPTIONS'), 503, 'x', value === '' ? [] : [['Retry-After', value]]);
    await t.run(100);
    second.answer(second.got('OPTIONS'), 200, 'x');
    await t.world.until(refused);
    const { callId } = first.got('OPTIONS');

    await t.run(Math.max(0, deadMs - 1_000));
    void ask();
    await t.run(100);
    assert.equal(first.got('OPTIONS').callId === callId, deadMs > 0, 'is passed over');
    await t.run(2_000);
    void ask();
    await t.run(100);
    assert.notEqual(first.got('OPTIONS').callId, callId, 'is asked again');
    t.stop();
  });
}
