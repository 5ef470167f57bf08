import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type RelayOptions,
  type RequestContext,
  type RequestDecision,
  Router,
  script,
  serial,
} from '../../src/index.ts';
import { SipRequest } from '../../src/sip/message.ts';
import { parseMessage } from '../../src/sip/parse.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { town } from '../../src/testing/town.ts';
import { at } from './flow.ts';
import { stepFlow } from './steps.ts';

const BOB = 'sip:bob@example.com';

/** First bob, then carol, with a branch and a reply route that change nothing. */
function bobThenCarol(more: RelayOptions<{}> = {}): (c: RequestContext) => RequestDecision {
  return (c) =>
    c.relay(serial(at('bob'), at('carol')), {
      onBranch: (b) => b.send(),
      onReply: (r) => r.pass(),
      ...more,
    });
}

stepFlow(
  'routes-busy-then-answered',
  'The first is busy, the second answers: request, branch, reply, branch, reply, and the BYE in its dialog',
  () => new Router().invite(bobThenCarol({ onFailure: (f) => f.pass() })),
  async (t, steps) => {
    t.phone('bob').answers = { afterMs: 0, status: 486 };
    const call = t.phone('alice').dial(BOB);
    await t.run(2_000);
    call.hangUp();
    await t.run(100);

    assert.equal(call.byeStatus, 200);
    assert.ok(steps.every(({ route }) => route !== 'failure'));
    assert.match(steps[0]?.at ?? '', /^routes\.test\.ts:\d+$/);
  },
);

stepFlow(
  'routes-all-fail',
  'All fail: the failure route sees the best of them, and lets it go back',
  () => new Router().invite(bobThenCarol({ onFailure: (f) => f.pass() })),
  async (t) => {
    t.phone('bob').answers = { afterMs: 0, status: 486 };
    t.phone('carol').answers = { afterMs: 0, status: 404 };
    const call = t.phone('alice').dial(BOB);
    await t.run(500);

    assert.equal(call.status, 486);
  },
);

stepFlow(
  'routes-cancelled-during-second',
  'The caller gives up while the second rings: no failure route runs',
  () => new Router().invite(bobThenCarol({ onFailure: (f) => f.reply(480) })),
  async (t, steps) => {
    t.phone('bob').answers = { afterMs: 0, status: 486 };
    t.phone('carol').answers = 'ring';
    const call = t.phone('alice').dial(BOB);
    await t.run(500);
    call.hangUp();
    await t.run(500);

    assert.equal(call.status, 487);
    assert.ok(steps.every(({ route }) => route !== 'failure'));
  },
);

stepFlow(
  'routes-answer-crosses-cancel',
  'A 200 crosses our CANCEL: it has the call, and no failure route runs',
  () => new Router().invite(bobThenCarol({ ringMs: 2_000, onFailure: (f) => f.reply(480) })),
  async (t) => {
    t.phone('bob').answers = { afterMs: 2_004, ringMs: 0 };
    t.phone('bob').misbehaves.ignoresCancel = true;
    const call = t.phone('alice').dial(BOB);
    await t.run(3_000);
    assert.equal(call.state, 'talking');
    call.hangUp();
    await t.run(33_000);
  },
);

stepFlow(
  'routes-failure-answers',
  'The failure route answers itself',
  () => new Router().invite(bobThenCarol({ onFailure: (f) => f.reply(480, 'Nobody Here') })),
  async (t) => {
    for (const name of ['bob', 'carol']) t.phone(name).answers = { afterMs: 0, status: 486 };
    const call = t.phone('alice').dial(BOB);
    await t.run(500);

    assert.equal(call.responses.at(-1)?.reason, 'Nobody Here');
  },
);

stepFlow(
  'routes-declined',
  'A 6xx ends the plan: the failure route runs at once',
  () => new Router().invite(bobThenCarol({ onFailure: (f) => f.pass() })),
  async (t) => {
    t.phone('bob').answers = { afterMs: 0, status: 603 };
    const call = t.phone('alice').dial(BOB);
    await t.run(500);

    assert.equal(call.status, 603);
    assert.deepEqual(t.phone('carol').received, []);
  },
);

