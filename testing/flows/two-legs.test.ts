/** Calls of two legs, as the phones on both sides see them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script } from '../../src/route/router.ts';
import type { SipMessage } from '../../src/sip/message.ts';
import { parseMessage } from '../../src/sip/parse.ts';
import { parseUri, type Uri } from '../../src/sip/uri.ts';
import type { Call } from '../../src/testing/phone-call.ts';
import type { DialledCall } from '../../src/testing/phone-dialled.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { type Town, town, type TownOptions } from '../../src/testing/town.ts';
import { type B2bOptions, b2bTo } from '../../src/agent/b2b.ts';
import type { CalleePlan } from '../../src/agent/hunt.ts';

const HOSTS = { alice: '192.0.2.11', bob: '192.0.2.12', carol: '192.0.2.13' };
type Name = keyof typeof HOSTS;
const BOB = 'sip:bob@example.com';

/** Where somebody's phone is. */
function at(name: Name): { uri: Uri } {
  return { uri: parseUri(`sip:${name}@${HOSTS[name]}:5060`) };
}

/** A town whose exchange stands between the two sides of every call. */
async function townOf(
  plan: CalleePlan | ((user: string) => CalleePlan),
  options: B2bOptions = {},
  more: Partial<TownOptions> = {},
): Promise<Town> {
  const planFor = typeof plan === 'function' ? plan : (): CalleePlan => plan;
  const people = { alice: { host: HOSTS.alice }, bob: { host: HOSTS.bob }, carol: { host: HOSTS.carol } };
  return town(
    script(() => new Router().invite((c) => c.answer(b2bTo(planFor(c.uri.user ?? ''), options)))),
    { people, ...more },
  );
}

/** Nothing of any call is left, dialogs included. */
async function over(t: Town): Promise<void> {
  await assertQuiet(t);
  assert.equal(t.exchange.agent.dialogCount, 0, 'no dialog is left');
  t.stop();
}

async function talking(
  t: Town,
  options: Parameters<ReturnType<Town['phone']>['dial']>[1] = {},
): Promise<DialledCall> {
  const call = t.phone('alice').dial(BOB, options);
  await t.run(3_000);
  assert.equal(call.state, 'talking');
  return call;
}

function callOf(t: Town, name: Name): Call {
  const call = t.phone(name).calls.at(-1);
  assert.ok(call !== undefined, `${name} has a call`);
  return call;
}

/** Everything that one host was sent. */
function sentTo(t: Town, name: Name): SipMessage[] {
  return t.net.trace.entries
    .filter(({ toHost }) => toHost === HOSTS[name])
    .map(({ text }) => parseMessage(text))
    .filter((message) => message.kind !== 'bad');
}

for (const who of ['caller', 'callee'] as const) {
  test(`the ${who} hangs up and both legs end`, async () => {
    const t = await townOf(at('bob'));
    const call = await talking(t);
    const bob = callOf(t, 'bob');
    assert.equal(bob.state, 'talking');
    (who === 'caller' ? call : bob).hangUp();
    await t.run(1_000);

    assert.deepEqual([call.endedBy, bob.endedBy], who === 'caller' ? ['us', 'them'] : ['them', 'us']);
    assert.deepEqual(
      t.cdrs().map(({ status, endedBy }) => [status, endedBy]),
      [[200, who]],
    );
    await over(t);
  });
}

