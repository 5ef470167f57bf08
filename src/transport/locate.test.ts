import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Net } from '../base/world.ts';
import { parseUri } from '../sip/uri.ts';
import { type SimWorld, simWorld } from '../testing/sim-world.ts';
import { HOPS_MAX, LOCATE_MS, QUESTIONS_MAX } from './locate-names.ts';
import { type Hops, Locator, type LocatorParts } from './locate.ts';
import type { Hop } from './transports.ts';

const DEAD_MS = 30_000;

interface Options {
  /** `udp tcp tls`, with `6` for IPv6: `udp6`. */
  readonly speaks?: string;
  readonly naptr?: boolean;
  readonly deadMs?: number;
  readonly net?: Net;
  readonly isClosed?: LocatorParts['isClosed'];
}

function locatorIn(world: SimWorld, options: Options = {}): Locator {
  const { speaks = 'udp tcp tls', naptr = true, deadMs = DEAD_MS, net = world.net, isClosed } = options;
  const spoken = speaks.split(' ');
  return new Locator({
    net,
    clock: world.clock,
    random: world.random,
    log: world.log,
    speaks: (transport, isIPv6) => spoken.includes(isIPv6 ? `${transport}6` : transport),
    naptr,
    deadMs,
    isClosed,
  });
}

function show(hop: Hop | undefined): string {
  if (hop === undefined) return '-';
  const secure = hop.secure === true ? ' secure' : '';
  return `${hop.transport} ${hop.host} ${hop.port}${hop.serverName === undefined ? '' : ` ${hop.serverName}`}${secure}`;
}

async function all(world: SimWorld, hops: Hops): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const hop = await world.until(Promise.resolve(hops.next()));
    if (hop === undefined) return found;
    found.push(show(hop));
  }
}

/** No DNS at all: who asks is caught. */
const silentNet = {
  known: () => assert.fail('nobody is asked'),
  resolve: () => assert.fail('nobody is asked'),
} as unknown as Net; // A locator uses these two alone.

// oxfmt-ignore
const addresses: [uri: string, hop: string][] = [
  ['sip:a@192.0.2.7',                               'udp 192.0.2.7 5060'],
  ['sip:a@192.0.2.7:5070',                          'udp 192.0.2.7 5070'],
  ['sip:a@192.0.2.7;transport=TCP',                 'tcp 192.0.2.7 5060'],
  ['sip:a@192.0.2.7;transport=tls',                 'tls 192.0.2.7 5061'],
  ['sip:a@192.0.2.7;transport=ws',                  'ws 192.0.2.7 80'],
  ['sip:a@192.0.2.7;transport=wss',                 'wss 192.0.2.7 443'],
  ['sip:a@192.0.2.7;transport=sctp',                '- 480'],
  ['sip:a@[2001:db8::7]:5070',                      'udp 2001:db8::7 5070'],
  ['sips:a@192.0.2.7',                              'tls 192.0.2.7 5061 secure'],
  ['sips:a@192.0.2.7;transport=tcp',                'tls 192.0.2.7 5061 secure'],
  ['sips:a@192.0.2.7;transport=ws',                 'wss 192.0.2.7 443 secure'],
  ['sips:a@192.0.2.7;transport=udp',                '- 480'],
  ['sip:a@example.com;maddr=192.0.2.9',             'udp 192.0.2.9 5060'],
  ['sip:a@example.com:5070;maddr=192.0.2.9',        'udp 192.0.2.9 5070'],
  ['sip:a@192.0.2.7;maddr=[2001:db8::9]',           'udp 2001:db8::9 5060'],
  ['tel:+4930100',                                  '- 416'],
];
for (const [uri, expected] of addresses) {
  test(`${uri} is ${expected}, at once`, () => {
    const hops = locatorIn(simWorld(1), { net: silentNet }).candidates(parseUri(uri));

    const hop = hops.next();

    assert.ok(!(hop instanceof Promise));
    assert.equal(hop === undefined ? `- ${hops.status}` : show(hop), expected);
    assert.equal(hops.mayHaveMore, false);
    assert.equal(hops.next(), undefined);
  });
}

