/** A domain with several hosts, one of which fails: RFC 3263 §4.3. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script, serial } from '../../src/index.ts';
import { parseUri } from '../../src/sip/uri.ts';
import { IncomingCall } from '../../src/testing/phone-incoming.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { type Town, town, type TownOptions } from '../../src/testing/town.ts';
import { at, flow, relayTo } from './flow.ts';

const CARRIER = 'sip:bob@carrier.test';
const BOB = 'sip:bob@example.com';
const three = { alice: {}, bob: {}, carol: {} };
const [BOBS, CAROLS] = ['192.0.2.12', '192.0.2.13'];

/** The carrier: bob's host first, carol's when that fails. */
function carrier(t: Town, transport: 'udp' | 'tcp' = 'udp'): void {
  const { names } = t.world;
  names.address('one.carrier.test', BOBS);
  names.address('two.carrier.test', CAROLS);
  names.service(
    `_sip._${transport}.carrier.test`,
    { target: 'one.carrier.test', port: 5060, priority: 10, weight: 0 },
    { target: 'two.carrier.test', port: 5060, priority: 20, weight: 0 },
  );
}

function methodsAt(t: Town, name: string): string {
  return t
    .phone(name)
    .received.map(({ method }) => method)
    .join(' ');
}

flow(
  'fail-over-silent',
  'The first host of a domain says nothing for 5 s: the second gets the call, and the next call at once',
  { people: three, route: relayTo({ uri: parseUri(CARRIER) }) },
  async (t) => {
    carrier(t);
    t.net.cut(BOBS);
    const call = t.phone('alice').dial(BOB);
    await t.run(7_000);
    assert.equal(call.state, 'talking');
    call.hangUp();
    await t.run(100);

    const next = t.phone('alice').dial(BOB);
    await t.run(1_500);
    assert.equal(next.state, 'talking');
    next.hangUp();
    await t.run(26_000);
  },
);

flow(
  'fail-over-503',
  'The first host of a domain is overloaded and says for how long: it is left alone until then',
  { people: three, route: relayTo({ uri: parseUri(CARRIER) }) },
  async (t) => {
    carrier(t);
    t.phone('bob').answers = {
      afterMs: 50,
      ringMs: 9_999,
      status: 503,
      headers: [['Retry-After', '60 (busy)']],
    };
    for (const waitMs of [1_500, 61_000, 1_500]) {
      const call = t.phone('alice').dial(BOB);
      await t.run(1_500);
      assert.equal(call.state, 'talking');
      call.hangUp();
      await t.run(waitMs);
    }

    assert.equal(methodsAt(t, 'bob'), 'INVITE ACK INVITE ACK');
  },
);

flow(
  'fail-over-connection',
  'The first host of a domain takes no connection: the second gets the call, by the same transport',
  {
    people: { alice: {}, bob: {}, carol: { transport: 'tcp' } },
    route: relayTo({ uri: parseUri(`${CARRIER};transport=tcp`) }),
  },
  async (t) => {
    carrier(t, 'tcp');
    const call = t.phone('alice').dial(BOB);
    await t.run(1_500);
    assert.equal(call.state, 'talking');
    call.hangUp();
    await t.run(100);
  },
);

flow(
  'fail-over-late-answer',
  'A host that was given up answers after all: it has the call',
  { people: three, route: relayTo({ uri: parseUri(CARRIER) }) },
  async (t) => {
    carrier(t);
    t.phone('bob').answers = 'silent';
    t.phone('carol').answers = 'ring';
    const call = t.phone('alice').dial(BOB);
    await t.run(5_500);
    const [late] = t.phone('bob').calls;
    assert.ok(late instanceof IncomingCall);
    late.answer();
    await t.run(500);
    assert.equal(call.state, 'talking');
    call.hangUp();
    await t.run(26_000);

    assert.equal(methodsAt(t, 'carol'), 'INVITE CANCEL ACK');
    assert.equal(methodsAt(t, 'bob'), 'INVITE ACK BYE');
  },
);

async function townOf(play: (t: Town) => Promise<void>, more: Partial<TownOptions> = {}): Promise<void> {
  const route = script(() => {
    const app = new Router();
    app.request((c) => c.relay({ uri: parseUri(CARRIER) }));
    return app;
  });
  const t = await town(route, { people: three, ...more });
  carrier(t);
  await play(t);
  await assertQuiet(t);
  t.stop();
}

test('a host that has let the phone ring keeps the call, even if it then says 503', () =>
  townOf(async (t) => {
    t.phone('bob').answers = { ringMs: 100, afterMs: 500, status: 503 };
    const call = t.phone('alice').dial(BOB);
    await t.run(2_000);

    assert.equal(call.status, 500);
    assert.equal(methodsAt(t, 'carol'), '');
  }));

test('a host that is busy is believed', () =>
  townOf(async (t) => {
    t.phone('bob').answers = { afterMs: 50, status: 486 };
    const call = t.phone('alice').dial(BOB);
    await t.run(2_000);

    assert.deepEqual([call.status, methodsAt(t, 'carol')], [486, '']);
  }));

test('when every host says 503, the caller is told once, and the reply route sees each', async () => {
  const seen: number[] = [];
  const route = script(() => {
    const app = new Router();
    app.request((c) =>
      c.relay({ uri: parseUri(CARRIER) }, { onReply: (r) => (seen.push(r.status), r.pass()) }),
    );
    return app;
  });
  const t = await town(route, { people: three });
  carrier(t);
  for (const name of ['bob', 'carol']) t.phone(name).answers = { afterMs: 50, ringMs: 9_999, status: 503 };

  const call = t.phone('alice').dial(BOB);
  await t.run(2_000);

  assert.equal(call.status, 500);
  assert.deepEqual(seen, [503, 503]);
  await assertQuiet(t);
  t.stop();
});

