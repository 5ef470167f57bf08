/** Requests that are forwarded without a transaction: the response finds the way back by itself. RFC 3261 §16.11 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script } from '../../src/index.ts';
import type { PhoneTransport } from '../../src/testing/phone-wire.ts';
import { type Town, town } from '../../src/testing/town.ts';
import { HOSTS } from './flow.ts';

async function townOf(transport: PhoneTransport, idle = 3_600_000): Promise<Town> {
  const t = await town(
    script(() => new Router().request((c) => c.forward({ transport: 'udp', host: HOSTS.bob, port: 5060 }))),
    {
      people: { alice: { host: '10.0.0.2', transport }, bob: { host: HOSTS.bob } },
      settings: { sip: { idle_timeout_ms: idle } },
    },
  );
  t.net.nat({ public: '198.51.100.7', inside: ['10.0.0.2'] });
  return t;
}

for (const transport of ['udp', 'tcp', 'tls', 'ws', 'wss'] as const) {
  test(`a response to a forwarded request goes back by ${transport}`, async () => {
    const t = await townOf(transport);

    assert.equal(await t.phone('alice').message('sip:bob@example.com', 'hello'), 200);

    assert.equal(t.phone('bob').received.length, 1);
    t.stop();
  });
}

test('where the connection is gone meanwhile the response is lost, and nothing else happens', async () => {
  const t = await townOf('ws', 50);
  t.net.conditions({ delayMs: 100 }, HOSTS.bob);

  assert.equal(await t.phone('alice').message('sip:bob@example.com', 'hello'), 408);

  assert.equal(t.exchange.dispatcher.counters.scriptErrors, 0);
  t.stop();
});
