/** As many header lines as a request may have: what we put in must leave it readable to ourselves, to the end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parallel, Router, script } from '../../src/index.ts';
import { HEADER_LINES_MAX, OWN_LINES } from '../../src/sip/header-index.ts';
import type { HeaderPair } from '../../src/testing/phone-request.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { type Town, town } from '../../src/testing/town.ts';
import { at, HOSTS } from './flow.ts';

const LINES_MAX = HEADER_LINES_MAX - OWN_LINES;
/** What we put into each branch at most: Via, two of Record-Route, Route, Max-Forwards, and in a fork Max-Breadth. */
const FORWARDED_MAX = HEADER_LINES_MAX - 6;
const BOB = 'sip:bob@example.com';

/** Bob by UDP and carol by TCP; the script adds so many lines. Carol answers, and bob's INVITE is cancelled. */
async function forked(added: number): Promise<Town> {
  const app = (): Router =>
    new Router().invite((c) => {
      for (let i = 0; i < added; i++) c.req.headers.add(`X-${i}`, i);
      return c.relay(parallel(at('bob'), at('carol', { transport: 'tcp' })));
    });
  const people = {
    alice: { host: HOSTS.alice },
    bob: { host: HOSTS.bob },
    carol: { host: HOSTS.carol, transport: 'tcp' },
  } as const;
  const t = await town(script(app), { people });
  t.phone('bob').answers = 'ring';
  t.phone('carol').answers = { afterMs: 1_000, ringMs: 100 };
  return t;
}

/** The lines of an INVITE of alice without those that she is told to put in. */
async function plainLines(): Promise<number> {
  const t = await forked(0);
  t.phone('alice').dial(BOB);
  await t.run(100);
  const [first] = t.net.trace.entries;
  t.stop();
  return (first?.text.split('\r\n\r\n', 1)[0]?.split('\r\n').length ?? 0) - 1;
}

// [what, lines that come, lines that the script adds, what the caller is told, whether the call is billed]
const rows: readonly [string, number, number, number, boolean][] = [
  ['as many lines as may come', LINES_MAX, 0, 200, true],
  ['one line too many', LINES_MAX + 1, 0, 400, false],
  ['as many as are understood at all', HEADER_LINES_MAX, 0, 400, false],
  ['a script that fills what is left', LINES_MAX, FORWARDED_MAX - LINES_MAX, 200, true],
  ['a script that adds one line too many', LINES_MAX, FORWARDED_MAX - LINES_MAX + 1, 500, false],
  ['a script that adds what cannot be added', LINES_MAX, OWN_LINES + 1, 500, false],
];

for (const [what, lines, added, status, billed] of rows) {
  test(`${what}: ${status}, and nothing is left`, async () => {
    const more = lines - (await plainLines());
    const headers = Array.from({ length: more }, (_, i): HeaderPair => [`X-Line-${i}`, 'b']);
    const t = await forked(added);

    const call = t.phone('alice').dial(BOB, { headers });
    await t.run(4_000);
    call.hangUp();
    await t.run(1_000);

    assert.equal(call.status, status);
    const invites = t.net.trace.entries.filter(
      ({ toHost, text }) => toHost === HOSTS.bob && text.startsWith('INVITE'),
    );
    assert.equal(invites.length > 0, billed, 'nothing goes out of what cannot go on');
    const [record] = t.cdrs();
    assert.equal(Number(record?.durationMs ?? 0) > 2_000, billed);
    await assertQuiet(t);
    t.stop();
  });
}

test('a reply route that adds more than a response may have changes nothing', async () => {
  const t = await town(
    script(() =>
      new Router().invite((c) =>
        c.relay(at('bob'), {
          onReply: (r) => {
            for (let i = 0; i < HEADER_LINES_MAX; i++) r.res.headers.add(`X-${i}`, i);
            return r.pass();
          },
        }),
      ),
    ),
    { people: { alice: { host: HOSTS.alice }, bob: { host: HOSTS.bob } } },
  );

  const call = t.phone('alice').dial(BOB);
  await t.run(2_000);

  assert.equal(call.state, 'talking');
  call.hangUp();
  await t.run(100);
  await assertQuiet(t);
  t.stop();
});
