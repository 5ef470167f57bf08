import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { TandemError } from '../base/errors.ts';
import { silentLogger } from '../base/silent-logger.ts';
import { SimClock, WALL_START } from '../testing/sim-clock.ts';
import {
  type Ban,
  BAN_SECONDS_MAX,
  Bans,
  BANS_MAX,
  FAILING_SOURCES_MAX,
  FORGIVEN_MAX,
  sourceOf,
} from './bans.ts';

const LIMITS = { failures: 20, windowMs: 600_000, banMs: 3_600_000 };
const EXEMPT = '10.0.0.1';
const MALLORY = '198.51.100.7';

interface Trial {
  readonly clock: SimClock;
  readonly bans: Bans;
  /** What was carried out: `198.51.100.7 until 3600000`. */
  readonly carriedOut: string[];
  readonly told: string[];
  /** That many wrong passwords. */
  fail(host: string, times?: number): void;
}

function start(limits = LIMITS): Trial {
  const clock = new SimClock();
  const carriedOut: string[] = [];
  const told: string[] = [];
  const tell =
    (what: string) =>
    ({ source, reason }: Ban): void =>
      void told.push(`${what} ${source}: ${reason}`);
  const bans = new Bans({ clock, log: silentLogger, limits, added: tell('added'), removed: tell('removed') });
  bans.carriedOutBy({
    ban: (host, until) => void carriedOut.push(`${host} until ${until}`),
    isExempt: (host) => host === EXEMPT,
  });
  const fail = (host: string, times = 1): void => {
    for (let i = 0; i < times; i++) bans.failed(new Endpoint(host, 5060 + i));
  };
  return { clock, bans, carriedOut, told, fail };
}

test('the last of so many wrong passwords bans their source, the one before does not', () => {
  const { bans, carriedOut, told, fail } = start();
  fail(MALLORY, LIMITS.failures - 1);
  assert.deepEqual([bans.list(), carriedOut], [[], []]);

  fail(MALLORY);

  assert.deepEqual(bans.list(), [
    { source: MALLORY, reason: '20 failed logins', since: WALL_START, until: WALL_START + LIMITS.banMs },
  ]);
  assert.deepEqual(carriedOut, [`${MALLORY} until ${LIMITS.banMs}`]);
  assert.deepEqual(told, [`added ${MALLORY}: 20 failed logins`]);
});

test('wrong passwords that come slowly ban nobody', async () => {
  const { clock, bans, fail } = start();
  for (let i = 0; i < 10; i++) {
    fail(MALLORY, LIMITS.failures - 1);
    await clock.run(LIMITS.windowMs + 1);
  }

  assert.deepEqual(bans.list(), []);
});

test('a right password is the end of the count', () => {
  const { bans, fail } = start();
  fail(MALLORY, LIMITS.failures - 1);
  bans.proved(new Endpoint(MALLORY, 7));
  fail(MALLORY, LIMITS.failures - 1);

  assert.deepEqual(bans.list(), []);
});

test('an account of his own does not let anybody guess the passwords of others for ever', () => {
  const { bans, fail } = start();
  const most = LIMITS.failures * FORGIVEN_MAX;
  for (let i = 0; i < most - 1; i++) {
    fail(MALLORY);
    bans.proved(new Endpoint(MALLORY, 7));
  }
  assert.deepEqual(bans.list(), []);

  fail(MALLORY);

  assert.deepEqual(
    bans.list().map(({ reason }) => reason),
    [`${most} failed logins`],
  );
});

test('what was forgiven counts no more when the window is over', async () => {
  const { clock, bans, fail } = start();
  for (let i = 0; i < 3; i++) {
    for (let k = 0; k < FORGIVEN_MAX; k++) {
      fail(MALLORY, LIMITS.failures - 1);
      bans.proved(new Endpoint(MALLORY, 7));
    }
    await clock.run(LIMITS.windowMs + 1);
  }

  assert.deepEqual(bans.list(), []);
});

test('who has all of an IPv6 network is banned with all of it', () => {
  const { bans, fail } = start();
  for (let i = 0; i < LIMITS.failures; i++) fail(`2001:db8:0:1::${i}`);

  assert.deepEqual(
    bans.list().map(({ source }) => source),
    ['2001:db8:0:1::/64'],
  );
  assert.equal(bans.untilOf(new Endpoint('2001:db8:0:1:ffff::1', 1)), LIMITS.banMs);
  assert.equal(bans.untilOf(new Endpoint('2001:db8:0:2::1', 1)), 0);
});

