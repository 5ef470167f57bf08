/** What is recorded of calls of two legs when not the first callee takes them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { b2bTo } from '../../src/agent/b2b.ts';
import { Router, script } from '../../src/index.ts';
import { parseUri } from '../../src/sip/uri.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { town } from '../../src/testing/town.ts';

const HOSTS = { alice: '192.0.2.11', bob: '192.0.2.12', carol: '192.0.2.13' };
const people = Object.fromEntries(Object.entries(HOSTS).map(([name, host]) => [name, { host }]));
const at = (name: 'bob' | 'carol') => ({ uri: parseUri(`sip:${name}@${HOSTS[name]}:5060`) });

for (const way of ['serial', 'parallel'] as const) {
  test(`a call whose first callee rang and declined lasts as long as the second talks, rung ${way}`, async () => {
    const plan =
      way === 'serial' ? { serial: [at('bob'), at('carol')] } : { parallel: [at('bob'), at('carol')] };
    const t = await town(
      script(() => new Router().invite((c) => c.answer(b2bTo(plan, { talkMsMax: 60_000 })))),
      { people },
    );
    t.phone('bob').answers = { afterMs: 500, status: 486 };
    t.phone('carol').answers = { afterMs: 1_500 };
    const call = t.phone('alice').dial('sip:bob@example.com');
    await t.run(20_000);

    assert.equal(call.state, 'talking');
    assert.equal(t.cdrs().length, 0, 'no call is over that is talked in');
    call.hangUp();
    await t.run(1_000);
    const [record] = t.cdrs();
    assert.equal(record?.endedBy, 'caller');
    assert.ok(Number(record?.durationMs) > 15_000, `${record?.durationMs} ms`);
    await assertQuiet(t);
    t.stop();
  });
}
