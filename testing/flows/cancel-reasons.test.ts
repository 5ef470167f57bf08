/** Why a caller gave up reaches the phones he rang: told "answered elsewhere", one shows no missed call. RFC 3326 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { b2bTo } from '../../src/agent/b2b.ts';
import { type RequestContext, Router, script } from '../../src/index.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { town } from '../../src/testing/town.ts';
import { at, HOSTS } from './flow.ts';

const ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"';
const ways: readonly [string, (c: RequestContext) => ReturnType<RequestContext['relay' | 'answer']>][] = [
  ['relayed', (c) => c.relay(at('bob'))],
  ['of two legs', (c) => c.answer(b2bTo(at('bob')))],
];

for (const [way, route] of ways) {
  for (const [reason, told] of [
    [ELSEWHERE, ELSEWHERE],
    ['', undefined],
  ] as const) {
    test(`a call ${way} is given up ${told === undefined ? 'without a word' : 'with a reason'}`, async () => {
      const t = await town(
        script(() => new Router().invite(route)),
        { people: { alice: { host: HOSTS.alice }, bob: { host: HOSTS.bob } } },
      );
      t.phone('bob').answers = 'ring';
      const call = t.phone('alice').dial('sip:bob@example.com', { headers: [['Reason', 'Q.850;cause=1']] });
      await t.run(1_000);
      call.cancel(reason);
      await t.run(1_000);

      const cancel = t.phone('bob').received.find(({ method }) => method === 'CANCEL');
      assert.ok(cancel !== undefined);
      assert.equal(cancel.headers.get('Reason'), told);
      await assertQuiet(t);
      t.stop();
    });
  }
}
