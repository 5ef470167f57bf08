import assert from 'node:assert/strict';
import { test } from 'node:test';
import registrarProxy from '../../examples/registrar-proxy.ts';
import { town } from './town.ts';

test('two registered phones call each other through the exchange', async () => {
  const t = await town(registrarProxy, { seed: 7, people: { alice: {}, bob: {} } });
  assert.equal(await t.phone('alice').register(), 200);
  assert.equal(await t.phone('bob').register(), 200);

  const call = t.phone('alice').dial('sip:bob@example.com');
  await t.run(5_000);
  assert.equal(call.state, 'talking');
  call.hangUp();
  await t.run(1_000);

  assert.equal(t.phone('bob').calls[0]?.endedBy, 'them');
  assert.deepEqual(
    t.cdrs().map(({ caller, status, endedBy }) => [caller, status, endedBy]),
    [['alice@example.com', 200, 'caller']],
  );
  assert.match(t.ladder(), /^seconds +alice +tandem +bob$/m);
  t.stop();
});

test('a wrong password and a call to nobody are refused', async () => {
  const t = await town(registrarProxy, { people: { alice: {}, bob: { phonePassword: 'guessed' } } });

  const registered = await t.phone('bob').register();
  const call = t.phone('alice').dial('sip:bob@example.com');
  await t.run(1_000);

  assert.equal(registered, 401);
  assert.deepEqual([call.state, call.status], ['ended', 480]);
  t.stop();
});

test('the same seed gives the same town, also when a third of all datagrams is lost', async () => {
  const traceOf = async (seed: number): Promise<string> => {
    const t = await town(registrarProxy, { seed, people: { alice: {}, bob: { transport: 'tcp' } } });
    t.net.loss(0.3);
    await t.phone('bob').register();
    const call = t.phone('alice').dial('sip:bob@example.com');
    await t.run(30_000);
    call.hangUp();
    await t.run(32_000);
    assert.equal(t.phone('bob').calls.length, 1);
    assert.equal(call.byeStatus, 200);
    t.stop();
    return t.world.trace.join('\n');
  };

  assert.equal(await traceOf(3), await traceOf(3));
});
