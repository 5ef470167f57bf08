import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { parseMessage } from '../sip/parse.ts';
import { topVia } from '../sip/via.ts';
import { simWorld } from '../testing/sim-world.ts';
import type { Flow } from '../transport/flow.ts';
import { transactionKey } from './key.ts';
import { TransactionLayer } from './layer.ts';

const MAX = 40;
const OPTIONS = { method: 'OPTIONS', cseq: 1 };

/** A path on which nothing is sent. */
const path: Flow = {
  transport: 'udp',
  remote: new Endpoint('192.0.2.12', 5060),
  sentBy: '192.0.2.1:5060',
  open: true,
  reliable: false,
  toPort: () => path,
  send: () => true,
  onBreak: () => ({ cancel: () => {} }),
};

/** Whether the layer takes a request with a branch of its own. */
function opens(layer: TransactionLayer, method: string, toTag = ''): boolean {
  const lines = [
    `${method} sip:b@h SIP/2.0`,
    `Via: SIP/2.0/UDP 192.0.2.12;branch=z9hG4bK${method}${toTag}${layer.serverCount}`,
    'From: <sip:a@h>;tag=f',
    `To: <sip:b@h>${toTag}`,
    'Call-ID: c',
    `CSeq: 1 ${method}`,
  ];
  const asked = parseMessage([...lines, '', ''].join('\r\n'));
  assert.ok(asked.kind === 'request');
  const via = topVia(asked.headers);
  assert.ok(via !== undefined);
  return layer.openServer(transactionKey(asked, via, method), asked, path, 0) !== undefined;
}

test('the last tenth of all transactions is left to dialogs that stand, and to CANCEL', () => {
  const layer = new TransactionLayer(simWorld(1), { transactionsMax: MAX });
  const user = { response() {}, failed() {}, timer() {} };
  for (let i = 0; i < MAX - 6; i++) layer.openClient(path, OPTIONS, 0, user);

  const begun = ['INVITE', 'INVITE', 'INVITE', 'REGISTER'].map((method) => opens(layer, method));
  const goingOn = ['BYE', 'INVITE', 'UPDATE'].map((method) => opens(layer, method, ';tag=t'));
  const cancelled = [opens(layer, 'CANCEL'), opens(layer, 'CANCEL')];

  assert.deepEqual(begun, [true, true, false, false]);
  assert.deepEqual(goingOn, [true, true, true]);
  assert.deepEqual(cancelled, [true, false]);
  assert.equal(layer.count, MAX);
});
