import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { simWorld } from '../testing/sim-world.ts';
import type { Flow } from '../transport/flow.ts';
import { TransactionLayer } from './layer.ts';

test('a Via names the transport and our address of its own flow, whichever came before', () => {
  const layer = new TransactionLayer(simWorld(1), { transactionsMax: 8 });
  const user = { response() {}, failed() {}, timer() {} };
  const starts = [
    ['udp', '192.0.2.1:5060', 'Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK'],
    ['tcp', '192.0.2.1:5060', 'Via: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bK'],
    ['tcp', '[2001:db8::1]', 'Via: SIP/2.0/TCP [2001:db8::1];branch=z9hG4bK'],
    ['wss', '[2001:db8::1]', 'Via: SIP/2.0/WSS [2001:db8::1];branch=z9hG4bK'],
    ['udp', '192.0.2.1:5060', 'Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK'],
  ] as const;

  const vias = starts.map(([transport, sentBy]) => {
    const path: Flow = {
      transport,
      remote: new Endpoint('192.0.2.12', 5060),
      sentBy,
      open: true,
      reliable: transport !== 'udp',
      toPort: () => path,
      send: () => true,
      watch() {},
      unwatch() {},
    };
    return layer.openClient(path, { method: 'OPTIONS', cseq: 1 }, 0, user)?.via(123_456_789) ?? '';
  });

  assert.deepEqual(
    vias.map((via, i) => via.substring(0, starts[i]?.[2].length)),
    starts.map(([, , start]) => start),
  );
});
