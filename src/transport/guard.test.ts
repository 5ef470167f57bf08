import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { parseNetwork } from '../base/network.ts';
import { silentLogger } from '../base/silent-logger.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { COMPLAINT_MS, Guard, type GuardLimits, LONG_TURN_MESSAGES, LONG_TURNS } from './guard.ts';

const LIMITS: GuardLimits = {
  strangersPerSecond: 40,
  sourcePerSecond: 10,
  sourceBurst: 20,
  strangerShare: 10,
  overloadMs: 100,
  knownMs: 60_000,
  scanners: ['friendly-scanner', 'sipvicious'],
};

const BRANCH = 'z9hG4bKours';
const OPTIONS = 'OPTIONS sip:example.com SIP/2.0\r\nUser-Agent: phone\r\n\r\n';
const MALLORY = '198.51.100.7';

interface Trial {
  readonly clock: SimClock;
  readonly guard: Guard;
  readonly overloads: boolean[];
  readonly warnings: object[];
  /** How many of so many messages are heard. */
  send(host: string, count: number, text?: string): number;
}

function start(limits: Partial<GuardLimits> = {}, banned: Record<string, number> = {}): Trial {
  const clock = new SimClock();
  const overloads: boolean[] = [];
  const warnings: object[] = [];
  const guard = new Guard({
    clock,
    log: { ...silentLogger, warn: (_what, facts = {}) => void warnings.push(facts) },
    limits: { ...LIMITS, ...limits },
    exempt: ['10.0.0.0/8', '::1'].flatMap((text) => parseNetwork(text) ?? []),
    branchPrefix: BRANCH,
    seed: 7,
    bannedUntil: ({ host }) => banned[host] ?? 0,
    overloaded: (is) => void overloads.push(is),
  });
  const send = (host: string, count: number, text = OPTIONS): number => {
    let heard = 0;
    for (let i = 0; i < count; i++) if (guard.admits(text, new Endpoint(host, 5060 + (i % 100)))) heard++;
    return heard;
  };
  return { clock, guard, overloads, warnings, send };
}

test('a stranger is heard up to its burst, and not once more', () => {
  const { guard, send } = start();

  assert.equal(send(MALLORY, LIMITS.sourceBurst), LIMITS.sourceBurst);
  assert.equal(send(MALLORY, 1), 0);
  assert.equal(guard.counters.crowding, 1);
});

test('a stranger that waits is heard again, at its rate', async () => {
  const { clock, send } = start();
  send(MALLORY, 100);

  await clock.run(1_000);

  assert.equal(send(MALLORY, 100), LIMITS.sourcePerSecond);
});

test('what one stranger sends too much of takes nothing from another', () => {
  const { send } = start();
  send(MALLORY, 10_000);

  assert.equal(send('198.51.100.8', 1), 1);
});

test('all strangers together are heard at their rate, those that ask for little first', async () => {
  const { clock, guard, send } = start();
  const crowd = Array.from({ length: 10 }, (_, i) => `198.51.100.${i + 1}`);
  for (let i = 0; i < 20; i++) for (const host of crowd) send(host, 1);
  const heard = guard.counters.strangers;

  assert.ok(heard <= LIMITS.strangersPerSecond, `${heard}`);
  assert.ok(guard.counters.crowded > 0);
  await clock.run(300);
  for (const host of crowd) send(host, 100);
  assert.equal(send('203.0.113.1', 3), 3);
});

const groups: readonly [what: string, hosts: readonly [string, string], shared: boolean][] = [
  ['two addresses', ['198.51.100.1', '198.51.100.2'], false],
  ['two addresses of one IPv6 network', ['2001:db8:0:1::1', '2001:db8:0:1:2:3:4:5'], true],
  ['two IPv6 networks', ['2001:db8:0:1::1', '2001:db8:0:2::1'], false],
  ['an address and the same mapped into IPv6', ['198.51.100.1', '::ffff:198.51.100.1'], true],
  ['an IPv4 and an IPv6 address with the same bits', ['32.1.13.184', '2001:db8::1'], false],
];

for (const [what, [one, other], shared] of groups) {
  test(`${what} are ${shared ? 'one source' : 'two sources'}`, () => {
    const { send } = start();
    send(one, LIMITS.sourceBurst);

    assert.equal(send(other, 1), shared ? 0 : 1);
  });
}

test('who has proved an account is not limited, until that is long ago', async () => {
  const { clock, guard, send } = start();
  guard.know(new Endpoint(MALLORY, 5060));

  assert.equal(send(MALLORY, 1_000), 1_000);
  await clock.run(LIMITS.knownMs);
  assert.equal(send(MALLORY, 1_000), LIMITS.sourceBurst);
});

for (const host of ['10.1.2.3', '::1']) {
  test(`${host}, which the settings exempt, is neither limited nor banned`, () => {
    const { guard, send } = start();
    guard.ban(host, Infinity);

    assert.equal(send(host, 1_000, 'OPTIONS x\r\nUser-Agent: sipvicious\r\n\r\n'), 1_000);
  });
}

