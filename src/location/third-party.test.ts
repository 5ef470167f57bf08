import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registrarProxy } from '../testing/town-scripts.ts';
import { town } from '../testing/town.ts';

// RFC 3261 §10.3 step 4: whose address is registered, who proves who he is, what he is answered.
const asked: readonly [to: string, status: number][] = [
  ['sip:alice@example.com', 200],
  ['sip:%61lice@EXAMPLE.com', 200],
  ['sip:bob@example.com', 403],
  ['sip:Alice@example.com', 403],
  ['sip:alice@example.org', 401],
];

for (const [to, status] of asked) {
  test(`alice registers ${to}: ${status}`, async () => {
    const t = await town(registrarProxy, { people: { alice: {}, bob: {} } });

    const answer = await t.phone('alice').request('REGISTER', 'sip:example.com', {
      headers: [['Contact', '<sip:alice@192.0.2.11:5060>']],
    });
    const answers = await t.phone('alice').request('REGISTER', to, {
      headers: [['Contact', '<sip:alice@192.0.2.11:5060>']],
    });

    assert.equal(answers, status);
    assert.ok(answer !== 200, 'the domain itself is not hers');
    t.stop();
  });
}
