/** What strangers may take of an exchange, and how those who guess passwords are shut out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import type { BindingRow } from '../location/binding-row.ts';
import { Location } from '../location/location.ts';
import { EventBus } from '../route/events.ts';
import { credentialsFor } from '../testing/phone-credentials.ts';
import { mallorysTown, request, statusOf, TARGET } from '../testing/mallory.ts';
import { simWorld } from '../testing/sim-world.ts';
import { Stranger } from '../testing/stranger.ts';
import { type Town, town } from '../testing/town.ts';
import { openRegistrar, registrarProxy } from '../testing/town-scripts.ts';
import { Protection } from './protection.ts';
import { settingsSchema } from './settings-schema.ts';
import type { SettingsInput } from './settings.ts';

const GUESSES_MAX = 20;
const PASSWORD = 'secret of alice';
const HOUR_MS = 3_600_000;
const ALICE = new Endpoint('192.0.2.11', 5060);

/** One town, with Mallory in it, set as told. */
async function start(settings: SettingsInput = {}): Promise<{ t: Town; mallory: Stranger }> {
  const t = await town(registrarProxy, { people: { alice: {}, bob: {} }, settings });
  return { t, mallory: await new Stranger(t.world, '198.51.100.7', TARGET).open() };
}

/** Asks for a challenge and answers it with a guess, from wherever he is; `between` runs before he answers. */
async function guess(
  t: Town,
  who: Stranger,
  user: string,
  password: string,
  number: number,
  between: () => Promise<void> = async () => {},
): Promise<number> {
  const uri = 'sip:example.com';
  const aor = `<sip:${user}@example.com>`;
  const parts = {
    method: 'REGISTER',
    uri,
    from: aor,
    to: aor,
    callId: `g${number}`,
    via: `SIP/2.0/UDP ${who.host}`,
  };
  who.heard.length = 0;
  who.send(request(parts));
  await t.run(10);
  const challenge = /WWW-Authenticate: (.*)\r\n/.exec(who.heard[0] ?? '')?.[1] ?? '';
  const proof = { user, password, method: 'REGISTER', uri, cnonce: 'c' };
  const answer = credentialsFor(challenge, proof);
  if (answer === undefined) return Number.NaN;
  await between();
  who.send(request({ ...parts, more: `Authorization: ${answer}\r\nMax-Forwards: 70\r\n` }));
  await t.run(10);
  return statusOf(who.heard[1]);
}

async function guessMany(t: Town, who: Stranger, user: string, times: number): Promise<readonly number[]> {
  const told: number[] = [];
  for (let i = 0; i < times; i++) told.push(await guess(t, who, user, `guess ${i}`, i));
  return told;
}

test('a challenge from before a reload is still good after it', async () => {
  const { t, mallory: traveller } = await start();

  const told = await guess(t, traveller, 'alice', PASSWORD, 1, async () => {
    await t.world.until(t.exchange.replaceScript(registrarProxy));
  });

  assert.equal(told, 200);
});

for (const user of ['alice', 'nobody']) {
  test(`who guesses the password of ${user} is not heard any more, for an hour`, async () => {
    const { t, mallory } = await start();

    const told = await guessMany(t, mallory, user, 40);

    assert.deepEqual(
      told.slice(0, GUESSES_MAX),
      Array.from({ length: GUESSES_MAX }, () => 401),
    );
    assert.ok(told.slice(GUESSES_MAX).every(Number.isNaN), 'silence');
    assert.deepEqual(
      t.exchange.protection.bans.list().map(({ source }) => source),
      [mallory.host],
    );
    await t.run(HOUR_MS);
    assert.equal(await guess(t, mallory, user, 'x', 99), 401);
    t.stop();
  });
}

test('others are heard while one is banned, and so is everybody at an address that logged in meanwhile', async () => {
  const { t, mallory } = await start();
  await guessMany(t, mallory, 'alice', GUESSES_MAX - 1);
  assert.equal(await guess(t, mallory, 'alice', PASSWORD, 100), 200);

  const told = await guessMany(t, mallory, 'alice', GUESSES_MAX - 1);

  assert.ok(told.every((status) => status === 401));
  assert.equal(await t.phone('alice').register(), 200);
  t.stop();
});

