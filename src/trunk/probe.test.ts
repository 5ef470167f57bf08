import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, type Script, script } from '../route/router.ts';
import { type Town, town } from '../testing/town.ts';
import { isAlive } from './probe.ts';

const SERVER = 'sip:192.0.2.21:5060';

function probing(uri: string, add: (app: Router) => void = () => {}): Script {
  return script(({ pools }) => {
    const app = new Router();
    pools.open('media', {
      servers: [uri],
      probe: { everyMs: 1_000, replyMs: 500, downAfter: 2, upAfter: 2 },
    });
    add(app);
    return app;
  });
}

const open = (made: Script): Promise<Town> =>
  town(made, { people: { alice: {}, media: { host: '192.0.2.21' } } });
const server = (t: Town) => t.exchange.shared.pools.pool('media').servers[0]!;

const STATUSES: readonly (readonly [number, boolean])[] = [
  [200, true],
  [302, true],
  [401, true],
  [404, true],
  [405, true],
  [408, false],
  [480, true],
  [500, false],
  [501, true],
  [503, false],
  [504, false],
  [505, true],
  [600, false],
];

for (const [status, alive] of STATUSES) {
  test(`who answers ${status} to OPTIONS ${alive ? 'lives' : 'does not work'}`, () => {
    assert.equal(isAlive(status), alive);
  });
}

test('a server whose first address is dead is asked at the next one, as calls are', async () => {
  const t = await open(probing('sip:media.test'));
  t.world.names.address('one.media.test', '192.0.2.99');
  t.world.names.address('two.media.test', '192.0.2.21');
  t.world.names.service(
    '_sip._udp.media.test',
    { target: 'one.media.test', port: 5060, priority: 10, weight: 0 },
    { target: 'two.media.test', port: 5060, priority: 20, weight: 0 },
  );

  await t.run(5_000);
  assert.equal(server(t).state, 'up');
  assert.ok(t.phone('media').received.length >= 3);

  t.net.cut('192.0.2.21');
  await t.run(8_000);
  assert.equal(server(t).state, 'down');
  t.stop();
});

test('a server is asked at the interval by a request that is complete, and nothing is left of it', async () => {
  const t = await open(probing(SERVER));
  await t.run(5_000);

  const { received } = t.phone('media');
  assert.ok(received.length === 5 || received.length === 4, String(received.length));
  const [options] = received;
  assert.equal(options?.method, 'OPTIONS');
  assert.equal(options?.uriText, SERVER);
  assert.match(options?.headers.get('From') ?? '', /^<sip:probe@192\.0\.2\.1:5060>;tag=\w+$/);
  assert.equal(new Set(received.map(({ callId }) => callId)).size, received.length);
  await t.world.until(t.exchange.replaceScript(script(() => new Router())));
  await t.run(40_000);
  assert.equal(t.exchange.layer.count, 0);
  t.stop();
});

test('one that is silent is down after two probes, though its transactions last longer', async () => {
  const t = await open(probing(SERVER));
  t.phone('media').close();

  await t.run(3_600);

  const { state, status, why } = server(t);
  assert.deepEqual([state, status, why], ['down', 408, 'it does not answer OPTIONS']);
  t.stop();
});

test('a name that nobody knows is as good as a dead server', async () => {
  const t = await open(probing('sip:nowhere.example.org'));

  await t.run(5_000);

  assert.deepEqual([server(t).state, server(t).status], ['down', 503]);
  t.stop();
});

test('a local route sees the probe, and may change it', async () => {
  const t = await open(
    probing(SERVER, (app) => {
      app.local((c) => {
        c.req.headers.set('User-Agent', 'ours');
        return c.pass();
      });
    }),
  );

  await t.run(2_000);

  assert.equal(t.phone('media').received[0]?.headers.get('User-Agent'), 'ours');
  t.stop();
});

test('a probe that a local route keeps back says nothing about the server', async () => {
  const t = await open(probing(SERVER, (app) => app.local((c) => c.drop())));

  await t.run(5_000);

  assert.deepEqual([t.phone('media').received.length, server(t).state], [0, 'up']);
  t.stop();
});