stepFlow(
  'routes-failure-relays',
  'The failure route relays to somebody else, whose own failure route decides then',
  () =>
    new Router().invite((c) =>
      c.relay(at('bob'), {
        onFailure: (f) => f.relay(at('carol'), { onFailure: (again) => again.reply(480, 'All Asked') }),
      }),
    ),
  async (t) => {
    for (const name of ['bob', 'carol']) t.phone(name).answers = { afterMs: 0, status: 486 };
    const call = t.phone('alice').dial(BOB);
    await t.run(500);

    assert.equal(call.responses.at(-1)?.reason, 'All Asked');
  },
);

stepFlow(
  'routes-global-reply',
  'The global reply route comes before that of the relay, which does not see what the first drops',
  () =>
    new Router()
      .reply((r) => (r.status === 180 ? r.drop() : r.pass()))
      .invite((c) => c.relay(at('bob'), { onReply: (r) => r.pass() })),
  async (t) => {
    const call = t.phone('alice').dial(BOB);
    await t.run(2_000);
    assert.ok(call.responses.every(({ status }) => status !== 180));
    call.hangUp();
    await t.run(100);
  },
);

stepFlow(
  'routes-throw',
  'A branch and a reply route that throw are as good as send and pass; the call goes on',
  () =>
    new Router().invite((c) =>
      c.relay(at('bob'), {
        onBranch: () => fault(),
        onReply: () => fault(),
      }),
    ),
  async (t) => {
    const call = t.phone('alice').dial(BOB);
    await t.run(2_000);
    assert.equal(call.state, 'talking');
    call.hangUp();
    await t.run(100);

    const [first] = t.world.logged.filter(({ level }) => level === 'error');
    assert.match(JSON.stringify(first), /a branch or reply route threw.*"route":"branch".*"line":\d+/);
  },
);

function fault(): never {
  throw new Error('a mistake in the script');
}

test('a route that throws is told with its file, its line and its call', async () => {
  const t = await town(
    script(() => new Router().invite(() => fault())),
    { people: { alice: {} } },
  );
  const steps: string[] = [];
  t.exchange.dispatcher.onStep = ({ route, decision, at: line }) => {
    steps.push(`${route} ${decision} ${line?.replace(/\d+/, 'n')}`);
  };

  const call = t.phone('alice').dial(BOB);
  await t.run(100);

  assert.equal(call.status, 500);
  assert.deepEqual(steps, ['request throws routes.test.ts:n']);
  const facts = JSON.stringify(t.world.logged.find(({ what }) => what === 'a route failed'));
  assert.match(facts, /"call":"[^"]+@192\.0\.2\.11".*routes\.test\.ts","line":\d+/);
  t.stop();
});

test('requests in a dialog go to their own route', async () => {
  const seen: string[] = [];
  const t = await town(
    script(() =>
      new Router()
        .invite((c) => c.relay(at('bob')))
        .inDialog((c) => {
          seen.push(c.method);
          return c.follow();
        }),
    ),
    { people: { alice: { host: '192.0.2.11' }, bob: { host: '192.0.2.12' } } },
  );
  const call = t.phone('alice').dial(BOB);
  await t.run(2_000);
  call.hangUp();
  await t.run(100);

  assert.deepEqual([seen, call.byeStatus], [['BYE'], 200]);
  await assertQuiet(t);
  t.stop();
});

test('each method finds its route, and the rest the one for all others', async () => {
  const t = await town(
    script(() =>
      new Router()
        .message((c) => c.reply(202))
        .options((c) => c.reply(200))
        .request((c) => c.reply(486)),
    ),
    { people: { alice: {} } },
  );

  const statuses = [];
  for (const method of ['MESSAGE', 'OPTIONS', 'NOTIFY']) {
    statuses.push(await t.phone('alice').request(method, BOB));
  }

  assert.deepEqual(statuses, [202, 200, 486]);
  t.stop();
});

