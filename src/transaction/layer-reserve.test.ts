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
  watch() {},
  unwatch() {},
};

/** Whether the layer takes a request with a branch of its own. */
function opens(layer: TransactionLayer, method: string, toTag = '', from = path): boolean {
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
  return layer.openServer(transactionKey(asked, via, method), asked, from, 0) !== undefined;
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

const flowOf = (host: string): Flow => ({ ...path, remote: new Endpoint(host, 5060) });

//  who holds all it may        who asks then         is served
const others: readonly [string, string, boolean][] = [
  ['192.0.2.12', '192.0.2.12', false],
  ['192.0.2.12', '::ffff:192.0.2.12', false],
  ['192.0.2.12', '192.0.2.13', true],
  ['2001:db8::1', '2001:db8::2', false],
  ['2001:db8::1', '2001:db8:0:1::1', true],
  ['192.0.2.99', '192.0.2.99', true],
];

for (const [holds, asks, served] of others) {
  test(`while ${holds} holds all it may, ${asks} is ${served ? '' : 'not '}served`, () => {
    const isUnlimited = ({ remote }: Flow): boolean => remote.host === '192.0.2.99';
    const layer = new TransactionLayer(simWorld(1), { transactionsMax: MAX, sourceMax: 4, isUnlimited });

    const taken = Array.from({ length: 4 }, () => opens(layer, 'OPTIONS', '', flowOf(holds)));

    assert.deepEqual(taken, [true, true, true, true]);
    assert.equal(opens(layer, 'OPTIONS', '', flowOf(asks)), served);
    assert.deepEqual([layer.counters.crowding, layer.counters.refused], [served ? 0 : 1, 0]);
  });
}

test('a source that holds all it may begin is served as much again within dialogs, and no more', () => {
  const layer = new TransactionLayer(simWorld(1), { transactionsMax: MAX, sourceMax: 4 });
  for (let i = 0; i < 4; i++) opens(layer, 'INVITE');

  const within = Array.from({ length: 5 }, () => opens(layer, 'BYE', ';tag=t'));

  assert.deepEqual(within, [true, true, true, true, false]);
  assert.equal(opens(layer, 'INVITE'), false);
});
