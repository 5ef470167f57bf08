/** What nobody ends is ended by its timers, and forgotten. RFC 3261 §9.1, §16.8, §17 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SipError } from '../base/errors.ts';
import { Router, script } from '../route/router.ts';
import { MALLORY, mallorysTown, request, statusOf, TARGET } from '../testing/mallory.ts';
import { Stranger } from '../testing/stranger.ts';
import { type Town, town } from '../testing/town.ts';
import { openRegistrar } from '../testing/town-scripts.ts';

/** After this every timer of RFC 3261 has run out, timer C and what follows it included. */
const ALL_TIMERS_MS = 300_000;

async function isEmptyInTheEnd(t: Town): Promise<void> {
  await t.run(ALL_TIMERS_MS);
  assert.deepEqual([t.exchange.layer.count, t.exchange.layer.slab.bytesUsed], [0, 0]);
  t.stop();
}

test('a phone that rings and ignores the CANCEL is given up', async () => {
  const { t } = await mallorysTown(openRegistrar);
  t.phone('bob').answers = 'ring';
  t.phone('bob').misbehaves.ignoresCancel = true;
  const call = t.phone('alice').dial('sip:bob@example.com');
  await t.run(1_000);

  call.hangUp();
  await t.run(40_000);

  assert.deepEqual([call.state, call.status], ['ended', 487]);
  await isEmptyInTheEnd(t);
});

test('a phone that rings for ever is given up by timer C', async () => {
  const { t } = await mallorysTown(openRegistrar);
  t.phone('bob').answers = 'ring';
  t.phone('bob').misbehaves.ignoresCancel = true;
  const call = t.phone('alice').dial('sip:bob@example.com');

  await t.run(190_000);

  assert.deepEqual([call.state, call.status], ['ended', 408]);
  await isEmptyInTheEnd(t);
});

test('refusals that are never acknowledged are forgotten', async () => {
  const { t, mallory } = await mallorysTown(openRegistrar);

  for (let i = 0; i < 1_000; i++) mallory.send(request({ uri: `sip:nobody${i}@example.com` }));
  await t.run(100);

  assert.deepEqual(new Set(mallory.heard.map(statusOf)), new Set([404]));
  await isEmptyInTheEnd(t);
});

test('calls that were answered and are never acknowledged are forgotten', async () => {
  const { t, mallory } = await mallorysTown(openRegistrar);

  for (let i = 0; i < 100; i++) mallory.send(request({ callId: `c${i}` }));
  await t.run(2_000);

  assert.equal(mallory.heard.filter((text) => statusOf(text) === 200).length >= 100, true);
  await isEmptyInTheEnd(t);
});

test('who gave up while the route was thinking hears 487, though the route throws afterwards', async () => {
  const { promise, reject } = Promise.withResolvers<never>();
  const t = await town(
    script(() => new Router().request(() => promise)),
    { people: {} },
  );
  const mallory = await new Stranger(t.world, MALLORY, TARGET).open();
  const invite = request();

  mallory.send(invite);
  await t.run(100);
  mallory.send(invite.replaceAll('INVITE', 'CANCEL'));
  await t.run(100);
  reject(new Error('the database is gone'));
  await t.run(100);

  assert.deepEqual(mallory.heard.map(statusOf), [200, 487]);
  await isEmptyInTheEnd(t);
});

test('a route that never decides is answered 500 after five seconds', async () => {
  const t = await town(
    script(() => new Router().request(() => new Promise<never>(() => {}))),
    { people: {} },
  );
  const mallory = await new Stranger(t.world, MALLORY, TARGET).open();

  mallory.send(request());
  mallory.send(request({ method: 'MESSAGE' }));
  await t.run(7_000);

  assert.deepEqual(new Set(mallory.heard.map(statusOf)), new Set([100, 500]));
  await isEmptyInTheEnd(t);
});

test('a failure that cannot be answered as it should is answered 500', async () => {
  const t = await town(
    script(() =>
      new Router().request(async () => {
        throw new SipError('BAD_EXTENSION', 420, 'no', { Unsupported: 'two\r\nlines' });
      }),
    ),
    { people: {} },
  );
  const mallory = await new Stranger(t.world, MALLORY, TARGET).open();

  mallory.send(request());
  await t.run(1_000);

  assert.deepEqual(mallory.heard.map(statusOf), [500]);
  await isEmptyInTheEnd(t);
});
