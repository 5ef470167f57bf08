import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertQuiet } from '../src/testing/quiet.ts';
import { type Town, town } from '../src/testing/town.ts';
import huntGroup from './hunt-group.ts';

async function open(there: readonly string[]): Promise<Town> {
  const t = await town(huntGroup, { people: { dora: {}, alice: {}, bob: {}, carol: {}, operator: {} } });
  for (const name of there) await t.phone(name).register();
  return t;
}

test('one after the other until somebody answers: the busy one is passed over, the silent one rings 15 s', async () => {
  const t = await open(['alice', 'bob', 'carol', 'operator']);
  t.phone('alice').answers = { afterMs: 100, status: 486 };
  t.phone('bob').answers = 'ring';

  const call = t.phone('dora').dial('sip:sales@example.com');
  await t.run(10_000);
  assert.equal(call.state, 'ringing');
  await t.run(10_000);

  assert.equal(call.state, 'talking');
  const got = ['alice', 'bob', 'carol', 'operator'].map((name) => t.phone(name).incoming.length);
  assert.deepEqual(got, [1, 1, 1, 0]);
  assert.equal(t.phone('bob').incoming[0]?.state, 'ended');
  call.hangUp();
  await t.run(1_000);
  await assertQuiet(t);
  t.stop();
});

test('when nobody of the group is there the operator answers', async () => {
  const t = await open(['operator']);

  const call = t.phone('dora').dial('sip:sales@example.com');
  await t.run(3_000);

  assert.equal(call.state, 'talking');
  t.stop();
});

test('somebody who is no group is called himself, and the operator is left alone', async () => {
  const t = await open(['alice', 'operator']);
  t.phone('alice').answers = { afterMs: 100, status: 486 };

  const call = t.phone('dora').dial('sip:alice@example.com');
  await t.run(3_000);

  assert.equal(call.status, 486);
  assert.equal(t.phone('operator').incoming.length, 0);
  t.stop();
});
