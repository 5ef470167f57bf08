import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakes } from '../src/testing/fakes.ts';
import { assertQuiet } from '../src/testing/quiet.ts';
import { town } from '../src/testing/town.ts';
import redirectServer from './redirect-server.ts';

test('a caller learns where the callee is, and the exchange keeps nothing', async () => {
  const t = await town(redirectServer, { people: { alice: {}, bob: {} } });
  await t.phone('bob').register();

  const call = t.phone('alice').dial('sip:bob@example.com');
  await t.run(1_000);

  assert.equal(call.status, 302);
  assert.match(t.ladder(), /302/);
  assert.equal(t.phone('bob').incoming.length, 0);
  await assertQuiet(t);
  t.stop();
});

// [who, request, status]
const ROWS = [
  ['nobody there', 'INVITE sip:bob@example.com SIP/2.0\nFrom: <sip:alice@example.com>;tag=1', 480],
  ['a stranger', 'INVITE sip:bob@example.com SIP/2.0\nFrom: <sip:eve@evil.org>;tag=1', 403],
  ['another domain', 'INVITE sip:bob@elsewhere.net SIP/2.0\nFrom: <sip:alice@example.com>;tag=1', 404],
] as const;

for (const [who, request, status] of ROWS) {
  test(`${who}: ${status}`, async () => {
    const decision = await redirectServer(fakes()).decide(request);

    assert.equal(decision.do === 'reply' && decision.status, status);
  });
}
