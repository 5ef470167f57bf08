import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Plan } from '../proxy/plan.ts';
import type { Callee } from '../route/user-services.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import { fakes } from '../testing/fakes.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { CallLimits } from './call-limits.ts';
import { Callees } from './callees.ts';
import { Hours } from './hours.ts';
import { DELAY_MS_MAX } from './kinds-of-domains.ts';
import { Provisions } from './provisions.ts';
import { GROUPS_MAX, MEMBERS_MAX, planOf } from './ring-plan.ts';
import { UserLimits } from './user-limits.ts';

const DOMAIN = 'example.com';

/** Everybody whose name begins with u has an account and one phone. */
function open(): {
  clock: SimClock;
  callees: Callees;
  add(group: string, members: readonly string[]): Promise<void>;
} {
  const clock = new SimClock();
  const unreadable = (table: string, why: string): void => assert.fail(`${table}: ${why}`);
  const provisions = new Provisions({ writer: new MemoryWriter(clock), clock, unreadable });
  const { numbers, callers } = fakes();
  const callees = new Callees({
    provisions,
    hours: new Hours(provisions, clock),
    numbers,
    limits: new UserLimits(provisions, numbers, new CallLimits(clock)),
    callers,
    isAccount: (user) => user.startsWith('u'),
    isLocal: (host) => host === DOMAIN,
    lookup: (uri) => Promise.resolve([{ uri }]),
    turns: new Map(),
  });
  const add = async (group: string, members: readonly string[]): Promise<void> => {
    const { ringGroups, ringMembers } = provisions;
    await clock.until(ringGroups.add({ group: `${group}@${DOMAIN}` }));
    for (const member of members)
      await clock.until(ringMembers.add({ group: `${group}@${DOMAIN}`, member: `${member}@${DOMAIN}` }));
  };
  return { clock, callees, add };
}

const group = (user: string): Callee => ({ user, domain: DOMAIN, group: true });

function usersIn(plan: Plan | undefined): readonly string[] {
  if (plan === undefined) return [];
  if ('parallel' in plan) return plan.parallel.flatMap(usersIn);
  return 'serial' in plan ? plan.serial.flatMap(usersIn) : [plan.uri.user ?? ''];
}

/** Who waits how long. */
function waitsIn(plan: Plan | undefined): readonly (readonly [string | undefined, number | undefined])[] {
  if (plan === undefined) return [];
  if ('parallel' in plan) return plan.parallel.flatMap(waitsIn);
  return 'serial' in plan ? plan.serial.flatMap(waitsIn) : [[plan.uri.user, plan.waitMs]];
}

test('as many members ring as a call has branches, and not one more', async () => {
  const { clock, callees, add } = open();
  await add(
    'g',
    Array.from({ length: MEMBERS_MAX + 1 }, (_, n) => `u${n}`),
  );

  const found = await clock.until(planOf(callees, group('g'), {}));

  assert.equal(usersIn(found?.plan).length, MEMBERS_MAX);
});

test('a group within a group rings with it, and groups within each other ring once', async () => {
  const { clock, callees, add } = open();
  await add('g1', ['u1', 'g2']);
  await add('g2', ['u2', 'g1']);

  const found = await clock.until(planOf(callees, group('g1'), {}));

  assert.deepEqual(usersIn(found?.plan), ['u1', 'u2']);
});

test('so many groups ring for one call, and not one more', async () => {
  const { clock, callees, add } = open();
  for (let n = 1; n <= GROUPS_MAX + 1; n++) await add(`g${n}`, [`u${n}`, `g${n + 1}`]);

  const found = await clock.until(planOf(callees, group('g1'), {}));

  assert.equal(usersIn(found?.plan).length, GROUPS_MAX);
});

test('of a member with a delay every phone that would ring first waits, in groups within groups too', async () => {
  const { clock, callees, add } = open();
  const { ringGroups, ringMembers } = callees.parts.provisions;
  await add('g', ['u1']);
  await add('inner', ['u2']);
  await clock.until(ringGroups.set({ group: `inner@${DOMAIN}`, strategy: 'serial' }));
  const of = (name: string, member: string, more: object): Promise<unknown> =>
    clock.until(ringMembers.import([{ group: `${name}@${DOMAIN}`, member: `${member}@${DOMAIN}`, ...more }]));
  await of('g', 'inner', { delayMs: DELAY_MS_MAX });
  await of('inner', 'u2', { position: 1, delayMs: 500 });
  await of('inner', 'u3', { position: 2 });

  const found = await clock.until(planOf(callees, group('g'), {}));

  assert.deepEqual(waitsIn(found?.plan), [
    ['u1', undefined],
    ['u2', DELAY_MS_MAX + 500],
    ['u3', undefined],
  ]);
  const { refused } = await clock.until(
    ringMembers.import([
      { group: `g@${DOMAIN}`, member: `u1@${DOMAIN}`, delayMs: DELAY_MS_MAX + 1 },
      { group: `g@${DOMAIN}`, member: `u1@${DOMAIN}`, delayMs: 0 },
    ]),
  );
  assert.deepEqual(
    refused.map(({ row }) => row),
    [1],
  );
});

test('a group without anybody who is there has no plan', async () => {
  const { clock, callees, add } = open();
  await add('g', ['nobody']);

  assert.equal(await clock.until(planOf(callees, group('g'), {})), undefined);
});