/** What all of these tests find; each row adds to it. */
function dns(world: SimWorld): SimWorld['names'] {
  const { names } = world;
  names.address('a.test', '192.0.2.1');
  names.address('b.test', '192.0.2.2');
  names.address('six.test', '2001:db8::1');
  names.address('both.test', '192.0.2.3');
  names.address('both.test', '2001:db8::3');
  names.address('plain.test', '192.0.2.4');
  names.service(
    '_sip._udp.srv.test',
    { target: 'b.test', port: 5072, priority: 20, weight: 0 },
    { target: 'a.test', port: 5071, priority: 10, weight: 0 },
  );
  names.service('_sip._tcp.srv.test', { target: 'a.test', port: 5073, priority: 1, weight: 0 });
  names.service('_sips._tcp.srv.test', { target: 'a.test', port: 5074, priority: 1, weight: 0 });
  names.service('_sip._tcp.stream.test', { target: 'b.test', port: 5075, priority: 1, weight: 0 });
  names.service('_sip._udp.none.test', { target: '', port: 0, priority: 0, weight: 0 });
  names.address('none.test', '192.0.2.5');
  names.service('_sip._udp.lost.test', { target: 'nowhere.test', port: 5060, priority: 0, weight: 0 });
  names.address('lost.test', '192.0.2.6');
  names.pointer(
    'naptr.test',
    { order: 10, preference: 20, services: 'SIP+D2U', target: '_sip._udp.srv.test' },
    { order: 10, preference: 10, services: 'SIPS+D2T', target: '_sips._tcp.srv.test' },
    { order: 20, preference: 10, services: 'SIP+D2T', target: '_sip._tcp.srv.test' },
  );
  names.pointer('foreign.test', { order: 1, preference: 1, services: 'E2U+sip', target: 'x.test' });
  names.address('foreign.test', '192.0.2.7');
  return names;
}

const udpTcp: Options = { speaks: 'udp tcp' };
const dual: Options = { speaks: 'udp udp6' };
// oxfmt-ignore
const domains: [uri: string, hops: string[], options?: Options][] = [
  ['sip:a@plain.test',                ['udp 192.0.2.4 5060']],
  ['sip:a@plain.test:5080',           ['udp 192.0.2.4 5080']],
  ['sip:a@plain.test;transport=tcp',  ['tcp 192.0.2.4 5060']],
  ['sips:a@plain.test',               ['tls 192.0.2.4 5061 plain.test secure']],
  ['sips:a@plain.test:5080',          ['tls 192.0.2.4 5080 plain.test secure']],
  ['sip:a@srv.test',                  ['udp 192.0.2.1 5071', 'udp 192.0.2.2 5072']],
  ['sip:a@srv.test',                  ['tcp 192.0.2.1 5073'], { speaks: 'tcp' }],
  ['sip:a@srv.test;transport=tcp',    ['tcp 192.0.2.1 5073']],
  ['sip:a@srv.test;transport=tls',    ['tls 192.0.2.1 5074 srv.test']],
  ['sips:a@srv.test',                 ['tls 192.0.2.1 5074 srv.test secure']],
  ['sips:a@srv.test;transport=tcp',   ['tls 192.0.2.1 5074 srv.test secure']],
  ['sip:a@srv.test:5060',             []],
  ['sip:a@stream.test',               ['tcp 192.0.2.2 5075']],
  ['sip:a@192.0.2.7;maddr=SRV.test',  ['udp 192.0.2.1 5071', 'udp 192.0.2.2 5072']],
  ['sip:a@naptr.test',
    ['tls 192.0.2.1 5074 naptr.test', 'udp 192.0.2.1 5071', 'udp 192.0.2.2 5072']],
  ['sip:a@naptr.test',                ['udp 192.0.2.1 5071', 'udp 192.0.2.2 5072'], udpTcp],
  ['sip:a@naptr.test',                ['tcp 192.0.2.1 5073'], { speaks: 'tcp' }],
  ['sips:a@naptr.test',               ['tls 192.0.2.1 5074 naptr.test secure']],
  ['sip:a@naptr.test',                [], { ...udpTcp, naptr: false }],
  ['sip:a@foreign.test',              ['udp 192.0.2.7 5060']],
  ['sip:a@none.test',                 []],
  ['sip:a@lost.test',                 []],
  ['sip:a@nowhere.test',              []],
  ['sip:a@six.test',                  []],
  ['sip:a@six.test',                  ['udp 2001:db8::1 5060'], dual],
  ['sip:a@both.test',                 ['udp 192.0.2.3 5060', 'udp 2001:db8::3 5060'], dual],
  ['sip:a@plain.test',                [], { speaks: 'tls6' }],
];
for (const [uri, expected, options] of domains) {
  const given = options === undefined ? '' : ` with ${JSON.stringify(options)}`;
  test(`${uri} is ${expected.join(', ') || 'nowhere'}${given}`, async () => {
    const world = simWorld(1);
    dns(world);
    const locator = locatorIn(world, options);

    const hops = locator.candidates(parseUri(uri));

    assert.equal(hops.mayHaveMore, true);
    assert.deepEqual(await all(world, hops), expected);
    assert.equal(hops.mayHaveMore, false);
    assert.equal(hops.status, 480);
    const known = locator.candidates(parseUri(uri)).next();
    assert.ok(!(known instanceof Promise), 'known names cost no turn');
    assert.equal(show(known), expected[0] ?? '-');
  });
}

