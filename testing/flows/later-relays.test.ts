/** What a failure route relays anew is of the same response context: RFC 3261 §16.7 looks at all its branches. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byPreference, type RelayOptions, Router, script } from '../../src/index.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { town } from '../../src/testing/town.ts';
import { at, HOSTS } from './flow.ts';

const BOB = 'sip:bob@example.com';
const people = Object.fromEntries(
  (['alice', 'bob', 'carol'] as const).map((name) => [name, { host: HOSTS[name] }]),
);

/** Bob, and when he fails carol with these options. */
async function townOf(options: RelayOptions<{}>) {
  return town(
    script(() =>
      new Router().invite((c) => c.relay(at('bob'), { onFailure: (f) => f.relay(at('carol'), options) })),
    ),
    { people },
  );
}

// [bob, carol, what the caller is told]
const cases: readonly [number, number, number][] = [
  [404, 503, 404],
  [503, 404, 404],
  [503, 503, 500],
  [486, 404, 486],
  [404, 401, 401],
  [603, 404, 603],
  [404, 603, 603],
  // What a failure route has relayed past is decided about: §16.7 step 4 forgets a redirection that was followed.
  [302, 404, 404],
  [404, 302, 302],
];

for (const [bob, carol, told] of cases) {
  for (const [what, options] of [
    ['passes', { onFailure: (f) => f.pass() }],
    ['is missing', {}],
  ] as const satisfies readonly (readonly [string, RelayOptions<{}>])[]) {
    test(`${bob}, then ${carol}, whose failure route ${what}: the caller is told ${told}`, async () => {
      const t = await townOf(options);
      t.phone('bob').answers = { afterMs: 0, status: bob };
      t.phone('carol').answers = { afterMs: 0, status: carol };

      const call = t.phone('alice').dial(BOB);
      await t.run(1_000);

      assert.equal(call.status, told);
      await assertQuiet(t);
      t.stop();
    });
  }
}

test('a failure route sees what became of its own relay', async () => {
  const seen: unknown[] = [];
  const t = await townOf({
    onFailure: (f) => {
      seen.push([f.status, f.timedOut, f.ends.map(({ status }) => status)]);
      return f.pass();
    },
  });
  t.phone('bob').answers = { afterMs: 0, status: 404 };
  t.phone('carol').answers = 'silent';

  const call = t.phone('alice').dial(BOB);
  await t.run(8_000);

  assert.deepEqual(seen, [[408, true, [408]]]);
  assert.equal(call.status, 404);
  await t.run(32_000); // Our CANCEL is answered by nobody.
  await assertQuiet(t);
  t.stop();
});

test('a failure route follows some of the Contacts of a redirection', async () => {
  const t = await town(
    script(() =>
      new Router().invite((c) =>
        c.relay(at('bob'), {
          onFailure: (f) => {
            const contacts = f.ends.flatMap((end) => end.contacts ?? []);
            return f.relay(byPreference(contacts.filter(({ uri }) => uri.host === HOSTS.carol)));
          },
        }),
      ),
    ),
    { people },
  );
  t.phone('bob').answers = {
    afterMs: 0,
    status: 302,
    headers: [['Contact', `<sip:x@192.0.2.99>;q=0.9, <sip:carol@${HOSTS.carol}:5060>;q=0.5`]],
  };

  const call = t.phone('alice').dial(BOB);
  await t.run(2_000);
  assert.equal(call.state, 'talking');
  call.hangUp();
  await t.run(100);

  assert.deepEqual(t.phone('carol').incoming.length, 1);
  await assertQuiet(t);
  t.stop();
});
