import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script } from '../route/router.ts';
import { town } from '../testing/town.ts';
import { trafficStatus } from './control-status.ts';

const routes = script(({ auth, location, pools }) => {
  const app = new Router();
  pools.open('media', { servers: ['sip:192.0.2.21', 'sip:192.0.2.22'] });
  app.register(auth.digest(), (c) => location.save(c));
  app.invite((c) => c.relay({ uri: { scheme: 'sip', user: 'bob', host: '192.0.2.12', params: {} } }));
  app.message(() => {
    throw new Error('no luck');
  });
  return app;
});

test('what the exchange does, and what went wrong, is told by its own counts', async () => {
  const t = await town(routes, {
    people: { alice: {}, bob: {}, mallory: { phonePassword: 'a guess' } },
    settings: { sip: { max_transactions: 1_000 } },
  });
  const kept = { calls: { count: 1 }, location: { count: 2 } };
  await t.phone('mallory').register();
  await t.phone('alice').request('MESSAGE', 'sip:bob@example.com');
  t.exchange.shared.pools.server('media', 'sip:192.0.2.22').disable();
  t.exchange.protection.bans.add('198.51.100.66', 'by hand', 60_000);
  t.phone('bob').answers = 'ring';
  t.phone('alice').dial('sip:bob@example.com');
  await t.run(40_000);

  const status = trafficStatus(t.exchange, kept, 'route.ts');

  assert.deepEqual(status, {
    script: { file: 'route.ts', generation: 1, errors: 1, slowRoutes: 0 },
    calls: 1,
    registrations: 2,
    transactions: { now: 2, max: 1_000, refused: 0, refusedOfSource: 0 },
    pools: [{ name: 'media', pick: 'weight', servers: 2, up: 1, calls: 0, overdue: 0 }],
    banned: 1,
    failedLogins: 1,
    droppedOfStrangers: 0,
    isRefusingNew: false,
  });
  t.exchange.refuseNew();
  assert.equal(trafficStatus(t.exchange, kept, 'route.ts').isRefusingNew, true);
  t.stop();
});
