/**
 * Whatever bytes come, the exchange lives, forgets them in time, and serves its users meanwhile.
 *
 *   FUZZ=1000000 SEED=7 node --test src/server/fuzz.test.ts     more of them, others
 */
import assert from 'node:assert/strict';
import { env } from 'node:process';
import { test } from 'node:test';
import { Router, type Script, script } from '../route/router.ts';
import { replyTo } from '../sip/build.ts';
import { parseMessage } from '../sip/parse.ts';
import { mutate } from '../testing/mutate.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { Stranger } from '../testing/stranger.ts';
import { tortureCases } from '../testing/torture-messages.ts';
import { EXCHANGE, type Town, town } from '../testing/town.ts';
import { openRegistrar, registrarProxy } from '../testing/town-scripts.ts';
import type { Flow } from '../transport/flow.ts';

const MESSAGES = Number(env['FUZZ'] ?? 20_000);
const SEED = Number(env['SEED'] ?? 1);
/** Messages between two looks at the log, and two valid calls. */
const ROUND = 2_000;
/** After this every timer of RFC 3261 has run out, timer C and what follows it included. */
const ALL_TIMERS_MS = 300_000;
const TARGET = { host: EXCHANGE, port: 5060 };
const MALLORY = '198.51.100.7';
const LONG_URI = `sip:${'<'.repeat(100)}`;
const STATUSES = [100, 180, 183, 199, 200, 202, 302, 401, 407, 408, 486, 487, 500, 503, 603];

