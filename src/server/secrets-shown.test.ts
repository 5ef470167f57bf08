/** What must be secret is in no log line and no message, whatever goes wrong; and nothing listens unasked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script } from '../route/router.ts';
import { digestHa1 } from '../sip/digest.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import { Subscribers } from '../subscriber/subscribers.ts';
import { credentialsFor } from '../testing/phone-credentials.ts';
import { request, TARGET } from '../testing/mallory.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { Stranger } from '../testing/stranger.ts';
import { EXCHANGE, type Town, town } from '../testing/town.ts';
import { registrarProxy } from '../testing/town-scripts.ts';
import { accountCommands } from './control-accounts.ts';

const PASSWORD = 'correct-horse-battery-staple';
const GUESS = 'the-guess-of-mallory';
const SECRETS: readonly string[] = [
  PASSWORD,
  GUESS,
  ...[PASSWORD, GUESS].flatMap((password) => [
    digestHa1('MD5', 'alice', 'example.com', password),
    digestHa1('SHA-256', 'alice', 'example.com', password),
  ]),
];

const throwing = script(({ auth, location }) => {
  const app = new Router();
  app.register(auth.digest(), (c) => location.save(c));
  app.request(auth.digest(), () => {
    throw new Error('a mistake in the script');
  });
  return app;
});

/** All that left the exchange, and all that it logged. */
function everythingOf(t: Town): string {
  const sent = t.net.trace.entries.filter(({ fromHost }) => fromHost === EXCHANGE).map(({ text }) => text);
  return JSON.stringify([sent, t.world.logged]);
}

for (const [name, routes] of [
  ['the script that is shipped', registrarProxy],
  ['a script that throws', throwing],
] as const) {
  test(`with ${name} no password and no hash of one is sent or logged`, async () => {
    const people = { alice: { password: PASSWORD }, bob: {} };
    const t = await town(routes, { people, settings: { log: { level: 'debug' } } });
    const mallory = await new Stranger(t.world, '198.51.100.7', TARGET).open();
    await t.phone('alice').register();
    await t.phone('bob').register();
    t.phone('alice').dial('sip:bob@example.com');
    await t.run(1_000);
    const own = { method: 'REGISTER', uri: 'sip:example.com', from: '<sip:alice@example.com>' };
    for (let i = 0; i < 30; i++) {
      mallory.heard.length = 0;
      mallory.send(request({ ...own, to: own.from, callId: `a${i}` }));
      await t.run(10);
      const challenge = /WWW-Authenticate: (.*)\r\n/.exec(mallory.heard[0] ?? '')?.[1];
      if (challenge === undefined) break;
      const proof = { user: 'alice', password: GUESS, method: 'REGISTER', uri: own.uri, cnonce: 'c' };
      const more = `Authorization: ${credentialsFor(challenge, proof) ?? ''}\r\n`;
      mallory.send(request({ ...own, to: own.from, more, callId: `b${i}` }));
      mallory.send(request({ ...own, to: own.from, more: `${more.trimEnd()},broken\r\n`, callId: `c${i}` }));
      await t.run(10);
    }

    const everything = everythingOf(t);
    assert.match(everything, /banned/);
    for (const secret of SECRETS) assert.ok(!everything.includes(secret), secret);
    t.stop();
  });
}

test('what commands answer of an account holds no secret of it', async () => {
  const clock = new SimClock();
  const commands = accountCommands(new Subscribers({ writer: new MemoryWriter(clock), clock }));
  const ask = async (command: string, args: object): Promise<unknown> =>
    clock.until(
      commands[command]?.({ user: 'alice@example.com', ...args }) ?? Promise.reject(new Error(command)),
    );

  const answers = JSON.stringify([
    await ask('users.add', { password: PASSWORD }),
    await ask('users.set', { password: GUESS }),
    await ask('users.rm', {}),
  ]);

  assert.match(answers, /alice@example\.com/);
  for (const secret of SECRETS) assert.ok(!answers.includes(secret), secret);
});

test('an exchange listens where it was told to, and nowhere else', async () => {
  const t = await town(registrarProxy, { people: {} });

  assert.deepEqual(
    t.exchange.transports.listeners.map(({ transport, local }) => `${transport}:${local.key}`),
    [`udp:${EXCHANGE}:5060`, `tcp:${EXCHANGE}:5060`],
  );
  t.stop();
});
