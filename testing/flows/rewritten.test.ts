/** Scripts that put other bodies, statuses and reasons into what they relay. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RelayOptions, type RequestContext, Router, script, serial } from '../../src/index.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { type Town, town } from '../../src/testing/town.ts';
import { CALLER, hands } from './by-hand.ts';
import { at, HOSTS } from './flow.ts';

const BOB = 'sip:bob@example.com';
const people = Object.fromEntries(
  (['alice', 'bob', 'carol'] as const).map((name) => [name, { host: HOSTS[name] }]),
);

async function townOf(
  options: RelayOptions<{}>,
  edit: (c: RequestContext) => void = () => {},
): Promise<Town> {
  return town(
    script(() =>
      new Router().request((c) => {
        edit(c);
        return c.relay(serial(at('bob'), at('carol')), options);
      }),
    ),
    { people },
  );
}

async function over(t: Town): Promise<void> {
  await assertQuiet(t);
  t.stop();
}

test('SDP that is rewritten both ways arrives whole, with its length', async () => {
  const t = await townOf(
    {
      onReply: (r) => {
        if (r.res.body !== '') r.res.setBody(r.res.body.replaceAll(HOSTS.bob, '198.51.100.200'));
        return r.pass();
      },
    },
    (c) => {
      if (c.req.body !== '') c.req.setBody(c.req.body.replaceAll(HOSTS.alice, '198.51.100.100'));
    },
  );
  t.phone('bob').answers = { afterMs: 0, sdp: `v=0\r\no=- 1 1 IN IP4 ${HOSTS.bob}\r\ns=-\r\nt=0 0\r\n` };

  const sdp = `v=0\r\no=- 1 1 IN IP4 ${HOSTS.alice}\r\ns=-\r\nt=0 0\r\n`;
  const call = t.phone('alice').dial(BOB, { sdp });
  await t.run(1_000);

  const invite = t.phone('bob').incoming[0]?.invite;
  assert.equal(invite?.body, sdp.replace(HOSTS.alice, '198.51.100.100'));
  assert.equal(Number(invite?.headers.get('Content-Length')), invite?.body.length);
  const answer = call.responses.find(({ status }) => status === 200);
  assert.match(answer?.body ?? '', /198\.51\.100\.200/);
  assert.equal(Number(answer?.headers.get('Content-Length')), answer?.body.length);
  call.hangUp();
  await t.run(100);
  await over(t);
});

test('a branch has its own body, and the next one that of the request', async () => {
  const t = await townOf({
    onBranch: (b) => {
      if (b.index === 0) b.req.setBody(Uint8Array.of(0, 255, 13, 10), 'application/octet-stream');
      return b.send();
    },
  });
  t.phone('bob').answers = { afterMs: 0, status: 486 };

  const call = t.phone('alice').dial(BOB, { sdp: 'v=0\r\n' });
  await t.run(2_000);
  call.hangUp();
  await t.run(100);

  const [first, second] = [t.phone('bob').incoming[0]?.invite, t.phone('carol').incoming[0]?.invite];
  assert.deepEqual(
    [first?.body, first?.headers.get('Content-Type')],
    ['\0\xff\r\n', 'application/octet-stream'],
  );
  assert.deepEqual([second?.body, second?.headers.get('Content-Type')], ['v=0\r\n', 'application/sdp']);
  await over(t);
});

// [bob's, the route's change, carol's, what the caller is told]
const statuses: readonly (readonly [number, RelayOptions<{}>['onReply'] & {}, number, string])[] = [
  [404, (r) => r.pass({ status: 480 }), 404, '480 Temporarily Unavailable'],
  [404, (r) => r.pass({ status: 480, reason: 'Nobody There' }), 404, '480 Nobody There'],
  [404, (r) => r.pass({ reason: 'Nobody There' }), 404, '404 Nobody There'],
  // What it was changed into counts: a 603 ends the plan, a 486 in its place moves it on.
  [603, (r) => r.pass(r.status === 603 ? { status: 486 } : {}), 410, '486 Busy Here'],
  [404, (r) => r.pass(r.status === 404 ? { status: 603 } : {}), 410, '603 Decline'],
];

for (const [status, onReply, carols, told] of statuses) {
  test(`${status} leaves as the reply route has it, and counts as such: ${told}`, async () => {
    const t = await townOf({ onReply });
    t.phone('bob').answers = { afterMs: 0, status };
    t.phone('carol').answers = { afterMs: 0, status: carols };

    const call = t.phone('alice').dial(BOB);
    await t.run(1_000);

    const last = call.responses.at(-1);
    assert.equal(`${last?.status} ${last?.reason}`, told);
    assert.equal(t.phone('carol').incoming.length, told.startsWith('603') ? 0 : 1);
    await over(t);
  });
}

test('a 200 that is to become a refusal goes on as it is, and the log says why', async () => {
  const t = await townOf({ onReply: (r) => r.pass(r.status === 200 ? { status: 486 } : {}) });

  const call = t.phone('alice').dial(BOB);
  await t.run(2_000);
  assert.equal(call.state, 'talking');
  call.hangUp();
  await t.run(100);

  assert.match(JSON.stringify(t.world.logged), /a 200 cannot become a 486.*"line":\d+/);
  await over(t);
});

test('a 183 leaves as 180, without its session', async () => {
  const t = await town(
    script(() =>
      new Router().invite((c) =>
        c.relay(at('bob'), {
          onReply: (r) => {
            if (r.status !== 183) return r.pass();
            r.res.setBody('');
            return r.pass({ status: 180 });
          },
        }),
      ),
    ),
    { people: {} },
  );
  const [caller, bob] = await hands(t, CALLER, HOSTS.bob);
  assert.ok(caller !== undefined && bob !== undefined);
  caller.ask('INVITE', BOB);
  await t.run(100);

  bob.answer(bob.got('INVITE'), 183, 'bob', [['Content-Type', 'application/sdp']], 'v=0\r\n');
  await t.run(100);

  const told = caller.answers().find(({ status }) => status === 180);
  assert.deepEqual([told?.reason, told?.body, told?.headers.get('Content-Type')], ['Ringing', '', undefined]);
  bob.answer(bob.got('INVITE'), 486, 'bob');
  await t.run(100);
  t.stop();
});

test('a failure route answers with a body', async () => {
  const type = { 'Content-Type': 'text/plain' };
  const t = await townOf({ onFailure: (f) => f.reply(480, 'Gone Fishing', type, 'back at six') });
  for (const name of ['bob', 'carol']) t.phone(name).answers = { afterMs: 0, status: 486 };

  const call = t.phone('alice').dial(BOB);
  await t.run(1_000);

  const last = call.responses.at(-1);
  assert.deepEqual([last?.status, last?.reason, last?.body], [480, 'Gone Fishing', 'back at six']);
  await over(t);
});