test('nothing of one leg appears on the other, but the bodies do', async () => {
  const t = await townOf(at('bob'));
  const call = await talking(t, {
    headers: [
      ['X-Account', '17'],
      ['User-Agent', 'alices-phone'],
    ],
  });
  const bob = callOf(t, 'bob');
  await t.world.until(call.request('INFO', { body: 'Signal=1', contentType: 'application/dtmf-relay' }));
  call.hangUp();
  await t.run(1_000);

  const toBob = sentTo(t, 'bob');
  assert.ok(toBob.length >= 4);
  for (const { text } of toBob) {
    for (const secret of [call.callId, call.localTag, 'alices-phone', `Via: SIP/2.0/UDP ${HOSTS.alice}`]) {
      assert.ok(!text.includes(secret), `${secret} in\n${text}`);
    }
    assert.ok(!/^(Contact|Record-Route|Route):.*192\.0\.2\.11/im.test(text), text);
  }
  for (const { text } of sentTo(t, 'alice')) {
    for (const secret of [bob.callId, bob.localTag])
      assert.ok(!text.includes(secret), `${secret} in\n${text}`);
    assert.ok(!/^(Contact|Record-Route|Via):.*192\.0\.2\.12/im.test(text), text);
  }
  const [invite] = t.phone('bob').received;
  assert.equal(invite?.headers.get('X-Account'), '17');
  assert.match(bob.remoteSdp, /192\.0\.2\.11/);
  assert.match(call.remoteSdp, /192\.0\.2\.12/);
  const info = bob.received.find(({ method }) => method === 'INFO');
  assert.deepEqual([info?.body, info?.headers.get('Content-Type')], ['Signal=1', 'application/dtmf-relay']);
  await over(t);
});

const refusals: readonly (readonly [number, number])[] = [
  [486, 486],
  [603, 603],
  [404, 404],
  [401, 403],
  [407, 403],
  [302, 480],
];
for (const [status, shown] of refusals) {
  test(`a callee's ${status} is the caller's ${shown}`, async () => {
    const t = await townOf(at('bob'));
    t.phone('bob').answers = { afterMs: 0, status, headers: [['Contact', '<sip:elsewhere@192.0.2.99>']] };
    const call = t.phone('alice').dial(BOB);
    await t.run(1_000);

    assert.deepEqual([call.state, call.status], ['ended', shown]);
    assert.equal(call.responses.at(-1)?.headers.get('Contact'), undefined);
    await over(t);
  });
}

test('who gives up while it rings ends the other leg', async () => {
  const t = await townOf(at('bob'));
  t.phone('bob').answers = 'ring';
  const call = t.phone('alice').dial(BOB);
  await t.run(2_000);
  call.hangUp();
  await t.run(1_000);

  assert.deepEqual([call.status, callOf(t, 'bob').status], [487, 487]);
  await over(t);
});

test('who rings on, deaf to CANCEL, holds up the next one for two seconds, and later is hung up on', async () => {
  const t = await townOf({ serial: [{ ...at('bob'), ringMs: 3_000 }, at('carol')] });
  t.phone('bob').answers = { afterMs: 9_000 };
  t.phone('bob').misbehaves.ignoresCancel = true;
  const call = t.phone('alice').dial(BOB);
  await t.run(7_000);
  assert.equal(callOf(t, 'carol').state, 'talking');
  await t.run(40_000);

  assert.deepEqual(
    [call.state, callOf(t, 'bob').state, callOf(t, 'bob').endedBy],
    ['talking', 'ended', 'them'],
  );
  call.hangUp();
  await t.run(1_000);
  await over(t);
});

test('several are rung at once: one answers, the other is cancelled', async () => {
  const t = await townOf({ parallel: [at('bob'), at('carol')] });
  t.phone('bob').answers = 'ring';
  const call = await talking(t);

  assert.equal(callOf(t, 'carol').state, 'talking');
  assert.equal(callOf(t, 'bob').status, 487);
  call.hangUp();
  await t.run(1_000);
  await over(t);
});

test('two who answer at once: one is talked with, the other hung up on', async () => {
  const t = await townOf({ parallel: [at('bob'), at('carol')] });
  t.phone('bob').answers = { afterMs: 0 };
  t.phone('carol').answers = { afterMs: 0 };
  const call = await talking(t);

  assert.deepEqual([callOf(t, 'bob').state, callOf(t, 'carol').state], ['talking', 'ended']);
  call.hangUp();
  await t.run(1_000);
  await over(t);
});

test('the next one is rung when the first is busy', async () => {
  const t = await townOf({ serial: [at('bob'), at('carol')] });
  t.phone('bob').answers = { afterMs: 0, status: 486 };
  const call = await talking(t);

  assert.equal(callOf(t, 'carol').state, 'talking');
  call.hangUp();
  await t.run(1_000);
  await over(t);
});