test('a script has started before the first message, and its timers run from then on', async () => {
  const said: string[] = [];
  const t = await town(
    script(({ log }) =>
      new Router()
        .startup(() => {
          said.push('startup');
        })
        .timer(10_000, () => log.info('tick'))
        .options((c) => {
          said.push('OPTIONS');
          return c.reply(200);
        }),
    ),
    { people: { alice: {} } },
  );

  await t.phone('alice').request('OPTIONS', 'sip:example.com');
  await t.run(30_000);
  t.stop();
  await t.run(30_000);

  assert.deepEqual(said, ['startup', 'OPTIONS']);
  assert.equal(t.world.logged.filter(({ what }) => what === 'tick').length, 3);
});

test('a script hears of contacts that come, go and expire', async () => {
  const said: string[] = [];
  const t = await town(
    script(({ location }) =>
      new Router()
        .event('contact.added', ({ aor }) => void said.push(`added ${aor}`))
        .event('contact.removed', ({ aor }) => void said.push(`removed ${aor}`))
        .event('contact.expired', ({ aor }) => void said.push(`expired ${aor}`))
        .event('contact.added', () => fault())
        .register((c) => location.save(c)),
    ),
    { people: { alice: {}, bob: {} } },
  );

  await t.phone('alice').register();
  await t.phone('alice').register(); // A refresh is no news.
  await t.phone('alice').register({ expires: 0 });
  await t.phone('bob').register({ expires: 60 });
  await t.run(120_000);

  assert.deepEqual(said, [
    'added alice@example.com',
    'removed alice@example.com',
    'added bob@example.com',
    'expired bob@example.com',
  ]);
  t.stop();
});

for (const [what, decide, answer] of [
  ['answers', (app: Router) => app.error((c) => c.reply(488, c.error.message.slice(0, 3))), '488'],
  ['is silent', (app: Router) => app.error((c) => c.drop()), undefined],
  ['throws', (app: Router) => app.error(() => fault()), '400'],
  ['is missing', (app: Router) => app, '400'],
] as const) {
  test(`bytes that are no message: the error route ${what}`, async () => {
    const t = await town(
      script(() => decide(new Router())),
      { people: {} },
    );
    const stranger = t.world.host('192.0.2.66');
    const heard: string[] = [];
    const socket = await stranger.net.udp({ host: '192.0.2.66', port: 5060 }, (text) => heard.push(text));
    const via = 'Via: SIP/2.0/UDP 192.0.2.66:5060;branch=z9hG4bKx';
    const text = ['INVITE  SIP/2.0', via, '', ''].join('\r\n');

    socket.send(text, t.exchange.transports.listeners[0]!.local, 0);
    await t.run(100);

    assert.equal(heard[0]?.slice(8, 11), answer);
    t.stop();
  });
}

for (const [what, decide, sent, edited] of [
  ['edits it', (app: Router) => app.local(edit), true, 'tandem'],
  ['holds it back', (app: Router) => app.local((c) => c.drop()), false, null],
  ['throws', (app: Router) => app.local(() => fault()), true, null],
  ['is missing', (app: Router) => app, true, null],
] as const) {
  test(`a request of our own: the local route ${what}`, async () => {
    const t = await town(
      script(() => decide(new Router())),
      { people: {} },
    );
    const request = parseMessage('OPTIONS sip:a@192.0.2.9 SIP/2.0\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n');
    assert.ok(request instanceof SipRequest);

    const goes = t.exchange.dispatcher.local(request);

    assert.deepEqual([goes, request.headers.get('User-Agent') ?? null], [sent, edited]);
    t.stop();
  });
}

function edit(c: Parameters<Parameters<Router['local']>[0]>[0]): ReturnType<typeof c.pass> {
  c.req.headers.set('User-Agent', 'tandem');
  return c.pass();
}