test('who is exempt is not banned by himself, and not by hand', () => {
  const { bans, fail } = start();
  fail(EXEMPT, 1_000);

  assert.deepEqual(bans.list(), []);
  assert.throws(() => bans.add(EXEMPT, '', 60), TandemError);
});

test('with 0 failures allowed nobody is banned by himself', () => {
  const { bans, fail } = start({ ...LIMITS, failures: 0 });
  fail(MALLORY, 1_000);

  assert.deepEqual(bans.list(), []);
});

test('a ban is over when its time is', async () => {
  const { clock, bans, told, fail } = start();
  fail(MALLORY, LIMITS.failures);
  await clock.run(LIMITS.banMs - 1);
  assert.equal(bans.list().length, 1);

  await clock.run(1);

  assert.deepEqual(bans.list(), []);
  assert.equal(told.at(-1), `removed ${MALLORY}: 20 failed logins`);
});

test('a ban by hand is lifted by hand', () => {
  const { bans, carriedOut } = start();
  bans.add(MALLORY, 'scans us', 60);

  assert.equal(bans.remove(MALLORY).reason, 'scans us');
  assert.deepEqual(carriedOut, [`${MALLORY} until 60000`, `${MALLORY} until 0`]);
  assert.throws(() => bans.remove(MALLORY), { code: 'NOT_FOUND' });
});

const refused: readonly [host: string, seconds: number][] = [
  ['example.com', 60],
  ['', 60],
  ['198.51.100.0/24', 60],
  [MALLORY, 0],
  [MALLORY, Number.NaN],
  [MALLORY, BAN_SECONDS_MAX + 1],
];

for (const [host, seconds] of refused) {
  test(`a ban of "${host}" for ${seconds} seconds is refused`, () => {
    assert.throws(() => start().bans.add(host, '', seconds), { code: 'INVALID' });
  });
}

test('one ban beyond the limit lifts the oldest', () => {
  const { bans } = start();
  for (let i = 0; i <= BANS_MAX; i++) bans.add(addressOf(i), '', BAN_SECONDS_MAX);

  assert.equal(bans.list().length, BANS_MAX);
  assert.equal(bans.untilOf(new Endpoint(addressOf(0), 1)), 0);
  assert.notEqual(bans.untilOf(new Endpoint(addressOf(1), 1)), 0);
});

test('one failing source beyond the limit makes us forget the oldest count', () => {
  const { bans, fail } = start();
  fail(addressOf(0), LIMITS.failures - 1);
  for (let i = 1; i <= FAILING_SOURCES_MAX; i++) fail(addressOf(i));
  fail(addressOf(0));

  assert.deepEqual(bans.list(), []);
});

const sources: readonly [host: string, source: string | undefined][] = [
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:DB8::7', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['example.com', undefined],
];

for (const [host, source] of sources) {
  test(`${host} is of the source ${source}`, () => assert.equal(sourceOf(host), source));
}

function addressOf(number: number): string {
  return `100.${number >>> 16}.${(number >>> 8) & 255}.${number & 255}`;
}

test('bans that were kept stand again for what is left of their time, and no longer than any ban may', () => {
  const clock = new SimClock();
  const since = WALL_START - 1_000;
  const ban = (source: string, leftMs: number): Ban => ({
    source,
    reason: 'r',
    since,
    until: WALL_START + leftMs,
  });
  const bans = [
    ban('192.0.2.66', 60_000),
    ban('2001:db8:0:1::/64', 1),
    ban('192.0.2.67', 0),
    ban('nobody', 1_000),
    ban('192.0.2.68', 1e15),
  ];

  const restored = new Bans({ clock, log: silentLogger, limits: LIMITS, keeper: { bans, changed() {} } });

  const until = (host: string): number => restored.untilOf(new Endpoint(host, 5060)) - clock.now();
  assert.deepEqual(
    restored.list().map(({ source }) => source),
    ['192.0.2.66', '2001:db8:0:1::/64', '192.0.2.68'],
  );
  assert.equal(until('192.0.2.66'), 60_000);
  assert.equal(until('2001:db8:0:1::7'), 1);
  assert.equal(until('192.0.2.68'), BAN_SECONDS_MAX * 1000);
});