const ASKER = '192.0.2.11';
// oxfmt-ignore
const led: readonly [uri: string, closed: string, onlyLed: boolean, hops: readonly string[]][] = [
  ['sip:a@192.0.2.4',                     '192.0.2.4', false, []],
  ['sip:a@192.0.2.4',                     '192.0.2.4', true,  ['udp 192.0.2.4 5060']],
  ['sip:a@example.com;maddr=192.0.2.4',   '192.0.2.4', true,  []],
  ['sip:a@192.0.2.7;M%61DDR=192.0.2.4',   '192.0.2.4', true,  []],
  ['sip:a@plain.test',                    '192.0.2.4', true,  []],
  ['sip:a@srv.test',                      '192.0.2.1', true,  ['udp 192.0.2.2 5072']],
  ['sip:a@srv.test',                      '192.0.2.9', false, ['udp 192.0.2.1 5071', 'udp 192.0.2.2 5072']],
];
for (const [uri, closed, onlyLed, expected] of led) {
  const whom = onlyLed ? 'who is led there' : 'everybody';
  test(`${closed} is closed to ${whom}: ${uri} is ${expected.join(', ') || 'nowhere'}`, async () => {
    const world = simWorld(1);
    dns(world);
    const isClosed = (host: string, ledBy: string | undefined): boolean =>
      host === closed && (ledBy === ASKER || !onlyLed);

    const hops = locatorIn(world, { isClosed }).candidates(parseUri(uri), 0, ASKER);

    assert.deepEqual(await all(world, hops), expected);
  });
}

test('names are asked for only when their hop is wanted', async () => {
  const world = simWorld(1);
  const { asked } = dns(world);

  const hops = locatorIn(world).candidates(parseUri('sip:a@srv.test'));
  await world.until(Promise.resolve(hops.next()));

  assert.deepEqual(asked, ['NAPTR srv.test', 'SRV _sip._udp.srv.test', 'A a.test']);
});

test('requests of one call go one way, calls are spread', async () => {
  const world = simWorld(1);
  dns(world).service(
    '_sip._udp.pool.test',
    { target: 'a.test', port: 5060, priority: 1, weight: 1 },
    { target: 'b.test', port: 5060, priority: 1, weight: 1 },
  );
  const locator = locatorIn(world);
  const uri = parseUri('sip:a@pool.test');
  await all(world, locator.candidates(uri));

  const firsts = Array.from({ length: 400 }, (_, call) => show(locator.locate(uri, call) as Hop));
  const again = Array.from({ length: 400 }, (_, call) => show(locator.locate(uri, call) as Hop));

  assert.deepEqual(firsts, again);
  const share = firsts.filter((hop) => hop.includes('192.0.2.1')).length / 400;
  assert.ok(share > 0.4 && share < 0.6, String(share));
});

test('a resolver that never answers is waited for 5 s in all', async () => {
  const world = simWorld(1);
  world.names.delay('silent.test');
  const hops = locatorIn(world).candidates(parseUri('sip:a@silent.test'));

  assert.deepEqual(await all(world, hops), []);
  assert.deepEqual([world.clock.now(), hops.status], [LOCATE_MS, 504]);
});

