import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byPreference, type Plan, type Target } from './plan.ts';

const target = (host: string, q?: number): Target => ({ uri: { scheme: 'sip', host, params: {} }, q });

/** `a`, `(a b)` parallel, `[a b]` serial. */
function drawn(plan: Plan): string {
  if ('parallel' in plan) return `(${plan.parallel.map(drawn).join(' ')})`;
  if ('serial' in plan) return `[${plan.serial.map(drawn).join(' ')}]`;
  return plan.uri.host;
}

// [contacts, plan]
const cases: readonly [string, Target[], string][] = [
  ['nobody', [], '[]'],
  ['one', [target('a')], 'a'],
  ['equal q ring together', [target('a', 0.5), target('b', 0.5)], '(a b)'],
  ['no q is 1', [target('a'), target('b', 1)], '(a b)'],
  ['lower q after higher', [target('a', 0.2), target('b', 0.8)], '[(b) (a)]'],
  ['groups', [target('a', 0.5), target('b'), target('c', 0.5), target('d', 0)], '[(b) (a c) (d)]'],
];

for (const [what, targets, plan] of cases) {
  test(`by preference: ${what}`, () => assert.equal(drawn(byPreference(targets)), plan));
}