for (const [where, host] of [
  ['another place', '203.0.113.9'],
  ['the same place', '198.51.100.7'],
] as const) {
  test(`a request with right credentials that is overheard does not count again, from ${where}`, async () => {
    const { t, mallory: victim } = await start();
    const aor = '<sip:alice@example.com>';
    const uri = 'sip:example.com';
    const asked = { method: 'REGISTER', uri, from: aor, to: aor, via: `SIP/2.0/UDP ${victim.host}` };
    victim.send(request(asked));
    await t.run(10);
    const challenge = /WWW-Authenticate: (.*)\r\n/.exec(victim.heard[0] ?? '')?.[1] ?? '';
    const proof = { user: 'alice', password: PASSWORD, method: 'REGISTER', uri, cnonce: 'c' };
    const more = `Authorization: ${credentialsFor(challenge, proof) ?? ''}\r\n`;
    victim.send(request({ ...asked, more, callId: 'first' }));
    await t.run(10);
    assert.equal(statusOf(victim.heard[1]), 200);

    const thief = host === victim.host ? victim : await new Stranger(t.world, host, TARGET).open();
    thief.heard.length = 0;
    thief.send(request({ ...asked, more, callId: 'second', via: `SIP/2.0/UDP ${host}` }));
    await t.run(10);

    assert.equal(statusOf(thief.heard[0]), 401);
    t.stop();
  });
}

test('nobody is banned for guesses that another made in his name', async () => {
  const { t, mallory } = await start();
  const victim = await new Stranger(t.world, '203.0.113.9', TARGET).open();
  const aor = '<sip:alice@example.com>';
  const uri = 'sip:example.com';
  mallory.send(request({ method: 'REGISTER', uri, from: aor, to: aor }));
  await t.run(10);
  const challenge = /WWW-Authenticate: (.*)\r\n/.exec(mallory.heard[0] ?? '')?.[1] ?? '';

  // Whatever carries the victim's address did come from there, as far as we can see.
  for (let i = 0; i < 100; i++) {
    const proof = { user: 'alice', password: `guess ${i}`, method: 'REGISTER', uri, cnonce: 'c' };
    const more = `Authorization: ${credentialsFor(challenge, proof) ?? ''}\r\n`;
    victim.send(request({ method: 'REGISTER', uri, from: aor, to: aor, more, callId: `f${i}` }));
  }
  await t.run(10);

  assert.deepEqual(t.exchange.protection.bans.list(), []);
  assert.equal(victim.heard.length, 100);
  t.stop();
});

test('an event tells of each ban', async () => {
  const { t, mallory } = await start();
  const told: unknown[] = [];
  t.exchange.events.on('ban.added', (event) => void told.push(event));

  await guessMany(t, mallory, 'alice', GUESSES_MAX);

  assert.deepEqual(told, [{ source: mallory.host, reason: '20 failed logins' }]);
  t.stop();
});

const agents: readonly [agent: string, settings: SettingsInput, answered: boolean][] = [
  ['friendly-scanner', {}, false],
  ['sipvicious', {}, false],
  ['friendly-scanner', { guard: { scanners: [] } }, true],
  ['my scanner', { guard: { scanners: ['my scanner'] } }, false],
  ['baresip v1.0.0', {}, true],
];

for (const [agent, settings, answered] of agents) {
  const set = JSON.stringify(settings);
  test(`with ${set} a stranger that calls itself ${agent} is ${answered ? '' : 'not '}answered`, async () => {
    const { t, mallory } = await start(settings);

    mallory.send(request({ method: 'OPTIONS', uri: 'sip:example.com', more: `User-Agent: ${agent}\r\n` }));
    await t.run(100);

    assert.equal(mallory.heard.length, answered ? 1 : 0);
    t.stop();
  });
}

/** What floods are made of; the number makes each its own. */
const floods: readonly [what: string, of: (number: number) => string][] = [
  ['garbage', (i) => `\0\x01garbage ${i}`],
  ['REGISTER', (i) => request({ method: 'REGISTER', uri: 'sip:example.com', callId: `r${i}` })],
  ['INVITE that nobody acknowledges', (i) => request({ callId: `i${i}` })],
  ['OPTIONS', (i) => request({ method: 'OPTIONS', uri: 'sip:example.com', callId: `o${i}` })],
  ['stray responses', (i) => request({ callId: `s${i}` }).replace(/^.*\r\n/, 'SIP/2.0 200 OK\r\n')],
];

