import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, type Script, script } from '../route/router.ts';
import { parseUri } from '../sip/uri.ts';
import { simWorld } from '../testing/sim-world.ts';
import { town } from '../testing/town.ts';
import { Pools } from './pools.ts';

const A = 'sip:192.0.2.21:5060';
const B = 'sip:192.0.2.22:5060';

function open(): { pools: Pools; told: string[] } {
  const told: string[] = [];
  const pools = new Pools(simWorld(1).clock, {
    server: () => {},
    trunk: ({ trunk, up, status, why }) => void told.push(`${trunk} ${up ? 'up' : 'down'} ${status} ${why}`),
  });
  pools.define('carrier', { servers: [A, B], probe: { everyMs: 1_000, downAfter: 1, upAfter: 1 } });
  return { pools, told };
}

const BY_OPERATOR = 'carrier down 0 disabled by the operator';
//    what happens                                                            what is told of the trunk
const changes: [string, (pools: Pools) => void, readonly string[]][] = [
  ['one of two servers is lost', (p) => p.server('carrier', A).probed(false, 408, 'silent'), []],
  ['both are lost', (p) => lose(p), ['carrier down 408 silent']],
  ['both are lost, and lost again', (p) => (lose(p), lose(p)), ['carrier down 408 silent']],
  ['both are lost and come back', (p) => (lose(p), find(p)), ['carrier down 408 silent', 'carrier up 0 ']],
  ['the operator disables both', (p) => switchOff(p), [BY_OPERATOR]],
  ['both are lost, then disabled', (p) => (lose(p), switchOff(p)), ['carrier down 408 silent']],
  ['the operator enables them again', (p) => (switchOff(p), switchOn(p)), [BY_OPERATOR, 'carrier up 0 ']],
];

function each(pools: Pools, act: (server: ReturnType<Pools['server']>) => void): void {
  for (const name of [A, B]) act(pools.server('carrier', name));
}
const lose = (pools: Pools): void => each(pools, (server) => server.probed(false, 408, 'silent'));
const find = (pools: Pools): void => each(pools, (server) => server.probed(true, 200, ''));
const switchOff = (pools: Pools): void => each(pools, (server) => server.disable());
const switchOn = (pools: Pools): void => each(pools, (server) => server.enable());

for (const [what, happen, expected] of changes) {
  test(`${what}: ${expected.length === 0 ? 'the trunk stays up' : expected.join(', ')}`, () => {
    const { pools, told } = open();

    happen(pools);

    assert.deepEqual(told, expected);
    pools.stop();
  });
}

test('a reload that gives a lost pool another server brings the trunk up again', () => {
  const { pools, told } = open();
  const first = pools.generation();
  first.open('media', { servers: [A] }).markDown({ uri: parseUri(A) });
  first.commit();
  pools.server('media', A).markDown();

  const second = pools.generation();
  second.open('media', { servers: [A, B] });
  second.commit();
  const third = pools.generation();
  third.open('media', { servers: [A] });
  third.commit();

  assert.deepEqual(told, [
    'media down 503 marked down by the script',
    'media up 0 ',
    'media down 0 its servers are others now',
  ]);
  pools.stop();
});

test('a pool that a route opens is refused: a reload would lose it', () => {
  const { pools } = open();
  const generation = pools.generation();
  generation.open('media', { servers: [A] });
  generation.commit();

  assert.throws(() => generation.open('late', { servers: [A] }), {
    code: 'INVALID',
    message: 'the pool late is opened too late: in script(…), not in a route',
  });
  pools.stop();
});

test('scripts hear of a trunk that is lost by a failure and found by a probe, and the log says so', async () => {
  const heard: string[] = [];
  const listening: Script = script(({ pools }) => {
    const app = new Router();
    const probe = { everyMs: 1_000, downAfter: 2, upAfter: 2 };
    const carrier = pools.open('carrier', { servers: [A], probe });
    app.invite((c) =>
      c.relay(carrier.pick(c)[0], {
        replyMs: 1_000,
        onFailure: (f) => {
          carrier.markDown(f.ends[0]!.target);
          return f.reply(503);
        },
      }),
    );
    app.event('trunk.down', ({ trunk, status }) => void heard.push(`down ${trunk} ${status}`));
    app.event('trunk.up', ({ trunk }) => void heard.push(`up ${trunk}`));
    return app;
  });
  const people = { alice: { host: '192.0.2.11' }, carrier: { host: '192.0.2.21' } };
  const t = await town(listening, { people });
  t.phone('carrier').answers = { afterMs: 5, status: 500 };

  t.phone('alice').dial('sip:4930200@example.com');
  await t.run(500);
  assert.deepEqual(heard, ['down carrier 503']);
  await t.run(4_000);

  assert.deepEqual(heard, ['down carrier 503', 'up carrier']);
  const lines = t.world.logged.filter(({ what }) => what.startsWith('a trunk is'));
  assert.deepEqual(
    lines.map(({ level, what }) => `${level}: ${what}`),
    ['error: a trunk is down: none of its servers is left', 'info: a trunk is up again'],
  );
  t.stop();
});