test('who is banned is not heard, whatever it has proved, until the ban is over', async () => {
  const { clock, guard, send } = start();
  guard.know(new Endpoint(MALLORY, 5060));
  guard.ban(MALLORY, 5_000);

  assert.equal(send(MALLORY, 1), 0);
  assert.equal(guard.counters.banned, 1);
  await clock.run(5_000);
  assert.equal(send(MALLORY, 1), 1);
});

test('a ban outlives that its source was forgotten', () => {
  const { send } = start({}, { [MALLORY]: 1_000 });

  assert.equal(send(MALLORY, 1), 0);
});

const responses: readonly [text: string, heard: boolean][] = [
  [`SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=${BRANCH}1.2.3\r\n\r\n`, true],
  [`sip/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=${BRANCH}1.2.3\r\n\r\n`, true],
  ['SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKother\r\n\r\n', false],
  ['sip/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKother\r\n\r\n', false],
  ['SIP/2.0 200 OK\r\n\r\n', false],
];

for (const [text, heard] of responses) {
  test(`a stranger's response ${text.substring(16, 70)} is ${heard ? 'heard' : 'dropped'}`, () => {
    const { send } = start();
    send(MALLORY, 100);

    assert.equal(send(MALLORY, 1, text), heard ? 1 : 0);
  });
}

const agents: readonly [line: string, heard: boolean][] = [
  ['User-Agent: friendly-scanner', false],
  ['user-agent:Friendly-Scanner', false],
  ['USER-AGENT \t: x sipvicious/0.3', false],
  ['User-Agent: baresip', true],
  ['Subject: friendly-scanner', true],
  ['u: friendly-scanner', true],
  ['', true],
];

for (const [line, heard] of agents) {
  test(`a stranger that says "${line}" is ${heard ? '' : 'not '}heard`, () => {
    const text = `OPTIONS sip:a@b SIP/2.0\r\nVia: x\r\n${line}\r\n\r\nUser-Agent: friendly-scanner`;

    assert.equal(start().send(MALLORY, 1, text), heard ? 1 : 0);
    assert.equal(start({ scanners: [] }).send(MALLORY, 1, text), 1);
  });
}

test('while more waits than is read, strangers get their share of a turn, and known ones everything', async () => {
  const limits = { sourceBurst: 10_000, strangersPerSecond: 10_000 };
  const { clock, guard, send } = start(limits);
  guard.know(new Endpoint('203.0.113.1', 5060));
  for (let turn = 0; turn < LONG_TURNS; turn++) {
    assert.equal(send(MALLORY, LONG_TURN_MESSAGES), LONG_TURN_MESSAGES);
    await clock.run(1);
  }

  assert.equal(send(MALLORY, LONG_TURN_MESSAGES), Math.floor(LONG_TURN_MESSAGES / 10));
  assert.equal(send('203.0.113.1', LONG_TURN_MESSAGES), LONG_TURN_MESSAGES);
  await clock.run(1);
  send('203.0.113.1', LONG_TURN_MESSAGES - 1);
  await clock.run(1);
  assert.equal(send(MALLORY, 100), 100);
});

test('overload begins when turns were long for a time, and ends with the first that is not', async () => {
  const { clock, overloads, send } = start();
  for (let at = 0; at < LIMITS.overloadMs; at++) {
    send('10.0.0.1', LONG_TURN_MESSAGES);
    await clock.run(1);
  }
  assert.deepEqual(overloads, []);

  send('10.0.0.1', LONG_TURN_MESSAGES);
  await clock.run(1);
  assert.deepEqual(overloads, [true]);
  send('10.0.0.1', LONG_TURN_MESSAGES - 1);
  await clock.run(1);
  assert.deepEqual(overloads, [true, false]);
});

// oxfmt-ignore
const mixes: readonly [known: number, strangers: number, isOverload: boolean][] = [
  [0,                          LONG_TURN_MESSAGES * 8, false],
  [LONG_TURN_MESSAGES / 2 - 1, LONG_TURN_MESSAGES * 8, false],
  [LONG_TURN_MESSAGES / 2,     LONG_TURN_MESSAGES / 2, true],
  [LONG_TURN_MESSAGES,         LONG_TURN_MESSAGES * 8, true],
];
for (const [known, strangers, isOverload] of mixes) {
  const is = isOverload ? 'overload' : 'no overload, so nobody is refused for it';
  test(`turns with ${known} messages of known sources and ${strangers} of strangers are ${is}`, async () => {
    const { clock, overloads, send } = start();

    for (let at = 0; at <= LIMITS.overloadMs; at++) {
      send(MALLORY, strangers);
      send('10.0.0.1', known);
      await clock.run(1);
    }

    assert.deepEqual(overloads, isOverload ? [true] : []);
  });
}

test('the operator is told of dropped strangers, and not again at once', async () => {
  const { clock, warnings, send } = start();
  send(MALLORY, 1_000);
  assert.equal(warnings.length, 1);

  await clock.run(COMPLAINT_MS - 1);
  send(MALLORY, 1_000);
  assert.equal(warnings.length, 1);
  await clock.run(1);
  send(MALLORY, 1_000);
  assert.equal(warnings.length, 2);
});
