import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { assertQuiet } from '../testing/quiet.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { town } from '../testing/town.ts';
import type { Script } from '../route/router.ts';
import { ScriptLoader } from './script-loader.ts';

const folder = mkdtempSync(join(tmpdir(), 'tandem-reload-'));
const RELOADS = 200;
/** 100 calls a second, a reload every 20 ms: 200 reloads in 4 s of the town's time. */
const CALL_EVERY_MS = 10;
const RELOAD_EVERY_MS = 20;

/** Answers with its word; a call to bob keeps it for all that happens to it. */
function scriptSaying(word: string): string {
  const file = join(folder, 'route.ts');
  writeFileSync(join(folder, 'word.ts'), `export const word = '${word}';`);
  writeFileSync(
    file,
    `import { Router, script } from 'tandem';
import { word } from './word.ts';
const bob = { uri: { scheme: 'sip', user: 'bob', host: '192.0.2.12', port: 5060, params: {} } } as const;
export default script(() => new Router()
  .timer(1_000, () => {})
  .event('call.ended', () => {})
  .invite((c) => c.relay(bob, {
    onBranch: (b) => { b.req.headers.set('X-Branch', word); return b.send(); },
    onReply: (r) => { r.res.headers.set('X-Reply', word); return r.pass(); },
    onFailure: (f) => f.reply(480, 'Failure Of ' + word),
  }))
  .options((c) => c.reply(200, word)));
`,
  );
  return file;
}

/** Only its time limit looks at the clock, and that never comes here. */
const loader = new ScriptLoader(new SimClock());
after(() => loader.close());

async function loaded(word: string): Promise<Script> {
  return (await loader.load(scriptSaying(word))).script;
}

after(() => rmSync(folder, { recursive: true }));

test('a call that began under one script keeps it to its end; the next call has the new one', async () => {
  const t = await town(await loaded('first'), { people: { alice: {}, bob: {}, carol: {} } });
  t.phone('bob').answers = { afterMs: 500, ringMs: 400, status: 486 };
  const old = t.phone('alice').dial('sip:bob@example.com');
  await t.run(100);

  await t.exchange.replaceScript(await loaded('second'));
  const next = t.phone('carol').dial('sip:bob@example.com');
  await t.run(2_000);

  const invites = t.phone('bob').received.filter(({ method }) => method === 'INVITE');
  assert.deepEqual(
    invites.map(({ headers }) => headers.get('X-Branch')),
    ['first', 'second'],
  );
  assert.deepEqual(
    [old, next].map(({ responses }) => responses.at(-1)?.reason),
    ['Failure Of first', 'Failure Of second'],
  );
  await assertQuiet(t);
  t.stop();
});

for (const [what, text, why] of [
  ['does not load', 'export default (;', /does not load/],
  [
    'throws at its start',
    "export default () => { throw new Error('no luck'); };",
    /does not start.*: no luck/,
  ],
] as const) {
  test(`a script that ${what} leaves the one that runs in its place`, async () => {
    const t = await town(await loaded('stays'), { people: { alice: {} } });
    const wrong = join(folder, 'wrong.ts');
    writeFileSync(wrong, text);

    await assert.rejects(
      loader.load(wrong).then(({ script }) => t.exchange.replaceScript(script)),
      { code: 'SCRIPT_INVALID', message: why },
    );

    assert.equal(await t.phone('alice').request('OPTIONS', 'sip:example.com'), 200);
    t.stop();
  });
}

test('200 reloads under 100 calls a second lose no call and keep no generation', async () => {
  const t = await town(await loaded('0'), { people: { alice: {}, bob: {} } });
  t.phone('bob').answers = { afterMs: 5, status: 486 };
  const generations: WeakRef<object>[] = [];
  const calls: { readonly status: number }[] = [];

  for (let reload = 1; reload <= RELOADS; reload++) {
    await t.exchange.replaceScript(await loaded(String(reload)));
    generations.push(new WeakRef(t.exchange.dispatcher.generation.router));
    for (let ms = 0; ms < RELOAD_EVERY_MS; ms += CALL_EVERY_MS) {
      calls.push(t.phone('alice').dial('sip:bob@example.com'));
      await t.run(CALL_EVERY_MS);
    }
  }
  await t.run(1_000);
  await assertQuiet(t);

  assert.equal(calls.length, RELOADS * (RELOAD_EVERY_MS / CALL_EVERY_MS));
  assert.deepEqual([...new Set(calls.map(({ status }) => status))], [480]);
  assert.equal(t.exchange.dispatcher.generation.number, RELOADS + 1);
  await t.run(300_000); // The last request of each has ended; the timer that would end it by force holds it no more.
  collectGarbage();
  assert.ok(generations.filter((kept) => kept.deref() !== undefined).length <= 2);
  t.stop();
});

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
