/** Names that lead to our own loopback: behind it are services that believe whoever reaches them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script } from '../route/router.ts';
import { request } from '../testing/mallory.ts';
import { Stranger } from '../testing/stranger.ts';
import { EXCHANGE, town } from '../testing/town.ts';

const relaying = script(() => new Router().request((c) => c.relay()));
const SERVICE = '127.0.0.1';

// [who asks, whether it is reached]
for (const [asker, isReached] of [
  ['192.0.2.66', false],
  ['127.0.0.5', true], // On this machine himself, he reaches it without us.
] as const) {
  test(`${asker} ${isReached ? 'is' : 'is not'} led to our loopback by a name`, async () => {
    const t = await town(relaying, { people: {} });
    t.world.names.address('service.test', SERVICE);
    const reached: string[] = [];
    const target = { host: EXCHANGE, port: 5060 };
    await new Stranger(t.world, SERVICE, target).open((text) => void reached.push(text));
    const caller = await new Stranger(t.world, asker, target).open();

    for (const method of ['MESSAGE', 'INVITE']) {
      const via = `SIP/2.0/UDP ${asker}:5060;branch=z9hG4bK${method}`;
      caller.send(request({ method, uri: 'sip:x@service.test', callId: method, via }));
    }
    await t.run(500);

    assert.equal(reached.length > 0, isReached);
    t.stop();
  });
}
