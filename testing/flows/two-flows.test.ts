/** A device with two flows (RFC 5626) is called by one of them, and by the other where that leads nowhere. */
import assert from 'node:assert/strict';
import type { Town } from '../../src/testing/town.ts';
import { BOB, DEVICE, flow, Neighbour } from './registered.ts';

const EDGES = ['192.0.2.61', '192.0.2.62'] as const;

/** Bob's device has two flows, one through each edge; what they answer to what comes for him. */
async function twoFlows(
  t: Town,
  answers: Readonly<Record<(typeof EDGES)[number], number | undefined>>,
): Promise<readonly Neighbour[]> {
  const edges = EDGES.map((host) => new Neighbour(t, host));
  for (const edge of edges) {
    await edge.open(t, ({ method }) =>
      method === 'INVITE' ? answers[edge.stranger.host as (typeof EDGES)[number]] : 200,
    );
  }
  for (const [at, edge] of edges.entries()) {
    const { host } = edge.stranger;
    edge.ask('REGISTER', 'sip:example.com', [
      `Via: SIP/2.0/TLS 10.0.0.5;branch=z9hG4bK${at}`,
      `From: <${BOB}>;tag=1`,
      `To: <${BOB}>`,
      `Contact: <sip:bob@10.0.0.5>;reg-id=${at + 1};${DEVICE}`,
      'Supported: path, outbound',
      `Path: <sip:flow@${host};lr;ob>`,
    ]);
    await t.run(50);
  }
  return edges;
}

flow(
  'register-flow-failed',
  'A device has two flows through two edge proxies: the later one is gone (430), and the call takes the other',
  {},
  async (t) => {
    const edges = await twoFlows(t, { [EDGES[0]]: 200, [EDGES[1]]: 430 });

    const call = t.phone('alice').dial(BOB);
    await t.run(100);
    call.hangUp();
    await t.run(100);

    assert.deepEqual([edges[0]?.statuses, edges[1]?.statuses], [[200], [200]]);
    assert.deepEqual(edges.at(0)?.got('INVITE').headers.all('Route'), [`<sip:flow@${EDGES[0]};lr;ob>`]);
    assert.equal(call.status, 200);
    const left = await lookup(t);
    assert.deepEqual(left, [1], 'the flow that failed is forgotten');
  },
);

flow(
  'register-flow-silent',
  'A device has two flows: nobody answers by the later one, and after five seconds the call takes the other',
  {},
  async (t) => {
    await twoFlows(t, { [EDGES[0]]: 200, [EDGES[1]]: undefined });

    const call = t.phone('alice').dial(BOB);
    await t.run(6_000);
    call.hangUp();
    await t.run(40_000);

    assert.equal(call.status, 200);
    const left = await lookup(t);
    assert.deepEqual(left, [2, 1], 'silence is no proof that the flow is gone');
  },
);

flow(
  'register-flow-rang',
  'A device has two flows and rings by the later one: it has had the call, and is not rung by the other',
  {},
  async (t) => {
    const edges = await twoFlows(t, { [EDGES[0]]: 200, [EDGES[1]]: 180 });

    const call = t.phone('alice').dial(BOB);
    await t.run(300_000);

    assert.equal(call.status, 408);
    assert.throws(() => edges[0]?.got('INVITE'));
  },
);

/** The reg-ids of bob's bindings, by a REGISTER that asks for them. */
async function lookup(t: Town): Promise<number[]> {
  const query = new Neighbour(t, '192.0.2.70');
  await query.open(t, () => undefined);
  query.ask('REGISTER', 'sip:example.com', [`From: <${BOB}>;tag=1`, `To: <${BOB}>`]);
  await t.run(50);
  return Array.from(query.stranger.heard.join('').matchAll(/reg-id=(\d+)/g), ([, id]) => Number(id));
}
