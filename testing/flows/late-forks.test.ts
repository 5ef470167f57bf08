/** A callee behind another proxy answers more than once, and too late: each answer is a call, and each is ended. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script } from '../../src/index.ts';
import { LATE_FORKS_MAX } from '../../src/proxy/hang-up.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { town } from '../../src/testing/town.ts';
import { at, HOSTS } from './flow.ts';
import { CALLER, hands } from './by-hand.ts';

for (const [what, forks, ended] of [
  ['two forks', 2, 2],
  ['as many as are ended', LATE_FORKS_MAX, LATE_FORKS_MAX],
  ['one more than are ended', LATE_FORKS_MAX + 1, LATE_FORKS_MAX],
] as const) {
  test(`${what} answer after the caller was told 408: each call is acknowledged and hung up once`, async () => {
    const t = await town(
      script(() => new Router().invite((c) => c.relay(at('bob', { ringMs: 1_000 })))),
      { people: {} },
    );
    const [caller, callee] = await hands(t, CALLER, HOSTS.bob);
    assert.ok(caller !== undefined && callee !== undefined);
    caller.ask('INVITE', 'sip:bob@example.com');
    await t.run(100);
    const invite = callee.got('INVITE');
    callee.answer(invite, 180, 'ring');
    await t.run(4_000);
    assert.equal(caller.statuses.at(-1), 408);
    const refused = caller.answers().at(-1);
    if (refused !== undefined) caller.acknowledge(refused, 'sip:bob@example.com');

    const tags = Array.from({ length: forks }, (_, i) => `fork${i}`);
    for (const round of [0, 1]) {
      for (const tag of tags) {
        callee.answer(invite, 200, tag, [], '', { contact: `<sip:${tag}@${HOSTS.bob}:5060>` });
        await t.run(20);
        if (round > 0 || tags.indexOf(tag) >= ended) continue;
        callee.answer(callee.got('BYE'), 200, tag);
      }
    }
    await t.run(40_000); // Our CANCEL is answered by nobody.

    const sent = (method: string): string[] =>
      t.net.trace.entries
        .filter(({ toHost, text }) => toHost === HOSTS.bob && text.startsWith(`${method} sip:fork`))
        .map(({ text }) => /sip:(fork\d+)@/.exec(text)?.[1] ?? '');
    const told = tags.slice(0, ended);
    assert.deepEqual(sent('BYE'), told);
    assert.deepEqual(sent('ACK'), [...told, ...told], 'one for each time that a 2xx came');
    await assertQuiet(t);
    t.stop();
  });
}
