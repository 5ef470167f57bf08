import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Plan, Target } from '../proxy/plan.ts';
import { parseUri } from '../sip/uri.ts';
import { registrar, type Registrar, save } from '../testing/registering.ts';
import { type PushEvent, WAITING_MAX, WAKE_MS_MAX, WakeUps } from './wake-ups.ts';

const BOB = parseUri('sip:bob@example.com');

function bench(): Registrar & { wakeUps: WakeUps; pushed: PushEvent[] } {
  const r = registrar({ maxContacts: 10 });
  const pushed: PushEvent[] = [];
  const { clock, location } = r;
  return { ...r, pushed, wakeUps: new WakeUps({ clock, location, push: (event) => pushed.push(event) }) };
}

function phone(r: Registrar, prid: string, host: string, cseq = 1): void {
  save(r, {
    lines: [`Contact: <sip:bob@${host};pn-provider=fcm;pn-param=app;pn-prid=${prid}>`],
    callId: prid,
    cseq,
  });
}

/** What became of a target that was not there; undefined as long as it waits. */
function watch(target: Target | undefined): { plan?: Plan | undefined; settled: boolean } {
  const seen: { plan?: Plan | undefined; settled: boolean } = { settled: false };
  void target?.late?.then((plan) => Object.assign(seen, { plan, settled: true }));
  return seen;
}

function uriOf(plan: Plan | undefined): string | undefined {
  return plan !== undefined && 'uri' in plan ? plan.uriText : undefined;
}

test('who is awake rings at once, who sleeps is pushed and rings where it has come', async () => {
  const b = bench();
  save(b, { lines: ['Contact: <sip:desk@h>'], callId: 'desk' });
  phone(b, 'x', '10.0.0.5');

  const [sleeper, desk] = b.wakeUps.wake(BOB);
  const seen = watch(sleeper);
  await b.clock.run(2_000);
  assert.deepEqual([desk?.uriText, desk?.late, seen.settled], ['sip:desk@h', undefined, false]);
  phone(b, 'x', '10.0.0.9', 2);
  await b.clock.run(1);

  assert.deepEqual(b.pushed, [
    {
      aor: 'bob@example.com',
      uri: 'sip:bob@10.0.0.5;pn-provider=fcm;pn-param=app;pn-prid=x',
      provider: 'fcm',
      param: 'app',
      prid: 'x',
    },
  ]);
  assert.match(uriOf(seen.plan) ?? '', /^sip:bob@10\.0\.0\.9;/);
});

test('a refresh of the same Contact is an awakening too, another phone is none', async () => {
  const b = bench();
  phone(b, 'x', '10.0.0.5');
  phone(b, 'y', '10.0.0.6');
  const [y, x] = b.wakeUps.wake(BOB).map(watch);

  phone(b, 'x', '10.0.0.5', 2);
  await b.clock.run(1);

  assert.deepEqual([x?.settled, y?.settled], [true, false]);
});

test('nobody comes: after the time the target ends, and no time is longer than the longest', async () => {
  const b = bench();
  phone(b, 'x', '10.0.0.5');
  const [usual] = b.wakeUps.wake(BOB).map(watch);
  const [long] = b.wakeUps.wake(BOB, 10 * WAKE_MS_MAX).map(watch);

  await b.clock.run(9_999);
  assert.equal(usual?.settled, false);
  await b.clock.run(1);
  assert.deepEqual(usual, { settled: true, plan: undefined });
  await b.clock.run(WAKE_MS_MAX - 10_001);
  assert.equal(long?.settled, false);
  await b.clock.run(1);

  assert.equal(long?.settled, true);
});

test('a phone that is waited for is not pushed again, and rings for all who wait', async () => {
  const b = bench();
  phone(b, 'x', '10.0.0.5');
  const seen = [1, 2, 3].flatMap(() => b.wakeUps.wake(BOB).map(watch));
  phone(b, 'x', '10.0.0.5', 2);
  await b.clock.run(1);
  const settled = seen.map((one) => one.settled);
  b.wakeUps.wake(BOB);

  assert.deepEqual([settled, b.pushed.length], [[true, true, true], 2]);
});

test('no more calls wait for phones than may: one beyond rings what is known', async () => {
  const b = bench();
  phone(b, 'x', '10.0.0.5');

  for (let i = 0; i < WAITING_MAX; i++) assert.notEqual(b.wakeUps.wake(BOB)[0]?.late, undefined);
  assert.equal(b.wakeUps.wake(BOB)[0]?.late, undefined);
  await b.clock.run(10_000);

  assert.notEqual(b.wakeUps.wake(BOB)[0]?.late, undefined, 'they have gone');
});
