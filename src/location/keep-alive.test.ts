import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientOutcome, ClientRequest } from '../agent/client.ts';
import { Endpoint } from '../base/endpoint.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { Breakable, USUAL } from '../testing/registering.ts';
import { parseMessage } from '../sip/parse.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import type { Flow } from '../transport/flow.ts';
import { ALL_SILENT_MIN, ASKED_MAX, KeepAlive, type KeepAliveSettings } from './keep-alive.ts';
import { Location } from './location.ts';

const EVERY_MS = 20_000;

/** Phones behind NATs, each at a port of its own. */
function bench(phones: number, settings: Partial<KeepAliveSettings> = {}) {
  const clock = new SimClock();
  const location = new Location({
    clock,
    random: new SimRandom(1),
    settings: { ...USUAL, bindingsMax: phones + 10, maxExpires: 86_400, defaultExpires: 86_400 },
  });
  const sent: { port: number; atMs: number }[] = [];
  const deaf = new Set<number>();
  const state = { pending: 0, pendingMax: 0, replyMs: 5 };
  const flowTo: (hop: { port: number }) => Flow | undefined = ({ port }) => {
    const send = (text: string): boolean => {
      assert.equal(text, '\r\n\r\n');
      sent.push({ port, atMs: clock.now() });
      return true;
    };
    return { send } as unknown as Flow; // Of a flow nothing else is asked for.
  };
  const ask = ({ method, hop }: ClientRequest): Promise<ClientOutcome> => {
    assert.equal(method, 'OPTIONS');
    const port = hop?.port ?? 0;
    sent.push({ port, atMs: clock.now() });
    state.pendingMax = Math.max(state.pendingMax, ++state.pending);
    const text = 'SIP/2.0 404 Not Found\r\nVia: SIP/2.0/UDP h\r\n\r\n';
    const response = deaf.has(port) ? undefined : (parseMessage(text) as SipResponse);
    return new Promise((resolve) => {
      clock.after(state.replyMs, () => {
        state.pending--;
        resolve({ status: response?.status ?? 408, response, flow: undefined });
      });
    });
  };
  const keepAlive = new KeepAlive({
    clock,
    location,
    flowTo,
    ask,
    settings: { kind: 'crlf', everyMs: EVERY_MS, misses: 3, ...settings },
  });
  for (let i = 0; i < phones; i++) register(location, i);
  keepAlive.start();
  return { clock, location, keepAlive, sent, deaf, state };
}

function register(
  location: Location,
  i: number,
  contact = `<sip:p${i}@10.0.0.5>`,
  cseq = 1,
  via = '10.0.0.5',
): void {
  const text = [
    'REGISTER sip:example.com SIP/2.0',
    `Via: SIP/2.0/UDP ${via};branch=z9hG4bK1`,
    `From: <sip:p${i}@example.com>;tag=1`,
    `To: <sip:p${i}@example.com>`,
    `Call-ID: c${i}`,
    `CSeq: ${cseq} REGISTER`,
    `Contact: ${contact}`,
  ];
  const source = { transport: 'udp', remote: new Endpoint('192.0.2.7', 10_000 + i) } as const;
  void location.save(parseMessage(`${text.join('\r\n')}\r\n\r\n`) as SipRequest, source);
}

test('one phone is sent line ends once in each interval', async () => {
  const b = bench(1);

  await b.clock.run(EVERY_MS * 5 + 50);
  b.keepAlive.stop();
  await b.clock.run(EVERY_MS);

  assert.equal(b.sent.length, 5);
});

test('many phones are sent them evenly: never more at once than their share', async () => {
  const b = bench(1_000);

  await b.clock.run(EVERY_MS * 2);
  b.keepAlive.stop();

  assert.equal(b.sent.length, 2_000);
  const ports = b.sent.slice(0, 1_000).map(({ port }) => port);
  assert.equal(new Set(ports).size, 1_000, 'each once in a round');
  const steps = Map.groupBy(b.sent, ({ atMs }) => atMs);
  const most = Math.max(...Array.from(steps.values(), (all) => all.length));
  assert.ok(most <= 5, `${most} at once, 5 in each tenth of a second`);
});

test('who is not behind a NAT, sleeps, or is reached by a connection is sent nothing', async () => {
  const b = bench(0);
  register(b.location, 1, '<sip:p@192.0.2.7>', 1, '192.0.2.7');
  register(b.location, 2, '<sip:p@10.0.0.5;pn-provider=fcm;pn-prid=1>');
  const text = [
    'REGISTER sip:example.com SIP/2.0',
    'Via: SIP/2.0/TLS 10.0.0.5;branch=z9hG4bK1',
    'From: <sip:t@example.com>;tag=1',
    'To: <sip:t@example.com>',
    'Call-ID: t',
    'CSeq: 1 REGISTER',
    'Contact: <sip:t@10.0.0.5>',
  ].join('\r\n');
  void b.location.save(parseMessage(`${text}\r\n\r\n`) as SipRequest, new Breakable('tls', 40001));

  await b.clock.run(EVERY_MS * 2);
  b.keepAlive.stop();

  assert.deepEqual([b.location.count, b.sent.length], [3, 0]);
});

test('by OPTIONS any answer is a sign of life; who misses three in a row is taken out', async () => {
  const b = bench(4, { kind: 'options' });
  b.deaf.add(10_001);

  await b.clock.run(EVERY_MS * 2.5);
  b.deaf.add(10_002);
  assert.equal(b.location.count, 4, 'two are not enough');
  await b.clock.run(EVERY_MS);
  assert.deepEqual([b.location.count, b.location.lookup('p1@example.com').length], [3, 0]);
  b.deaf.delete(10_002);
  await b.clock.run(EVERY_MS * 4);
  b.keepAlive.stop();

  assert.equal(b.location.count, 3, 'one missed in between is forgiven');
});

test('a phone that registers again begins anew', async () => {
  const b = bench(2, { kind: 'options' });
  b.deaf.add(10_000);

  await b.clock.run(EVERY_MS * 2.5);
  register(b.location, 0, undefined, 2);
  await b.clock.run(EVERY_MS * 2);
  b.keepAlive.stop();

  assert.equal(b.location.count, 2);
});

for (const [phones, left] of [
  [ALL_SILENT_MIN - 1, 0],
  [ALL_SILENT_MIN, ALL_SILENT_MIN],
] as const) {
  test(`when all of ${phones} phones fall silent at once, ${left} stay`, async () => {
    const b = bench(phones, { kind: 'options' });
    await b.clock.run(EVERY_MS * 1.5);

    for (let i = 0; i < phones; i++) b.deaf.add(10_000 + i);
    await b.clock.run(EVERY_MS * 6);
    b.keepAlive.stop();

    assert.equal(b.location.count, left);
  });
}

test('no more OPTIONS wait for answers than may', async () => {
  const b = bench(ASKED_MAX + 100, { kind: 'options', everyMs: 5_000 });
  b.state.replyMs = 100_000;

  await b.clock.run(10_000);
  b.keepAlive.stop();

  assert.equal(b.state.pendingMax, ASKED_MAX);
});