test('many slow look-ups together are waited for 5 s in all', async () => {
  const world = simWorld(1);
  world.names.delayMs = 2_000;
  const hops = locatorIn(world).candidates(parseUri('sip:a@slow.test'));

  assert.deepEqual(await all(world, hops), []);
  assert.deepEqual([world.clock.now(), hops.status], [LOCATE_MS, 504]);
});

// oxfmt-ignore
const broken: [what: string, name: string, uri: string, hops: string[], status: number][] = [
  ['NAPTR: nothing is guessed',       'srv.test',              'sip:a@srv.test', [], 504],
  ['SRV: its address is not guessed', '_sip._udp.srv.test',    'sip:a@srv.test', [], 504],
  ['one host: the others are tried',  'a.test',                'sip:a@srv.test', ['udp 192.0.2.2 5072'], 504],
  ['SRV behind a NAPTR',              '_sips._tcp.srv.test',   'sip:a@naptr.test', [], 504],
];
for (const [what, name, uri, expected, status] of broken) {
  test(`no name server tells ${what}`, async () => {
    const world = simWorld(1);
    dns(world).address('srv.test', '192.0.2.99');
    world.names.fail(name);
    const hops = locatorIn(world).candidates(parseUri(uri));

    assert.deepEqual(await all(world, hops), expected);
    assert.equal(hops.status, status);
  });
}

for (const [servers, given] of [
  [HOPS_MAX, HOPS_MAX],
  [HOPS_MAX + 1, HOPS_MAX],
] as const) {
  test(`of ${servers} servers a request tries ${given}`, async () => {
    const world = simWorld(1);
    const records = Array.from({ length: servers }, (_, i) => ({
      target: 'a.test',
      port: 5060 + i,
      priority: i,
      weight: 0,
    }));
    dns(world).service('_sip._udp.many.test', ...records);

    assert.equal((await all(world, locatorIn(world).candidates(parseUri('sip:a@many.test')))).length, given);
  });
}

// NAPTR and SRV are two of the questions.
for (const [lost, found] of [
  [QUESTIONS_MAX - 3, ['udp 192.0.2.1 5060']],
  [QUESTIONS_MAX - 2, []],
] as const) {
  test(`a request asks ${QUESTIONS_MAX} questions at most: ${lost} lost hosts before one that is there`, async () => {
    const world = simWorld(1);
    world.names.delayMs = 1;
    const records = Array.from({ length: lost }, (_, i) => ({
      target: `lost${i}.test`,
      port: 5060,
      priority: i,
      weight: 0,
    }));
    const last = { target: 'a.test', port: 5060, priority: 65_535, weight: 0 };
    dns(world).service('_sip._udp.waste.test', ...records, last);

    assert.deepEqual(await all(world, locatorIn(world).candidates(parseUri('sip:a@waste.test'))), found);
  });
}

test('a dead hop is tried last; when all are dead they are tried anyway', async () => {
  const world = simWorld(1);
  dns(world);
  const locator = locatorIn(world);
  const uri = parseUri('sip:a@srv.test');
  const first = locator.candidates(uri);
  assert.equal(show(await world.until(Promise.resolve(first.next()))), 'udp 192.0.2.1 5071');
  first.failed();

  assert.deepEqual(await all(world, locator.candidates(uri)), ['udp 192.0.2.2 5072', 'udp 192.0.2.1 5071']);
  const second = locator.candidates(uri);
  void second.next();
  second.failed();
  assert.deepEqual(await all(world, locator.candidates(uri)), ['udp 192.0.2.1 5071', 'udp 192.0.2.2 5072']);
});

test('a hop that answers is alive again', async () => {
  const world = simWorld(1);
  dns(world);
  const locator = locatorIn(world);
  const uri = parseUri('sip:a@srv.test');
  const hops = locator.candidates(uri);
  await world.until(Promise.resolve(hops.next()));

  hops.failed();
  hops.answered();

  assert.equal(locator.dead.size, 0);
});

test('with dead_target_seconds 0 nobody is passed over, whatever he asks for', async () => {
  const world = simWorld(1);
  dns(world);
  const locator = locatorIn(world, { deadMs: 0 });
  const hops = locator.candidates(parseUri('sip:a@srv.test'));
  await world.until(Promise.resolve(hops.next()));

  hops.failed();
  hops.failed(60_000);

  assert.equal(locator.dead.size, 0);
});
