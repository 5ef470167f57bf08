/** A script may edit what it sends on, but not so that nobody could read, route or answer it any more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parallel, type RequestContext, type RequestDecision, Router, script } from '../../src/index.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { town, type Town } from '../../src/testing/town.ts';
import { at } from './flow.ts';

type Headers = RequestContext['req']['headers'];

// what, the edit, why it is refused
const breaking: readonly [string, (headers: Headers) => void, RegExp][] = [
  ...['Call-ID', 'i', 'Via', 'CSeq', 'From', 'To', 'Max-Forwards', 'Content-Length'].map(
    (name): [string, (headers: Headers) => void, RegExp] => [
      `takes out ${name}`,
      (headers) => headers.remove(name),
      /cannot be removed/,
    ],
  ),
  ['has another length', (h) => h.set('Content-Length', 5), /Content-Length is the length of the body, \d+/],
  ['has no length', (h) => h.set('l', 'x'), /Content-Length is the length of the body/],
  ['has two Vias', (h) => h.add('Via', 'SIP/2.0/UDP a;branch=z9hG4bKx', 'top'), /there is a Via already/],
  ['has another Via', (h) => h.set('Via', 'SIP/2.0/UDP a;branch=z9hG4bKx'), /Via stays as it came/],
  ['is of another call', (h) => h.set('Call-ID', 'x'), /Call-ID stays as it came/],
  ['has another CSeq', (h) => h.set('CSeq', '7 INVITE'), /CSeq stays as it came/],
  ['has two From', (h) => h.add('From', '<sip:a@b>;tag=1'), /there is a From already/],
  ['is from another dialog', (h) => h.set('From', '<sip:a@example.com>;tag=x'), /From keeps its tag /],
  ['has no tag', (h) => h.set('f', '<sip:a@example.com>'), /From keeps its tag /],
  ['is from nobody', (h) => h.set('From', '<sip:a;tag=x'), /From is an address/],
  ['is in a dialog', (h) => h.set('To', '<sip:bob@example.com>;tag=1'), /To has no tag yet/],
  ['goes on without end', (h) => h.set('Max-Forwards', 256), /Max-Forwards is a number up to 255/],
  ['has a Contact that is none', (h) => h.set('Contact', '<<<'), /Contact is an address/],
];

async function opened(route: (c: RequestContext) => RequestDecision): Promise<Town> {
  const t = await town(
    script(() => new Router().invite(route)),
    { people: { alice: {}, bob: { host: '192.0.2.12' }, carol: { host: '192.0.2.13' } } },
  );
  t.phone('bob').answers = { afterMs: 0, status: 486 };
  t.phone('carol').answers = { afterMs: 0, status: 486 };
  return t;
}

const errors = (t: Town): string =>
  t.world.logged
    .filter(({ level }) => level === 'error')
    .map((line) => JSON.stringify(line))
    .join('\n');

for (const [what, edit, why] of breaking) {
  test(`an edit so that a request ${what} ends it with 500, at its line`, async () => {
    const t = await opened((c) => {
      edit(c.req.headers);
      return c.relay(at('bob'));
    });

    const call = t.phone('alice').dial('sip:bob@example.com');
    await t.run(2_000);

    assert.deepEqual([call.status, t.phone('bob').received.length], [500, 0]);
    assert.match(errors(t), why);
    assert.match(errors(t), /broken-edits\.test\.ts","line":\d/);
    await t.run(40_000);
    await assertQuiet(t);
    t.stop();
  });

  test(`an edit so that a branch ${what} ends that branch with 500, alone`, async () => {
    const t = await opened((c) =>
      c.relay(parallel(at('bob'), at('carol')), {
        onBranch: (b) => {
          if (b.index === 0) edit(b.req.headers);
          return b.send();
        },
      }),
    );

    const call = t.phone('alice').dial('sip:bob@example.com');
    await t.run(2_000);

    assert.deepEqual([call.status, t.phone('bob').received.length], [486, 0]);
    assert.match(errors(t), why);
    assert.match(errors(t), /broken-edits\.test\.ts","line":\d/);
    assert.equal(t.exchange.dispatcher.counters.scriptErrors, 1);
    await t.run(40_000);
    await assertQuiet(t);
    t.stop();
  });
}

test('an edit that would break a response is told, and the response passes as it came', async () => {
  const t = await opened((c) =>
    c.relay(at('bob'), {
      onReply: (r) => {
        r.res.headers.remove('CSeq');
        return r.pass();
      },
    }),
  );

  const call = t.phone('alice').dial('sip:bob@example.com');
  await t.run(2_000);

  assert.equal(call.status, 486);
  assert.match(errors(t), /CSeq cannot be removed.*broken-edits\.test\.ts","line":\d/);
  t.stop();
});

test('name and URI of From and To, Contact, hops and every other field are for the script to change', async () => {
  const t = await opened((c) => {
    const { headers } = c.req;
    const { fromTag } = c.req;
    headers.set('From', `"The Desk" <sip:desk@example.org>;tag=${fromTag}`);
    headers.set('To', '"Bob Ä" <sip:robert@example.org>');
    headers.set('Contact', '<sip:hidden@192.0.2.1>');
    headers.set('Max-Forwards', 10);
    headers.set('Call-ID', c.callId);
    headers.remove('User-Agent');
    headers.set('Record-Route', '<sip:192.0.2.1;lr>');
    headers.remove('Record-Route');
    return c.relay(at('bob'));
  });

  const call = t.phone('alice').dial('sip:bob@example.com');
  await t.run(2_000);

  const [invite] = t.phone('bob').received;
  assert.equal(call.status, 486);
  assert.deepEqual(
    ['From', 'To', 'Contact', 'Max-Forwards', 'User-Agent'].map((name) => invite?.headers.get(name)),
    [
      `"The Desk" <sip:desk@example.org>;tag=${invite?.fromTag}`,
      '"Bob Ä" <sip:robert@example.org>',
      '<sip:hidden@192.0.2.1>',
      '9',
      undefined,
    ],
  );
  assert.equal(errors(t), '');
  t.stop();
});
