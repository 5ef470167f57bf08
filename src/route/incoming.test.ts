import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { stampReceived, topVia } from '../sip/via.ts';
import { simWorld } from '../testing/sim-world.ts';
import { transactionKey } from '../transaction/key.ts';
import { TransactionLayer } from '../transaction/layer.ts';
import type { Flow } from '../transport/flow.ts';
import { Incoming } from './incoming.ts';

/** The flow of a peer: keeps what was sent, with the port it went to. */
class Ear implements Flow {
  readonly transport = 'udp';
  readonly open = true;
  readonly sentBy = '192.0.2.1:5060';
  readonly reliable: boolean;
  readonly heard: string[];
  readonly remote: Endpoint;

  constructor(port: number, heard: string[] = [], reliable = false) {
    this.remote = new Endpoint('192.0.2.11', port);
    this.heard = heard;
    this.reliable = reliable;
  }

  toPort = (port: number): Flow => new Ear(port, this.heard);
  watch(): void {}
  unwatch(): void {}

  send(text: string): boolean {
    this.heard.push(`${this.remote.port} ${text.substring(8, 11)}`);
    return true;
  }
}

function arriving(
  method: string,
  options: { via?: string; transactionsMax?: number; reliable?: boolean } = {},
) {
  const layer = new TransactionLayer(simWorld(1), { transactionsMax: options.transactionsMax ?? 10 });
  const via = options.via ?? 'SIP/2.0/UDP 192.0.2.11:5062;branch=z9hG4bKa';
  const fields = [`Via: ${via}`, 'From: <sip:a@h>;tag=f', 'To: <sip:b@h>', 'Call-ID: c', `CSeq: 1 ${method}`];
  const request = parseMessage([`${method} sip:b@h SIP/2.0`, ...fields, '', ''].join('\r\n'));
  assert.ok(request instanceof SipRequest);
  const flow = new Ear(40_000, [], options.reliable);
  const first = topVia(request.headers);
  assert.ok(first !== undefined);
  stampReceived(request.headers, first, flow.remote.host, flow.remote.port);
  const span = topVia(request.headers);
  assert.ok(span !== undefined);
  const incoming = new Incoming(layer, request, span, transactionKey(request, span, method), flow, 0);
  return { layer, incoming, request, heard: flow.heard };
}

// [method, status, transactions it leaves]
const refusals: readonly [string, number, number][] = [
  ['INVITE', 401, 0],
  ['INVITE', 407, 0],
  ['INVITE', 404, 1],
  ['INVITE', 180, 1],
  ['REGISTER', 401, 0],
  ['REGISTER', 200, 0],
  ['MESSAGE', 404, 0],
];

for (const [method, status, count] of refusals) {
  test(`${status} to ${method} leaves ${count === 0 ? 'no transaction' : 'a transaction'}`, () => {
    const { layer, incoming, heard } = arriving(method);
    incoming.reply(status);

    assert.deepEqual([layer.count, heard], [count, [`5062 ${status}`]]);
  });
}

test('once somebody waits, a challenge belongs to the transaction', () => {
  const { layer, incoming, heard } = arriving('INVITE');
  incoming.open();
  incoming.reply(407);

  assert.deepEqual([layer.count, heard, incoming.answered], [1, ['5062 407'], true]);
});

test('an answer is given once', () => {
  const { incoming, heard } = arriving('INVITE');
  incoming.reply(180);
  incoming.reply(404);
  incoming.reply(500);
  incoming.reply(180);

  assert.deepEqual(heard, ['5062 180', '5062 404']);
});

test('no room: 503 without a transaction, and nothing after it', () => {
  const { layer, incoming, heard } = arriving('INVITE', { transactionsMax: 0 });

  assert.equal(incoming.open(), undefined);
  assert.deepEqual([layer.count, layer.counters.refused, heard], [0, 1, ['5062 503']]);
});

test('who gave up is over, and still waits for its answer', () => {
  const { incoming } = arriving('INVITE');
  const server = incoming.open();
  assert.ok(server !== undefined);
  assert.deepEqual([incoming.over, incoming.answered], [false, false]);

  server.cancelled = true;
  assert.deepEqual([incoming.over, incoming.answered], [true, false]);
});

test('a transaction that is another request by now is left alone', () => {
  const { layer, incoming, request, heard } = arriving('MESSAGE');
  const server = incoming.open();
  assert.ok(server !== undefined);
  server.forget();
  const via = topVia(request.headers);
  assert.ok(via !== undefined);
  const next = layer.openServer(transactionKey(request, via, 'MESSAGE'), request, incoming.flow, 0);
  assert.equal(next, server, 'the slot is used again');

  incoming.reply(200);
  assert.deepEqual([incoming.answered, heard, next.status], [true, [], 0]);
});

// RFC 3261 §18.2.2, RFC 3581 §4. [Via that came from port 40000, over a stream, the port answered]
const ways: readonly [string, string, boolean, number][] = [
  ['the port of sent-by', 'SIP/2.0/UDP 192.0.2.11:5062;branch=z9hG4bKa', false, 5062],
  ['5060 when sent-by names none', 'SIP/2.0/UDP 192.0.2.11;branch=z9hG4bKa', false, 5060],
  ['the source port with rport', 'SIP/2.0/UDP 192.0.2.11:5062;rport;branch=z9hG4bKa', false, 40_000],
  ['the source port with rport at the end', 'SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bKa;rport', false, 40_000],
  ['the source port, oddly asked for', 'SIP/2.0/UDP 10.0.0.1:5062 ; branch=z9hG4bKa ; RPort', false, 40_000],
  ['a parameter that only ends so', 'SIP/2.0/UDP 192.0.2.11:5062;xrport=1;branch=z9hG4bKa', false, 5062],
  ['the connection it came by', 'SIP/2.0/TCP 192.0.2.11:5062;branch=z9hG4bKa', true, 40_000],
];

for (const [what, via, reliable, port] of ways) {
  test(`an answer goes to ${what}, also after a script has edited the request`, () => {
    const { incoming, request, heard } = arriving('INVITE', { via, reliable });
    request.headers.add('X-Long', 'x'.repeat(300), 'top');
    request.uriText = 'sip:another@example.com';
    incoming.reply(404);

    assert.deepEqual(heard, [`${port} 404`]);
  });
}