for (const [what, of] of floods) {
  test(`a flood of ${what} takes no more than its share, and calls go on`, async () => {
    const guard = { strangers_per_second: 50, source_per_second: 10, source_burst: 20 };
    const { t, mallory } = await start({ guard });
    await t.phone('alice').register();
    await t.phone('bob').register();
    const { counters } = t.exchange.dispatcher;
    const before = counters.requests + counters.responses + counters.badMessages;

    for (let i = 0; i < 2_000; i++) mallory.send(of(i));
    await t.run(1);
    const flooded = counters.requests + counters.responses + counters.badMessages - before;
    const call = t.phone('alice').dial('sip:bob@example.com');
    await t.run(3_000);

    assert.ok(flooded <= 2 * guard.source_burst, `${flooded} were looked at`);
    assert.equal(call.state, 'talking');
    t.stop();
  });
}

test('while more comes than can be done, what is new is answered 503, and what has begun goes on', async () => {
  const { t, mallory } = await mallorysTown(openRegistrar);
  const call = t.phone('alice').dial('sip:bob@example.com');
  await t.run(2_000);
  t.exchange.protection.guard?.know(ALICE);

  // Longer turns than this are a queue; here they are so for longer than a second.
  for (let turn = 0; turn < 1_002; turn++) {
    for (let i = 0; i < 128; i++) t.exchange.protection.guard?.admits('', ALICE);
    await t.run(1);
  }
  for (let i = 0; i < 128; i++) t.exchange.protection.guard?.admits('', ALICE);
  mallory.send(request({ uri: 'sip:bob@example.com', callId: 'late' }));
  call.hangUp();
  await t.run(100);

  assert.match(mallory.heard[0] ?? '', /^SIP\/2.0 503 [^]*Retry-After: \d/);
  assert.equal(call.state, 'ended');
  t.stop();
});

test('phones that were registered when we stopped are no strangers when we start', async () => {
  const world = simWorld(1);
  const { clock, random } = world;
  const limits = { minExpires: 60, maxExpires: 7200, defaultExpires: 3600, maxContacts: 10 };
  const location = new Location({ clock, random, settings: { ...limits, durable: false, bindingsMax: 10 } });
  location.restore([
    binding('192.0.2.11', null),
    binding('10.0.0.7', 'udp:192.0.2.12:1024'),
    binding('a.example', null),
    { ...binding('b.example', null), contact: 'mailto:x@b.example' },
  ]);
  assert.equal(location.count, 4);
  const protection = new Protection({
    world,
    settings: settingsSchema.parse({ guard: { source_burst: 1, source_per_second: 1 } }),
    events: new EventBus(world),
    branchPrefix: 'z9hG4bKours',
    secret: 's',
    overloaded: () => {},
  });

  await world.until(protection.remember(location, clock));

  const heard = (host: string): number =>
    [1, 2, 3].filter(() => protection.guard?.admits('', new Endpoint(host, 5060)) === true).length;
  assert.deepEqual(['192.0.2.11', '192.0.2.12', '10.0.0.7', '192.0.2.13'].map(heard), [3, 3, 1, 1]);
  location.close();
});

function binding(host: string, received: string | null): BindingRow {
  return {
    username: host,
    domain: 'example.com',
    contact: `sip:x@${host}`,
    received,
    path: null,
    expires: Number.MAX_SAFE_INTEGER,
    q: 1,
    callid: 'c',
    cseq: 1,
    user_agent: '',
    sip_instance: null,
    reg_id: null,
  };
}

test('with [guard] enabled = false nobody is limited', async () => {
  const { t, mallory } = await start({ guard: { enabled: false, source_burst: 1, source_per_second: 1 } });

  const options = (i: number): string =>
    request({ method: 'OPTIONS', uri: 'sip:example.com', callId: `${i}` });
  for (let i = 0; i < 3_000; i++) mallory.send(options(i));
  await t.run(100);

  assert.equal(mallory.heard.length, 3_000);
  assert.throws(() => t.exchange.protection.bans.add('192.0.2.7', '', 60), { code: 'INVALID' });
  t.stop();
});
