/**
 * Whatever bytes come, the exchange lives, forgets them in time, and serves its users meanwhile.
 *
 *   FUZZ=1000000 SEED=7 node --test src/server/fuzz.test.ts     more of them, others
 */
import assert from 'node:assert/strict';
import { env } from 'node:process';
import { test } from 'node:test';
import plain from '../../bench/scripts/plain.ts';
import { replyTo } from '../sip/build.ts';
import { parseMessage } from '../sip/parse.ts';
import { mutate } from '../testing/mutate.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { Stranger } from '../testing/stranger.ts';
import { tortureCases } from '../testing/torture-messages.ts';
import { EXCHANGE, type Town, town } from '../testing/town.ts';
import type { Flow } from '../transport/flow.ts';

const MESSAGES = Number(env['FUZZ'] ?? 20_000);
const SEED = Number(env['SEED'] ?? 1);
/** Between two looks at the log, and two valid calls. */
const ROUND = 2_000;
/** After this every timer of RFC 3261 has run out, timer C and what follows it included. */
const ALL_TIMERS_MS = 300_000;
const TARGET = { host: EXCHANGE, port: 5060 };
const MALLORY = '198.51.100.7';

test('every prefix of every torture message is survived', async () => {
  const t = await quietTown();
  const flow = flowTo(t, MALLORY);

  for (const { text } of tortureCases()) {
    for (let length = 0; length <= text.length; length++) {
      t.exchange.dispatcher.receive(text.substring(0, length), flow);
    }
    await t.run(100);
    checkLog(t);
  }

  await call(t);
  await forgetsEverything(t);
  t.stop();
});

test(`${MESSAGES} mutated messages are survived, with calls in between`, async () => {
  const t = await quietTown();
  const random = new SimRandom(SEED, 'fuzz');
  const seeds = [...tortureCases().map(({ text }) => text), ...ordinaryMessages()];
  const flows = [flowTo(t, MALLORY), flowTo(t, '198.51.100.8'), flowTo(t, '192.0.2.99')];

  for (let sent = 0; sent < MESSAGES; sent++) {
    const text = mutate(seeds[random.below(seeds.length)]!, random, seeds);
    t.exchange.dispatcher.receive(text, flows[random.below(flows.length)]!);
    if (sent % 20 === 0) await t.run(random.below(40));
    if (sent % ROUND === ROUND - 1) {
      checkLog(t);
      await call(t);
    }
  }

  checkLog(t);
  await forgetsEverything(t);
  t.stop();
});

test('a phone that answers calls with mutated responses harms nobody', async () => {
  const t = await quietTown();
  const random = new SimRandom(SEED, 'responses');
  const mallory = new Stranger(t.world, MALLORY, TARGET);
  await mallory.open((text) => {
    const request = parseMessage(text);
    if (request.kind !== 'request') return;
    for (let answers = 1 + random.below(4); answers > 0; answers--) {
      const status = STATUSES[random.below(STATUSES.length)]!;
      const reply = replyTo(request, status, { toTag: 'mallory', headers: [['Contact', `<sip:${MALLORY}>`]] });
      mallory.send(random.below(3) === 0 ? reply : mutate(reply, random, [text, reply]));
    }
  });
  mallory.send(registerOf('mallory', MALLORY));

  for (let calls = 0; calls < MESSAGES / 100; calls++) {
    const dialled = t.phone('alice').dial('sip:mallory@example.com');
    await t.run(random.below(3_000));
    dialled.hangUp();
    if (calls % 100 === 0) await call(t);
    checkLog(t);
  }

  await forgetsEverything(t);
  t.stop();
});

test('mutated messages in one stream after another close it at worst', async () => {
  const t = await quietTown();
  const random = new SimRandom(SEED, 'streams');
  const seeds = [...tortureCases().map(({ text }) => text), ...ordinaryMessages()];
  const mallory = new Stranger(t.world, MALLORY, TARGET);

  for (let streams = 0; streams < MESSAGES / 100; streams++) {
    const connection = mallory.connect();
    for (let messages = random.below(6); messages >= 0; messages--) {
      const seed = seeds[random.below(seeds.length)]!;
      connection.write(random.below(2) === 0 ? seed : mutate(seed, random, seeds));
    }
    await t.run(50);
    connection.destroy();
    checkLog(t);
  }

  await call(t);
  await forgetsEverything(t);
  t.stop();
});

const STATUSES = [100, 180, 183, 199, 200, 202, 302, 401, 407, 408, 486, 487, 500, 503, 603];

/** Alice and Bob, registered; what is sent is not written down. */
async function quietTown(): Promise<Town> {
  const t = await town(plain, { people: { alice: {}, bob: {} } });
  t.net.trace.entriesMax = 0;
  await t.phone('alice').register({ expires: 7_200 });
  await t.phone('bob').register({ expires: 7_200 });
  return t;
}

function flowTo(t: Town, host: string): Flow {
  const flow = t.exchange.transports.flowTo({ transport: 'udp', host, port: 5060 });
  assert.ok(flow !== undefined);
  return flow;
}

/** A valid call from end to end. */
async function call(t: Town): Promise<void> {
  const dialled = t.phone('alice').dial('sip:bob@example.com');
  await t.run(1_500);
  assert.equal(dialled.state, 'talking');
  dialled.hangUp();
  await t.run(100);
  assert.equal(dialled.byeStatus, 200);
}

function checkLog(t: Town): void {
  assert.deepEqual(t.world.logged.filter(({ level }) => level === 'error'), []);
  t.world.logged.length = 0;
}

async function forgetsEverything(t: Town): Promise<void> {
  await t.run(ALL_TIMERS_MS);
  const { layer } = t.exchange;
  assert.deepEqual([layer.count, layer.slab.bytesUsed], [0, 0]);
  checkLog(t);
}

/** What honest phones send, for Bob and for nobody. */
function ordinaryMessages(): readonly string[] {
  const dialog = ';tag=b\r\nRoute: <sip:192.0.2.1:5060;lr;d=1.000000000000000000000>';
  return [
    registerOf('carol', MALLORY),
    request('INVITE', 'sip:bob@example.com'),
    request('INVITE', 'sip:carol@example.com'),
    request('CANCEL', 'sip:bob@example.com'),
    request('MESSAGE', 'sip:bob@example.com'),
    request('OPTIONS', 'sip:bob@example.com'),
    request('ACK', 'sip:bob@example.com', dialog),
    request('BYE', 'sip:bob@192.0.2.12', dialog),
    request('INVITE', 'sip:bob@192.0.2.12', dialog),
    request('INVITE', 'sip:bob@example.com').replace('INVITE sip:bob@example.com SIP/2.0', 'SIP/2.0 200 OK'),
  ];
}

function registerOf(user: string, host: string): string {
  const aor = `sip:${user}@example.com`;
  return request('REGISTER', aor, `\r\nContact: <sip:${user}@${host}>\r\nExpires: 7200`);
}

function request(method: string, uri: string, behindTo = ''): string {
  return [
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${MALLORY}:5060;branch=z9hG4bKordinary${uri.length};rport`,
    'Max-Forwards: 70',
    'From: "Mallory" <sip:mallory@example.org>;tag=a',
    `To: <${uri}>${behindTo}`,
    `Call-ID: ordinary-${method}`,
    `CSeq: 1 ${method}`,
    `Contact: <sip:mallory@${MALLORY}>`,
    'Content-Length: 0',
    '\r\n',
  ].join('\r\n');
}
