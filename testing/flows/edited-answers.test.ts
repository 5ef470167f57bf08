/** What a reply route has done to a 2xx is done to each repetition of it, and to the 2xx of other forks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RelayOptions, Router, script } from '../../src/index.ts';
import { EDITED_FORKS_MAX } from '../../src/proxy/edited-answers.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { type Town, town } from '../../src/testing/town.ts';
import { CALLER, type Hand, hands } from './by-hand.ts';
import { at, HOSTS } from './flow.ts';

const BOB = 'sip:bob@example.com';
const HANGS_UP_MS = 40_000;

async function townOf(options: RelayOptions<{}>): Promise<[Town, Hand, Hand]> {
  const t = await town(
    script(() => new Router().invite((c) => c.relay(at('bob'), options))),
    { people: {} },
  );
  const [caller, callee] = await hands(t, CALLER, HOSTS.bob);
  assert.ok(caller !== undefined && callee !== undefined);
  caller.ask('INVITE', BOB);
  await t.run(100);
  return [t, caller, callee];
}

/** A reply route that numbers the 2xx it sees; `edits`: in the response itself. */
function numbering(edits: boolean): { options: RelayOptions<{}>; seen: string[] } {
  const seen: string[] = [];
  const options: RelayOptions<{}> = {
    onReply: (r) => {
      if (r.status >= 200) {
        seen.push(r.res.toTag);
        if (edits) r.res.headers.set('X-Edited', seen.length);
      }
      return r.pass();
    },
  };
  return { options, seen };
}

function editsOf(caller: Hand): (string | undefined)[] {
  return caller
    .answers()
    .filter(({ status }) => status === 200)
    .map(({ headers }) => headers.get('X-Edited'));
}

async function over(t: Town): Promise<void> {
  await t.run(HANGS_UP_MS);
  await assertQuiet(t);
  t.stop();
}

test('a 2xx that comes again leaves as the reply route left it the first time, without being asked again', async () => {
  const { options, seen } = numbering(true);
  const [t, caller, callee] = await townOf(options);

  for (let i = 0; i < 3; i++) {
    callee.answer(callee.got('INVITE'), 200, 'bob');
    await t.run(500);
  }

  assert.deepEqual(editsOf(caller), ['1', '1', '1']);
  assert.deepEqual(seen, ['bob']);
  const texts = caller.answers().filter(({ status }) => status === 200);
  assert.equal(new Set(texts.map(({ text }) => text)).size, 1);
  await over(t);
});

test('the 2xx of another fork goes through the reply route that edited the first one', async () => {
  const { options, seen } = numbering(true);
  const [t, caller, callee] = await townOf(options);

  for (const tag of ['bob', 'fork', 'fork', 'bob']) {
    callee.answer(callee.got('INVITE'), 200, tag);
    await t.run(500);
  }

  assert.deepEqual(editsOf(caller), ['1', '2', '2', '1']);
  assert.deepEqual(seen, ['bob', 'fork']);
  await over(t);
});

for (const forks of [EDITED_FORKS_MAX, EDITED_FORKS_MAX + 1]) {
  test(`of ${forks} forks that were edited the texts of ${EDITED_FORKS_MAX} are kept`, async () => {
    const { options, seen } = numbering(true);
    const [t, caller, callee] = await townOf(options);

    for (let round = 0; round < 2; round++) {
      for (let fork = 0; fork < forks; fork++) {
        callee.answer(callee.got('INVITE'), 200, `fork${fork}`);
        await t.run(50);
      }
    }

    assert.ok(editsOf(caller).every((edit) => edit !== undefined));
    assert.equal(seen.length, forks + (forks - EDITED_FORKS_MAX), 'what is not kept is edited anew');
    await over(t);
  });
}

test('nothing is kept of a 2xx that a reply route has only looked at', async () => {
  const { options, seen } = numbering(false);
  const [t, caller, callee] = await townOf(options);

  callee.answer(callee.got('INVITE'), 200, 'bob');
  await t.run(100);
  const { bytesUsed } = t.exchange.layer.slab;
  for (const tag of ['bob', 'fork']) {
    callee.answer(callee.got('INVITE'), 200, tag);
    await t.run(500);
  }

  assert.equal(t.exchange.layer.slab.bytesUsed, bytesUsed);
  assert.deepEqual(seen, ['bob']);
  assert.equal(editsOf(caller).length, 3);
  await over(t);
});

test('two branches answer: each keeps its own edits', async () => {
  const { options } = numbering(true);
  const t = await town(
    script(() => new Router().invite((c) => c.relay({ parallel: [at('bob'), at('carol')] }, options))),
    { people: {} },
  );
  const [caller, bob, carol] = await hands(t, CALLER, HOSTS.bob, HOSTS.carol);
  assert.ok(caller !== undefined && bob !== undefined && carol !== undefined);
  caller.ask('INVITE', BOB);
  await t.run(100);

  for (const callee of [bob, carol, bob, carol]) {
    callee.answer(callee.got('INVITE'), 200, callee.host);
    await t.run(50);
  }

  assert.deepEqual(editsOf(caller), ['1', '2', '1', '2']);
  await over(t);
});
