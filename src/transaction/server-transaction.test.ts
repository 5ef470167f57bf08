import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { parseMessage } from '../sip/parse.ts';
import { topVia } from '../sip/via.ts';
import { simWorld } from '../testing/sim-world.ts';
import type { Flow } from '../transport/flow.ts';
import { transactionKey } from './key.ts';
import { TransactionLayer } from './layer.ts';

/** A path on which nothing is sent. */
function pathBy(transport: 'udp' | 'tcp'): Flow {
  const path: Flow = {
    transport,
    remote: new Endpoint('192.0.2.12', 5060),
    sentBy: '192.0.2.1:5060',
    open: true,
    reliable: transport === 'tcp',
    toPort: () => path,
    send: () => true,
    watch() {},
    unwatch() {},
  };
  return path;
}

// An INVITE is answered by these, and then the slab holds so many bytes: a slot for 600, or none.
// oxfmt-ignore
const cases: readonly [statuses: number[], transport: 'udp' | 'tcp', kept: number][] = [
  [[],              'udp',   0],
  [[180],           'udp', 768],
  [[100, 180, 183], 'udp', 768],
  [[180, 486],      'udp', 768],
  // RFC 6026 §7.1: an INVITE that comes again after a 2xx is absorbed, so nothing is needed for it.
  [[180, 200],      'udp',   0],
  [[180, 200, 200], 'udp',   0],
  [[180, 486],      'tcp',   0],
];

for (const [statuses, transport, kept] of cases) {
  test(`after ${statuses.join(', ') || 'no answer'} by ${transport} a transaction keeps ${kept} bytes`, () => {
    const layer = new TransactionLayer(simWorld(1), { transactionsMax: 4 });
    const lines = ['INVITE sip:b@h SIP/2.0', 'Via: SIP/2.0/UDP 192.0.2.12;branch=z9hG4bKa', 'CSeq: 1 INVITE'];
    const asked = parseMessage([...lines, '', ''].join('\r\n'));
    assert.ok(asked.kind === 'request');
    const via = topVia(asked.headers);
    assert.ok(via !== undefined);
    const server = layer.openServer(transactionKey(asked, via, 'INVITE'), asked, pathBy(transport), 0);

    for (const status of statuses) server?.respond(status, 'x'.repeat(600));

    assert.equal(layer.slab.bytesUsed, kept);
  });
}
