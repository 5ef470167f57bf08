/** How long a target may be silent for a request that is no INVITE. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parallel, type RelayOptions, Router, script, serial } from '../../src/index.ts';
import type { Plan } from '../../src/proxy/plan.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { type Town, town } from '../../src/testing/town.ts';
import { CALLER, type Hand, hands } from './by-hand.ts';
import { at, HOSTS } from './flow.ts';

const BOB = 'sip:bob@example.com';

/** A town whose script relays so; everybody in it writes by hand, so that nobody answers by himself. */
async function townOf(plan: Plan, options: RelayOptions<{}> = {}): Promise<[Town, Hand, Hand, Hand]> {
  const t = await town(
    script(() => new Router().request((c) => c.relay(plan, options))),
    { people: {} },
  );
  const [caller, bob, carol] = await hands(t, CALLER, HOSTS.bob, HOSTS.carol);
  assert.ok(caller !== undefined && bob !== undefined && carol !== undefined);
  return [t, caller, bob, carol];
}

/** When the first request of this method reached each host, in whole milliseconds. */
function triedAt(t: Town, method: string): (readonly [string, number])[] {
  const first = new Map<string, number>();
  for (const { toHost, text, atMs } of t.net.trace.entries) {
    const isNew = text.startsWith(`${method} sip:`) && toHost !== '192.0.2.1' && !first.has(toHost);
    if (isNew) first.set(toHost, Math.round(atMs / 100) * 100);
  }
  return [...first];
}

async function over(t: Town): Promise<void> {
  await t.run(40_000); // Timer F of what is still waited for.
  await assertQuiet(t);
  t.stop();
}

// [what, plan, options, when carol is tried]
const serialPlans: readonly (readonly [string, Plan, RelayOptions<{}>, number])[] = [
  ['the replyMs of the relay', serial(at('bob'), at('carol')), { replyMs: 2_000 }, 2_000],
  ['that of its target', serial(at('bob', { replyMs: 1_000 }), at('carol')), { replyMs: 2_000 }, 1_000],
  ['5 s unless told', serial(at('bob'), at('carol')), {}, 5_000],
  [
    'less where more than five follow each other',
    serial(at('bob'), serial(...Array.from({ length: 9 }, () => at('carol')))),
    {},
    2_500,
  ],
];

for (const method of ['MESSAGE', 'OPTIONS']) {
  for (const [what, plan, options, dueMs] of serialPlans) {
    test(`${method}: a silent target is passed over after ${what}`, async () => {
      const [t, caller, , carol] = await townOf(plan, options);

      caller.ask(method, BOB);
      await t.run(dueMs + 200);
      carol.answer(carol.got(method), 200, 'carol');
      await t.run(100);

      assert.deepEqual(triedAt(t, method), [
        [HOSTS.bob, 0],
        [HOSTS.carol, dueMs],
      ]);
      assert.deepEqual(
        caller.answers(method).map(({ status }) => status),
        [200],
      );
      await over(t);
    });
  }
}

test('MESSAGE: all of ten silent targets are tried while its sender waits', async () => {
  const [t, caller] = await townOf(serial(...Array.from({ length: 10 }, () => at('bob'))), {
    onFailure: (f) => f.reply(480),
  });

  caller.ask('MESSAGE', BOB);
  await t.run(31_000);

  assert.deepEqual(
    caller.answers('MESSAGE').map(({ status }) => status),
    [480],
  );
  await over(t);
});

test('MESSAGE: the failure route runs when the only target is silent for its time', async () => {
  const seen: string[] = [];
  const [t, caller, bob, carol] = await townOf(at('bob'), {
    replyMs: 2_000,
    onFailure: (f) => {
      seen.push(`${f.status} ${f.timedOut}`);
      return f.relay(at('carol'));
    },
  });

  caller.ask('MESSAGE', BOB);
  await t.run(2_200);
  carol.answer(carol.got('MESSAGE'), 202, 'carol');
  await t.run(100);
  bob.answer(bob.got('MESSAGE'), 200, 'bob'); // Too late.
  await t.run(100);

  assert.deepEqual(seen, ['408 true']);
  assert.deepEqual(
    caller.answers('MESSAGE').map(({ status }) => status),
    [202],
  );
  await over(t);
});

test('MESSAGE: a target that was given up still has the last word while nobody else has had it', async () => {
  const [t, caller, bob] = await townOf(serial(at('bob'), at('carol')), { replyMs: 1_000 });

  caller.ask('MESSAGE', BOB);
  await t.run(1_500);
  bob.answer(bob.got('MESSAGE'), 200, 'bob');
  await t.run(100);

  assert.deepEqual(
    caller.answers('MESSAGE').map(({ status }) => status),
    [200],
  );
  await over(t);
});

test('MESSAGE: where nothing follows, a target is waited for past its time: a 408 may not be told', async () => {
  const [t, caller, bob] = await townOf(at('bob'), { replyMs: 1_000 });

  caller.ask('MESSAGE', BOB);
  await t.run(9_000);
  bob.answer(bob.got('MESSAGE'), 404, 'bob');
  await t.run(100);

  assert.deepEqual(
    caller.answers('MESSAGE').map(({ status }) => status),
    [404],
  );
  await over(t);
});

test('MESSAGE: the failure of one is told when the others are silent for their time', async () => {
  const [t, caller, bob] = await townOf(parallel(at('bob'), at('carol')), { replyMs: 2_000 });

  caller.ask('MESSAGE', BOB);
  await t.run(3_000); // Carol's time is over when there is nothing to tell yet.
  bob.answer(bob.got('MESSAGE'), 404, 'bob');
  await t.run(2_000);

  assert.deepEqual(
    caller.answers('MESSAGE').map(({ status }) => status),
    [404],
  );
  await over(t);
});

test('MESSAGE: who has said 100 is not silent', async () => {
  const [t, caller, bob] = await townOf(serial(at('bob'), at('carol')), { replyMs: 1_000 });

  caller.ask('MESSAGE', BOB);
  await t.run(500);
  bob.answer(bob.got('MESSAGE'), 100, '');
  await t.run(9_000);
  bob.answer(bob.got('MESSAGE'), 200, 'bob');
  await t.run(100);

  assert.deepEqual(triedAt(t, 'MESSAGE'), [[HOSTS.bob, 0]]);
  assert.deepEqual(
    caller.answers('MESSAGE').map(({ status }) => status),
    [200],
  );
  await over(t);
});