test('a callee who declines for all ends the hunt', async () => {
  const t = await townOf({ serial: [at('bob'), at('carol')] });
  t.phone('bob').answers = { afterMs: 0, status: 603 };
  const call = t.phone('alice').dial(BOB);
  await t.run(1_000);

  assert.equal(call.status, 603);
  assert.equal(t.phone('carol').calls.length, 0);
  await over(t);
});

test('a dead callee counts as silent', async () => {
  const t = await townOf(at('bob'));
  t.phone('bob').close();
  const call = t.phone('alice').dial(BOB);
  await t.run(8_000);

  assert.equal(call.status, 408);
  await t.run(32_000); // What was sent to him is repeated so long: nobody said that it is over.
  await over(t);
});

test('without an offer the callee makes it, and the answer comes with the ACK', async () => {
  const t = await townOf(at('bob'));
  const call = await talking(t, { sdp: '' });

  assert.match(call.remoteSdp, /192\.0\.2\.12/);
  const acks = callOf(t, 'bob').received.filter(({ method }) => method === 'ACK');
  assert.equal(acks.length, 1);
  call.hangUp();
  await t.run(1_000);
  await over(t);
});

test('requests within the call go to the far end, and its answer comes back', async () => {
  const t = await townOf(at('bob'));
  const call = await talking(t);
  const bob = callOf(t, 'bob');
  for (const method of ['INFO', 'UPDATE', 'MESSAGE', 'OPTIONS']) {
    const body = method === 'OPTIONS' ? {} : { body: 'v=0\r\n', contentType: 'application/sdp' };
    assert.equal(await t.world.until(call.request(method, body)), 200, method);
    assert.equal(bob.received.at(-1)?.method, method);
  }
  const invite = await t.world.until(bob.request('INFO'));

  assert.equal(invite, 200);
  call.hangUp();
  await t.run(1_000);
  await over(t);
});

test('when the far end knows nothing of the call any more, the caller is hung up on', async () => {
  const t = await townOf(at('bob'));
  const call = await talking(t);
  const bob = t.phone('bob');
  bob.calls.length = 0;

  assert.equal(await t.world.until(call.request('INFO')), 481);
  await t.run(1_000);
  assert.deepEqual([call.state, call.endedBy], ['ended', 'them']);
  await over(t);
});

test('credit that is used up ends both legs', async () => {
  const t = await townOf(at('bob'), { talkMsMax: 5_000 });
  const call = await talking(t);
  await t.run(5_000);

  assert.deepEqual([call.endedBy, callOf(t, 'bob').endedBy], ['them', 'them']);
  await over(t);
});

test('a call with no hops left is refused', async () => {
  const t = await townOf(at('bob'));
  const call = t.phone('alice').dial(BOB, { headers: [['Max-Forwards', 1]] });
  await t.run(1_000);

  assert.ok(call.status === 483 || call.status === 400);
  await over(t);
});

test('when both sides change the call at once, one of them is told 491', async () => {
  const t = await townOf(at('bob'));
  const call = await talking(t);
  const bob = callOf(t, 'bob');
  const offer = { body: 'v=0\r\n', contentType: 'application/sdp' };
  const statuses = await t.world.until(
    Promise.all([call.request('INVITE', offer), bob.request('INVITE', offer)]),
  );

  assert.ok(statuses.includes(491), statuses.join(' '));
  await t.run(40_000); // A phone's bare request sends no ACK, so the call ends as one whose ACK never came.
  assert.deepEqual([call.state, bob.state], ['ended', 'ended']);
  await over(t);
});

test('a change that needs what we do not know leaves the call as it was', async () => {
  const t = await townOf(at('bob'));
  const call = await talking(t);
  const refused = await t.world.until(call.request('INVITE', { headers: [['Require', 'nonsense']] }));

  assert.equal(refused, 420);
  assert.equal(call.state, 'talking');
  call.hangUp();
  await t.run(1_000);
  await over(t);
});