test('when every host is silent, the caller is told after 5 s for each', () =>
  townOf(async (t) => {
    t.net.cut(BOBS);
    t.net.cut(CAROLS);
    const call = t.phone('alice').dial(BOB);
    await t.run(9_900);
    assert.equal(call.status, 100);
    await t.run(300);
    assert.equal(call.status, 408);
    await t.run(27_000);
  }));

test('a caller who gave up makes no further host ring', () =>
  townOf(async (t) => {
    t.net.cut(BOBS);
    const call = t.phone('alice').dial(BOB);
    await t.run(1_000);
    call.hangUp();
    await t.run(33_000);

    assert.equal(call.status, 487);
    assert.equal(methodsAt(t, 'carol'), '');
  }));

test('a request that is no INVITE goes to the next host after 5 s, while its sender still waits', () =>
  townOf(async (t) => {
    t.net.cut(BOBS);

    assert.equal(await t.phone('alice').request('MESSAGE', BOB), 200);
    assert.equal(methodsAt(t, 'carol'), 'MESSAGE');
    assert.ok(t.world.clock.now() < 6_000);
    await t.run(27_000);
  }));

test('a branch route runs once; what it wrote goes to every host, with a Via of its own for each', async () => {
  let branches = 0;
  const route = script(() => {
    const app = new Router();
    app.request((c) =>
      c.relay(
        { uri: parseUri(CARRIER) },
        {
          onBranch: (b) => {
            branches++;
            b.req.headers.set('X-Trunk', 'carrier');
            return b.send();
          },
        },
      ),
    );
    return app;
  });
  const t = await town(route, { people: three });
  carrier(t);
  t.phone('bob').answers = { afterMs: 50, ringMs: 9_999, status: 503 };
  const call = t.phone('alice').dial(BOB);
  await t.run(2_000);
  call.hangUp();
  await t.run(100);

  const [first, second] = ['bob', 'carol'].map((name) => t.phone(name).received[0]);
  assert.equal(branches, 1);
  assert.equal(second?.headers.get('X-Trunk'), 'carrier');
  const [a, b] = [first, second].map((request) => request?.headers.all('Via'));
  assert.notEqual(a?.[0], b?.[0]);
  assert.deepEqual(a?.slice(1), b?.slice(1));
  const rest = (text = ''): string => text.substring(text.indexOf('\r\n', text.indexOf('\r\nVia:') + 2));
  assert.equal(rest(first?.text), rest(second?.text), 'identical but for the branch');
  await assertQuiet(t);
  t.stop();
});

test('in a serial plan a target is given up when all its hosts have failed', async () => {
  const route = script(() => {
    const app = new Router();
    app.request((c) => c.relay(serial({ uri: parseUri(CARRIER) }, at('dave'))));
    return app;
  });
  const t = await town(route, { people: { ...three, dave: { host: '192.0.2.14' } } });
  carrier(t);
  for (const name of ['bob', 'carol']) t.phone(name).answers = { afterMs: 50, ringMs: 9_999, status: 503 };
  const call = t.phone('alice').dial(BOB);
  await t.run(2_000);
  assert.equal(call.state, 'talking');
  call.hangUp();
  await t.run(100);

  assert.equal(methodsAt(t, 'dave'), 'INVITE ACK BYE');
  await assertQuiet(t);
  t.stop();
});

test('a second host whose name is not known yet is looked up when it is needed', () =>
  townOf(async (t) => {
    t.phone('bob').answers = { afterMs: 50, ringMs: 9_999, status: 503 };
    t.world.names.delay('two.carrier.test', 400);
    const call = t.phone('alice').dial(BOB);
    await t.run(300);
    assert.equal(methodsAt(t, 'carol'), '');
    await t.run(2_000);
    assert.equal(call.state, 'talking');
    call.hangUp();
    await t.run(100);
  }));

test('a tel URI is not relayed: 416', async () => {
  const route = script(() => {
    const app = new Router();
    app.request((c) => c.relay({ uri: parseUri('tel:+4930100') }));
    return app;
  });
  const t = await town(route, { people: { alice: {} } });

  const call = t.phone('alice').dial(BOB);
  await t.run(500);

  assert.equal(call.status, 416);
  await assertQuiet(t);
  t.stop();
});

test('a resolver that never answers costs the one call that needs it, and a thousand others nothing', async () => {
  const route = script(() => {
    const app = new Router();
    app.request((c) => c.relay(c.uri.host === 'silent.test' ? undefined : at('bob')));
    return app;
  });
  // One phone stands for a thousand callers here: it is not limited as one.
  const settings = { guard: { enabled: false } };
  const t = await town(route, { people: { alice: {}, bob: {} }, settings });
  t.world.names.delay('silent.test');
  t.phone('bob').answers = { afterMs: 20 };

  const unlucky = t.phone('alice').dial('sip:somebody@silent.test');
  const others = Array.from({ length: 1_000 }, () => t.phone('alice').dial(BOB));
  await t.run(1_000);
  assert.deepEqual(new Set(others.map(({ state }) => state)), new Set(['talking']));
  assert.equal(unlucky.status, 100);
  for (const call of others) call.hangUp();
  await t.run(4_100);

  assert.equal(unlucky.status, 504);
  await assertQuiet(t);
  t.stop();
});
