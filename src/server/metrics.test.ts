import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serial } from '../proxy/plan.ts';
import { Router, script } from '../route/router.ts';
import { town } from '../testing/town.ts';

const SERVER = 'sip:192.0.2.21:5060';

const balancer = script(({ metrics, pools }) => {
  const app = new Router();
  const media = pools.open('media', { servers: [SERVER] });
  const calls = metrics.counter('my_calls_total', 'Calls that the script saw.');
  app.invite((c) => {
    calls.add();
    return c.relay(serial(...media.pick(c)));
  });
  return app;
});

test('routes of timers and events that throw are counted as others are', async () => {
  const throwing = script(() =>
    new Router()
      .request((c) => c.reply(404))
      .timer(1_000, () => {
        throw new Error('of a timer');
      })
      .event('call.ended', () => {
        throw new Error('of an event');
      }),
  );
  const t = await town(throwing, { people: { alice: {} } });
  t.phone('alice').dial('sip:600@example.com');
  await t.run(2_500);

  assert.match(t.exchange.shared.metrics.text(), /^tandem_script_errors_total 3$/m);
  t.stop();
});

test('the figures of an exchange and of its script, while a call goes on', async () => {
  const t = await town(balancer, { people: { alice: {}, media: { host: '192.0.2.21' } } });
  t.phone('alice').dial('sip:600@example.com');
  await t.run(2_000);
  await t.world.until(t.exchange.replaceScript(balancer)); // The script's counts outlive it.

  const text = t.exchange.shared.metrics.text();

  const labels = `{pool="media",server="${SERVER}"}`;
  for (const line of [
    'my_calls_total 1',
    `tandem_pool_calls${labels} 1`,
    `tandem_pool_up${labels} 1`,
    `tandem_pool_sent_total${labels} 1`,
    `tandem_pool_failed_total${labels} 0`,
    'tandem_requests_total 2',
    'tandem_transactions{side="client"} 1',
    'tandem_script_errors_total 0',
  ]) {
    assert.ok(text.includes(`\n${line}\n`), `${line} in\n${text}`);
  }
  t.stop();
});
