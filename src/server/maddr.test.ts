/** maddr says where a request is sent, past the host that everybody looks at. RFC 3261 §16.4, §16.5, §19.1.1 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byPreference } from '../proxy/plan.ts';
import { Router, script } from '../route/router.ts';
import {
  BOB,
  MALLORY,
  mallorysTown,
  request,
  sentElsewhere,
  statusOf,
  TARGET,
  VICTIM,
} from '../testing/mallory.ts';
import { Stranger } from '../testing/stranger.ts';
import { EXCHANGE } from '../testing/town.ts';
import { openRegistrar } from '../testing/town-scripts.ts';

/** As docs/routing.md has it: whoever is of our domain is relayed to. */
const trusting = script(({ domains }) => {
  const app = new Router();
  app.request((c) => (domains.isLocal(c.uri.host) ? c.relay() : c.reply(403, 'Relay Forbidden')));
  return app;
});

for (const uri of [
  `sip:x@example.com;maddr=${VICTIM}`,
  `sip:x@${EXCHANGE};maddr=${VICTIM}`,
  `sip:x@${EXCHANGE};MADDR=${VICTIM}`,
  'sip:x@example.com;maddr=victim.example',
  'sip:x@example.com;maddr=[2001:db8::9]',
  'sip:x@example.com;maddr',
  `sip:x@${VICTIM};maddr=${VICTIM}`,
]) {
  test(`nobody sends by us to ${uri}`, async () => {
    const { t, mallory } = await mallorysTown(trusting);

    for (const method of ['INVITE', 'MESSAGE', 'OPTIONS']) mallory.send(request({ method, uri }));
    await t.run(3_000);

    assert.deepEqual([...new Set(mallory.heard.map(statusOf))], [403]);
    assert.deepEqual(sentElsewhere(t), []);
    t.stop();
  });
}

for (const uri of [
  `sip:bob@example.com;maddr=${EXCHANGE}`,
  `sip:bob@example.com:5060;maddr=${EXCHANGE};transport=udp`,
  'sip:bob@example.com;maddr=EXAMPLE.com',
]) {
  test(`our own address is taken out of ${uri}, and the request goes on as if it had not been there`, async () => {
    const seen: string[] = [];
    const looking = script(({ location }) => {
      const app = new Router();
      app.register((c) => location.save(c));
      app.request(async (c) => {
        seen.push(c.req.uriText);
        return c.relay(byPreference(await location.lookup(c.uri)));
      });
      return app;
    });
    const { t, mallory } = await mallorysTown(looking);

    mallory.send(request({ method: 'MESSAGE', uri }));
    await t.run(1_000);

    assert.deepEqual(seen, ['sip:bob@example.com']);
    assert.deepEqual(mallory.heard.map(statusOf), [200]);
    t.stop();
  });
}

for (const contact of [VICTIM, `${EXCHANGE};maddr=${VICTIM}`, `example.com;maddr=${VICTIM}`]) {
  test(`a redirection to ${contact} does not lead to us, and is not followed`, async () => {
    const following = script(({ location }) => {
      const app = new Router();
      app.register((c) => location.save(c));
      app.request(async (c) => c.relay(byPreference(await location.lookup(c.uri)), { recurse: true }));
      return app;
    });
    const { t, mallory } = await mallorysTown(following);
    t.phone('bob').answers = { afterMs: 0, status: 302, headers: [['Contact', `<sip:x@${contact}>`]] };

    mallory.send(request());
    await t.run(1_000);

    assert.equal(statusOf(mallory.heard.at(-1)), 302);
    assert.deepEqual(sentElsewhere(t), []);
    t.stop();
  });
}

test('within a dialog the Contact of the other side may have one', async () => {
  const { t } = await mallorysTown(openRegistrar);
  const contact = `<sip:m@${MALLORY}:5060;maddr=${MALLORY}>`;
  const mallory = await new Stranger(t.world, '198.51.100.9', TARGET).open();
  mallory.send(
    request({ via: 'SIP/2.0/UDP 198.51.100.9:5060', more: `Max-Forwards: 70\r\nContact: ${contact}\r\n` }),
  );
  await t.run(2_000);

  t.phone('bob').calls[0]?.hangUp();
  await t.run(100);

  const byes = t.net.trace.entries.filter(({ text, toHost }) => text.startsWith('BYE') && toHost === MALLORY);
  assert.equal(byes.length, 1);
  assert.match(byes[0]?.text ?? '', new RegExp(`^BYE sip:m@${MALLORY}:5060;maddr=${MALLORY} `));
  assert.notEqual(BOB, MALLORY);
  t.stop();
});
