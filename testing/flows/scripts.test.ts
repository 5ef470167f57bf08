import assert from 'node:assert/strict';
import { parallel, serial } from '../../src/index.ts';
import { parseUri } from '../../src/sip/uri.ts';
import type { Town } from '../../src/testing/town.ts';
import { at, flow, relayTo } from './flow.ts';

const BOB = 'sip:bob@example.com';
const three = { alice: {}, bob: {}, carol: {} };

function methodsAt(t: Town, name: string): string[] {
  return t.phone(name).received.map(({ method }) => method);
}

/** A promise that a script waits for. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}

flow(
  'failure-route-answers',
  'The failure route answers in place of the callee',
  { route: relayTo(at('bob'), { onFailure: (f) => f.reply(480, `Because Of ${f.status}`) }) },
  async (t) => {
    t.phone('bob').answers = { afterMs: 0, status: 486 };
    const call = t.phone('alice').dial(BOB);
    await t.run(100);

    assert.deepEqual([call.status, call.responses.at(-1)?.reason], [480, 'Because Of 486']);
  },
);

flow(
  'failure-route-relays',
  'The failure route relays again, with the request as the route left it',
  {
    people: three,
    route: (c) => {
      c.req.headers.set('X-From-Route', 'yes');
      return c.relay(at('bob'), {
        onBranch: (b) => {
          b.req.headers.set('X-Branch', 'bob');
          return b.send();
        },
        onFailure: (f) => f.relay(at('carol')),
      });
    },
  },
  async (t) => {
    t.phone('bob').answers = { afterMs: 200, status: 486 };
    const call = t.phone('alice').dial(BOB);
    await t.run(3_000);
    call.hangUp();
    await t.run(100);

    const invites = ['bob', 'carol'].map((name) => t.phone(name).received[0]?.headers);
    assert.deepEqual(
      invites.map((headers) => [headers?.get('X-From-Route'), headers?.get('X-Branch')]),
      [
        ['yes', 'bob'],
        ['yes', undefined],
      ],
    );
    assert.equal(call.byeStatus, 200);
  },
);

flow(
  'failure-route-redirects',
  'The failure route redirects',
  { route: relayTo(at('bob'), { onFailure: (f) => f.redirect(parseUri('sip:bob@192.0.2.99')) }) },
  async (t) => {
    t.phone('bob').answers = { afterMs: 0, status: 486 };
    const call = t.phone('alice').dial(BOB);
    await t.run(100);

    assert.deepEqual(
      [call.status, call.responses.at(-1)?.headers.get('Contact')],
      [302, '<sip:bob@192.0.2.99>'],
    );
  },
);

flow(
  'failure-route-sees-no-answer',
  'The failure route sees that nobody answered',
  {
    route: relayTo(at('bob', { ringMs: 2_000 }), {
      onFailure: (f) =>
        f.reply(480, `${f.status} ${f.timedOut} ${f.ends.map(({ status }) => status).join()}`),
    }),
  },
  async (t) => {
    t.phone('bob').answers = 'ring';
    const call = t.phone('alice').dial(BOB);
    await t.run(3_000);

    assert.equal(call.responses.at(-1)?.reason, '408 true 408');
  },
);

flow(
  'failure-route-after-skip',
  'Every branch was skipped: the failure route decides at once',
  {
    route: relayTo(parallel(at('bob'), at('carol')), {
      onBranch: (b) => b.skip(),
      onFailure: (f) => f.reply(404, `Nobody Of ${f.ends.length}`),
    }),
  },
  async (t) => {
    const call = t.phone('alice').dial(BOB);
    await t.run(100);

    assert.deepEqual([call.status, call.responses.at(-1)?.reason], [404, 'Nobody Of 2']);
  },
);

flow(
  'skipped-branch-is-no-failure',
  'A skipped branch does not speak for the callee',
  {
    people: three,
    route: relayTo(parallel(at('bob'), at('carol')), {
      onBranch: (b) => (b.index === 0 ? b.skip() : b.send()),
    }),
  },
  async (t) => {
    t.phone('carol').answers = { afterMs: 0, status: 486 };
    const call = t.phone('alice').dial(BOB);
    await t.run(100);

    assert.equal(call.status, 486);
    assert.deepEqual(methodsAt(t, 'bob'), []);
  },
);

flow(
  'failure-route-loses-the-caller',
  'The caller gives up while the failure route thinks; another call gets its place',
  {
    people: { alice: { transport: 'tcp' }, bob: {}, carol: { transport: 'tcp' } },
    route: (c) =>
      c.relay(at('bob'), {
        onFailure: async (f) => {
          await thinking.opened;
          return f.reply(404);
        },
      }),
  },
  async (t) => {
    t.phone('bob').answers = { afterMs: 0, status: 486 };
    const given = t.phone('alice').dial(BOB);
    await t.run(100);
    given.hangUp();
    await t.run(100);
    assert.equal(given.status, 487);
    t.phone('bob').answers = 'ring';
    const next = t.phone('carol').dial(BOB);
    await t.run(100);
    thinking.open();
    await t.run(100);

    assert.deepEqual([next.state, next.status], ['ringing', 180]);
    next.hangUp();
    await t.run(100);
  },
);
const thinking = gate();

flow(
  'first-answers-after-failure-route',
  'The first target answers while the failure route rings another: that one is cancelled',
  { people: three, route: relayTo(at('bob'), { onFailure: (f) => f.relay(at('carol')) }) },
  async (t) => {
    t.phone('bob').answers = { afterMs: 7_000, ringMs: 6_999 };
    t.phone('bob').misbehaves.ignoresCancel = true;
    t.phone('carol').answers = 'ring';
    const call = t.phone('alice').dial(BOB);
    await t.run(8_000);
    assert.equal(call.state, 'talking');
    assert.deepEqual(methodsAt(t, 'carol'), ['INVITE', 'CANCEL', 'ACK']);
    call.hangUp();
    await t.run(33_000);
  },
);

flow(
  'branch-edit',
  'onBranch edits one branch only',
  {
    people: three,
    route: relayTo(serial(at('bob'), at('carol')), {
      onBranch: (b) => {
        if (b.index === 0) b.req.headers.set('Subject', 'for bob');
        return b.send();
      },
    }),
  },
  async (t) => {
    for (const name of ['bob', 'carol']) t.phone(name).answers = { afterMs: 0, status: 486 };
    t.phone('alice').dial(BOB);
    await t.run(100);

    const subjects = ['bob', 'carol'].map((name) => t.phone(name).received[0]?.headers.get('Subject'));
    assert.deepEqual(subjects, ['for bob', undefined]);
  },
);

flow(
  'ringing-dropped',
  'onReply drops the 180',
  { route: relayTo(at('bob'), { onReply: (r) => (r.status === 180 ? r.drop() : r.pass()) }) },
  async (t) => {
    const call = t.phone('alice').dial(BOB);
    await t.run(2_000);
    assert.deepEqual(
      call.responses.map(({ status }) => status),
      [100, 200],
    );
    call.hangUp();
    await t.run(100);
  },
);

flow(
  'route-throws',
  'A route that throws is answered 500 and harms nobody else',
  {
    people: three,
    route: async (c) => {
      await Promise.resolve();
      if (c.uri.user === 'nobody') throw new Error('a mistake in the script');
      return c.relay(at('bob'));
    },
  },
  async (t) => {
    const call = t.phone('alice').dial(BOB);
    const broken = t.phone('carol').dial('sip:nobody@example.com');
    await t.run(2_000);
    call.hangUp();
    await t.run(100);

    assert.deepEqual([broken.status, call.byeStatus], [500, 200]);
    assert.equal(t.exchange.dispatcher.counters.scriptErrors, 1);
  },
);

flow(
  'cancelled-route-throws',
  'The caller gives up and then the route throws: 487',
  {
    route: async () => {
      await slowRoute.opened;
      throw new Error('a mistake in the script');
    },
  },
  async (t) => {
    const call = t.phone('alice').dial(BOB);
    await t.run(500);
    call.hangUp();
    await t.run(100);
    slowRoute.open();
    await t.run(100);

    assert.deepEqual([call.state, call.status], ['ended', 487]);
  },
);
const slowRoute = gate();

flow(
  'route-too-slow',
  'A route that takes longer than 5 s is answered 500',
  { route: () => new Promise(() => {}) },
  async (t) => {
    const call = t.phone('alice').dial(BOB);
    await t.run(4_900);
    assert.equal(call.status, 100);
    await t.run(2_000);

    assert.equal(call.status, 500);
  },
);

flow(
  'serial-script-fault',
  'advanceOn throws: the plan goes no further, and the caller is answered',
  {
    people: three,
    route: relayTo(serial(at('bob'), at('carol')), {
      advanceOn: () => {
        throw new Error('a mistake in the script');
      },
    }),
  },
  async (t) => {
    t.net.cut('192.0.2.12');
    const call = t.phone('alice').dial(BOB);
    await t.run(40_000);

    assert.equal(call.status, 408);
    assert.deepEqual(methodsAt(t, 'carol'), []);
  },
);

flow(
  'branch-broken-by-edit',
  'An edit of onBranch breaks a branch: the others ring',
  {
    people: three,
    route: relayTo(parallel(at('bob'), at('carol')), {
      onBranch: (b) => {
        if (b.index === 0) b.req.headers.set('Route', '<not an address');
        return b.send();
      },
    }),
  },
  async (t) => {
    t.phone('carol').answers = { afterMs: 0, status: 486 };
    const call = t.phone('alice').dial(BOB);
    await t.run(100);

    assert.equal(call.status, 486);
    assert.deepEqual([methodsAt(t, 'bob'), methodsAt(t, 'carol')], [[], ['INVITE', 'ACK']]);
  },
);

flow(
  'uri-rewritten',
  'The route rewrites the Request-URI; CANCEL still finds its INVITE',
  {
    route: (c) => {
      c.uri = { ...c.uri, user: 'a-much-longer-user-than-the-one-that-was-dialled' };
      return c.relay(at('bob'));
    },
  },
  async (t) => {
    t.phone('bob').answers = 'ring';
    const call = t.phone('alice').dial(BOB);
    await t.run(100);
    call.hangUp();
    await t.run(100);

    assert.equal(call.status, 487);
  },
);
