/** People whose calls are all of two legs, and what a test asks of those that are transferred. */
import assert from 'node:assert/strict';
import { type B2bOptions, b2bTo } from '../../src/agent/b2b.ts';
import type { Callee, CalleePlan } from '../../src/agent/hunt.ts';
import { Router, script } from '../../src/route/router.ts';
import { parseUri } from '../../src/sip/uri.ts';
import type { Call } from '../../src/testing/phone-call.ts';
import type { DialledCall } from '../../src/testing/phone-dialled.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { type Town, town } from '../../src/testing/town.ts';

const HOSTS: Readonly<Record<string, string>> = {
  alice: '192.0.2.11',
  bob: '192.0.2.12',
  carol: '192.0.2.13',
  dave: '192.0.2.14',
};

/** Where somebody's phone is. */
export function phoneOf(user = ''): Callee {
  return { uri: parseUri(`sip:${user}@${HOSTS[user] ?? '192.0.2.99'}:5060`) };
}

/** `plans`: whom names that are no phone's ring. */
export async function townOf(
  options: B2bOptions,
  plans: Readonly<Record<string, CalleePlan>> = {},
): Promise<Town> {
  const people = Object.fromEntries(Object.entries(HOSTS).map(([name, host]) => [name, { host }]));
  const planOf = (user = ''): CalleePlan => plans[user] ?? phoneOf(user);
  return town(
    script(() => new Router().invite((c) => c.answer(b2bTo(planOf(c.uri.user), options)))),
    { people },
  );
}

/** Ends the town when nothing of any call is left. */
export async function over(t: Town): Promise<void> {
  await assertQuiet(t);
  assert.equal(t.exchange.agent.dialogCount, 0, 'no dialog is left');
  t.stop();
}

/** One calls another, who answers. */
export async function talking(t: Town, from: string, to: string): Promise<DialledCall> {
  const call = t.phone(from).dial(`sip:${to}@example.com`);
  await t.run(3_000);
  assert.equal(call.state, 'talking');
  return call;
}

/** The last call that somebody made or got. */
export function lastCall(t: Town, name: string): Call {
  const call = t.phone(name).calls.at(-1);
  assert.ok(call !== undefined, `${name} has a call`);
  return call;
}

/** What the referrer was told: the status line of each NOTIFY, and whether it was the last. */
export function told(call: Call): string[] {
  return call.received
    .filter(({ method }) => method === 'NOTIFY')
    .map(({ headers, body }) => `${body.trim()} ${headers.get('Subscription-State')?.split(';')[0] ?? ''}`);
}

/** How the peer of a call names it: call id, the other side's tag, its own. */
export function replacesOf(call: DialledCall): string {
  const ours = call.responses.at(-1)?.toTag ?? '';
  return `${call.callId};to-tag=${ours};from-tag=${call.localTag}`;
}