test('every prefix of every torture message is survived', async () => {
  const { t } = await quietTown(openRegistrar);
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

for (const [name, scriptOf] of [
  ['an open', openRegistrar],
  ['the default', registrarProxy],
] as const) {
  test(`${name} script: ${MESSAGES / 2} mutated messages are survived, with calls in between`, async () => {
    const { t, seeds } = await quietTown(scriptOf);
    const random = new SimRandom(SEED, name);
    const flows = [MALLORY, '198.51.100.8', '198.51.100.9'].map((host) => flowTo(t, host));

    for (let sent = 0; sent < MESSAGES / 2; sent++) {
      const text = mutate(seeds[random.below(seeds.length)]!, random, seeds);
      t.exchange.dispatcher.receive(text, flows[random.below(flows.length)]!);
      if (sent % 20 === 0) await t.run(random.below(40));
      if (sent % ROUND !== 0) continue;
      checkLog(t);
      await call(t);
    }

    await forgetsEverything(t);
    t.stop();
  });
}

/** What was found by mutation, and must stay fixed. */
const finds: readonly [name: string, text: string, status: number][] = [
  // The reason phrase quoted the URI and ended it with a character beyond latin1.
  [
    'a bad Request-URI that is too long to quote',
    request('OPTIONS', 'a', MALLORY).replace('sip:', LONG_URI),
    400,
  ],
  // The call record could not be written: a promise was rejected that nobody looked at.
  ['a From whose URI cannot be read', request('INVITE', 'b', MALLORY).replace('sip:eve', 'sip:%'), 480],
  ['a From of another scheme', request('INVITE', 'c', MALLORY).replace('sip:eve', 'http://eve'), 480],
  ['a To whose URI cannot be read', request('INVITE', 'd', MALLORY).replace('<sip:mallory', '<sip:]'), 480],
];

for (const [name, text, status] of finds) {
  test(`${name}: ${status}`, async () => {
    const t = await town(
      script(() => new Router().request(async (c) => c.reply(480))),
      { people: {} },
    );
    const mallory = await new Stranger(t.world, MALLORY, TARGET).open();

    mallory.send(text);
    await t.run(1_000);

    assert.deepEqual([...new Set(mallory.heard.map((answer) => Number(answer.substring(8, 11))))], [status]);
    await forgetsEverything(t);
    t.stop();
  });
}

test('who answers calls with mutated responses harms nobody', async () => {
  const { t } = await quietTown(openRegistrar);
  const random = new SimRandom(SEED, 'responses');
  const eve = await new Stranger(t.world, '198.51.100.8', TARGET).open();
  const mallory = new Stranger(t.world, MALLORY, TARGET);
  await mallory.open((text) => {
    const request = parseMessage(text);
    if (request.kind !== 'request') return;
    for (let answers = 1 + random.below(4); answers > 0; answers--) {
      const reply = replyTo(request, STATUSES[random.below(STATUSES.length)]!, { toTag: 'mallory' });
      mallory.send(random.below(3) === 0 ? reply : mutate(reply, random, [text, reply]));
    }
  });

  for (let calls = 0; calls < MESSAGES / 40; calls++) {
    if (calls % 100 === 0) {
      mallory.send(request('REGISTER', `r${calls}`, MALLORY, `Contact: <sip:mallory@${MALLORY}>`));
      await call(t);
    }
    const method = ['INVITE', 'INVITE', 'MESSAGE', 'OPTIONS'][random.below(4)]!;
    eve.send(request(method, `${calls}`, eve.host));
    await t.run(random.below(600));
    if (random.below(2) === 0) eve.send(request('CANCEL', `${calls}`, eve.host));
    checkLog(t);
  }

  await forgetsEverything(t);
  t.stop();
});

test('mutated messages in one stream after another close it at worst', async () => {
  const { t, seeds } = await quietTown(openRegistrar);
  const random = new SimRandom(SEED, 'streams');
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

/**
 * A town where from now on nothing is written down. `seeds`: torture, and all that was said when Carol
 * called Dave. Without passwords anybody may take an address from its owner, so theirs are other people's.
 */
async function quietTown(run: Script): Promise<{ t: Town; seeds: readonly string[] }> {
  const t = await town(run, { people: { alice: {}, bob: {}, carol: {}, dave: {} } });
  await call(t, 'carol', 'dave');
  const ordinary = t.net.trace.entries.map(({ text }) => text);
  t.net.trace.entriesMax = 0;
  await t.run(ALL_TIMERS_MS); // Until then a copy of what Dave said would be taken for his.
  return { t, seeds: [...tortureCases().map(({ text }) => text), ...ordinary] };
}

function flowTo(t: Town, host: string): Flow {
  const flow = t.exchange.transports.flowTo({ transport: 'udp', host, port: 5060 });
  assert.ok(flow !== undefined);
  return flow;
}

/** A registration and a valid call from end to end. */
async function call(t: Town, from = 'alice', to = 'bob'): Promise<void> {
  assert.equal(await t.phone(to).register(), 200);
  const dialled = t.phone(from).dial(`sip:${to}@example.com`);
  await t.run(1_500);
  assert.equal(dialled.state, 'talking');
  dialled.hangUp();
  await t.run(100);
  assert.equal(dialled.byeStatus, 200);
}

function checkLog(t: Town): void {
  assert.deepEqual(
    t.world.logged.filter(({ level }) => level === 'error'),
    [],
  );
  t.world.logged.length = 0;
}

async function forgetsEverything(t: Town): Promise<void> {
  await t.run(ALL_TIMERS_MS);
  const { layer } = t.exchange;
  assert.deepEqual([layer.count, layer.slab.bytesUsed], [0, 0]);
  checkLog(t);
}

/** A request for mallory@example.com. */
function request(method: string, branch: string, host: string, ...more: string[]): string {
  return [
    `${method} sip:mallory@example.com SIP/2.0`,
    `Via: SIP/2.0/UDP ${host}:5060;branch=z9hG4bK${branch};rport`,
    'Max-Forwards: 70',
    'From: <sip:eve@example.org>;tag=a',
    'To: <sip:mallory@example.com>',
    `Call-ID: ${branch}`,
    `CSeq: 1 ${method}`,
    ...more,
    'Content-Length: 0',
    '\r\n',
  ].join('\r\n');
}
