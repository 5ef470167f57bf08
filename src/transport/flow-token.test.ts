import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { FLOW_TOKEN_LENGTH, FlowTokens, NO_FLOW } from './flow-token.ts';
import type { Flow, FlowWatcher, TransportName } from './flow.ts';

const HERE = '192.0.2.1:5060';
const THERE = '198.51.100.1:5060';

/** A flow that can be broken. */
function flowAt(
  transport: TransportName,
  host: string,
  port: number,
  sentBy = HERE,
): Flow & { break(): void } {
  const watchers: FlowWatcher[] = [];
  const state = { open: true };
  return {
    transport,
    reliable: transport !== 'udp',
    remote: new Endpoint(host, port),
    sentBy,
    get open() {
      return state.open;
    },
    toPort: () => assert.fail('not asked for'),
    send: () => true,
    watch: (watcher) => void watchers.push(watcher),
    unwatch() {},
    break() {
      state.open = false;
      for (const watcher of watchers) watcher.flowBroke();
    },
  };
}

function tokens(secret = 'secret', sockets = [HERE]): FlowTokens {
  return new FlowTokens(secret, new SimRandom(1), {
    udpFlowsTo: (host, port) => sockets.map((sentBy) => flowAt('udp', host, port, sentBy)),
  });
}

for (const host of [
  '192.0.2.7',
  '0.0.0.0',
  '2001:db8::7',
  '::1',
  'fe80::1:0:0:1',
  '2001:db8:1:2:3:4:5:6',
  '::',
]) {
  test(`a token leads back to ${host}, also after a restart`, () => {
    const token = tokens().tokenOf(flowAt('udp', host, 40001));

    const found = tokens().read(token)?.flow;

    assert.deepEqual(
      [token.length, found?.remote.host, found?.remote.port],
      [FLOW_TOKEN_LENGTH, host, 40001],
    );
  });
}

test('a datagram leaves from the socket of ours that the peer knows', () => {
  const both = tokens('secret', [HERE, THERE]);

  const found = both.read(both.tokenOf(flowAt('udp', '192.0.2.7', 5060, THERE)))?.flow;

  assert.equal(found?.sentBy, THERE);
  assert.deepEqual(tokens().read(both.tokenOf(flowAt('udp', '192.0.2.7', 5060, THERE))), { flow: undefined });
});

for (const transport of ['tcp', 'tls', 'ws', 'wss'] as const) {
  test(`a ${transport} connection is found while it stands, and one from the same port later is another`, () => {
    const all = tokens();
    const first = flowAt(transport, '192.0.2.7', 40001);
    const token = all.tokenOf(first);
    assert.equal(all.read(token)?.flow, first);
    assert.equal(all.tokenOf(first), token);

    first.break();
    const second = flowAt(transport, '192.0.2.7', 40001);

    assert.notEqual(all.tokenOf(second), token);
    assert.deepEqual(all.read(token), { flow: undefined });
    assert.equal(all.watched, 1);
  });
}

test('a token that we did not make names nothing, whichever bit was changed', () => {
  const ours = tokens();
  const token = ours.tokenOf(flowAt('udp', '192.0.2.7', 5060));
  const bytes = Buffer.from(token, 'base64url');

  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const other = Buffer.from(bytes);
    other[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(ours.read(other.toString('base64url')), undefined);
  }
  assert.equal(tokens('another secret').read(token), undefined);
  for (const text of ['', NO_FLOW, token.substring(1), `${token}A`, `${token.substring(1)}%`])
    assert.equal(ours.read(text), undefined);
});
