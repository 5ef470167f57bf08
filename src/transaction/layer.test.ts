import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { topVia } from '../sip/via.ts';
import { simWorld } from '../testing/sim-world.ts';
import type { Flow, FlowWatcher } from '../transport/flow.ts';
import type { ClientTransaction, ClientUser } from './client-transaction.ts';
import { transactionKey } from './key.ts';
import { TransactionLayer } from './layer.ts';

/** A path that keeps what goes out, as `INVITE` or `200 INVITE`. */
class Path implements Flow {
  readonly transport: 'udp' | 'tcp';
  readonly remote = new Endpoint('192.0.2.12', 5060);
  readonly sentBy = '192.0.2.1:5060';
  readonly open = true;
  readonly texts: string[] = [];
  takes = true;
  private readonly watchers = new Set<FlowWatcher>();

  constructor(transport: 'udp' | 'tcp' = 'udp') {
    this.transport = transport;
  }

  get reliable(): boolean {
    return this.transport === 'tcp';
  }

  toPort = (): Flow => this;

  send(text: string): boolean {
    if (this.takes) this.texts.push(text);
    return this.takes;
  }

  watch = (watcher: FlowWatcher): void => void this.watchers.add(watcher);
  unwatch = (watcher: FlowWatcher): void => void this.watchers.delete(watcher);

  break(): void {
    for (const watcher of this.watchers) watcher.flowBroke();
  }

  get sent(): string[] {
    return this.texts.map((text) => {
      const message = parseMessage(text);
      if (message.kind === 'request') return message.method;
      return message.kind === 'response' ? `${message.status} ${message.method}` : message.why;
    });
  }
}

class User implements ClientUser {
  readonly said: string[] = [];
  response = (_client: ClientTransaction, response: SipResponse): void =>
    void this.said.push(String(response.status));
  failed = (_client: ClientTransaction, why: string): void => void this.said.push(why);
  timer = (_client: ClientTransaction, code: number): void => void this.said.push(`timer ${code}`);
}

const OPTIONS = { method: 'OPTIONS', cseq: 1 };

function request(method: string, via: string): SipRequest {
  const fields = [via.trimEnd(), 'From: <sip:a@h>;tag=f', 'To: <sip:b@h>', 'Call-ID: c', `CSeq: 1 ${method}`];
  const message = parseMessage([`${method} sip:b@h SIP/2.0`, ...fields, '', ''].join('\r\n'));
  assert.ok(message.kind === 'request');
  return message;
}

function response(via: string, status: number, method: string, cseq = '1'): SipResponse {
  const parties = ['From: <sip:a@h>;tag=f', 'To: <sip:b@h>;tag=t', 'Call-ID: c'];
  const fields = [via.trimEnd(), ...parties, `CSeq: ${cseq} ${method}`];
  const message = parseMessage([`SIP/2.0 ${status} Why`, ...fields, '', ''].join('\r\n'));
  assert.ok(message.kind === 'response');
  return message;
}

function opened(method: string, transport: 'udp' | 'tcp' = 'udp') {
  const world = simWorld(1);
  const layer = new TransactionLayer(world, { transactionsMax: 4 });
  const path = new Path(transport);
  const user = new User();
  const client = layer.openClient(path, { method, cseq: 1 }, 0, user);
  assert.ok(client !== undefined);
  const via = client.via(123_456_789);
  const answers = (status: number, of = method): boolean => layer.receiveResponse(response(via, status, of));
  const begin = (): void => client.begin(request(method, via).text);
  return { world, layer, path, user, client, via, answers, begin };
}

test('who knows one branch of ours cannot make up another: a response to it reaches nobody', () => {
  const { layer, via, user } = opened('INVITE');
  const others = new User();
  const other = layer.openClient(new Path(), { method: 'INVITE', cseq: 1 }, 0, others);
  assert.ok(other !== undefined);
  other.begin(request('INVITE', other.via(123_456_789)).text);
  const known = /branch=(\S+)/.exec(via)?.[1] ?? '';
  const aimed = /branch=(\S+)/.exec(other.via(123_456_789))?.[1] ?? '';
  // All that can be counted is the slot and the generation; the rest is what he was told of his own.
  const counted = layer.branchPrefix.length + '10000000.100000000.'.length;
  const forged = aimed.substring(0, counted) + known.substring(counted);

  assert.notEqual(forged, aimed);
  assert.equal(layer.receiveResponse(response(via.replace(known, forged), 486, 'INVITE')), false);
  assert.equal(layer.receiveResponse(response(via.replace(known, aimed), 486, 'INVITE')), true);
  assert.deepEqual([user.said, others.said], [[], ['486']]);
});

function served(method: string, transport: 'udp' | 'tcp' = 'udp') {
  const world = simWorld(1);
  const layer = new TransactionLayer(world, { transactionsMax: 4 });
  const path = new Path(transport);
  const asked = request(method, 'Via: SIP/2.0/UDP 192.0.2.12;branch=z9hG4bKa');
  const via = topVia(asked.headers);
  assert.ok(via !== undefined);
  const key = transactionKey(asked, via, method);
  const server = layer.openServer(key, asked, path, 0);
  assert.ok(server !== undefined);
  return { world, layer, path, server, key, asked };
}

test('our branch has a fixed length and names the transaction; a stranger’s response finds nobody', () => {
  const { layer, via, answers, begin, user } = opened('OPTIONS');
  begin();

  assert.match(
    via,
    /^Via: SIP\/2\.0\/UDP 192\.0\.2\.1:5060;branch=z9hG4bK[\w-]+\d{8}(?:\.\d{9}){2}\.123456789\r\n$/,
  );
  const strangers = [
    via.replace(/\.\d{9}\./, '.100000000.'),
    via.replace(/(\d{8})\.(\d{9})/, '99999999.$2'),
    via.replace(/(\d{8})\.(\d{9})/, '0000000x.$2'),
    via.replace('z9hG4bK', 'z9hG4bKx'),
    via.replace(/;branch=\S+/, ''),
  ];
  for (const forged of strangers)
    assert.equal(layer.receiveResponse(response(forged, 200, 'OPTIONS')), false, forged);
  assert.deepEqual([layer.counters.strayResponses, user.said], [strangers.length, []]);
  assert.equal(answers(200), true);
  assert.deepEqual(user.said, ['200']);
});

test('a transaction that has ended is nobody’s, also when its slot is used again', async () => {
  const { world, layer, path, user, answers, begin } = opened('OPTIONS');
  begin();
  answers(200);
  await world.run(5_100);
  assert.equal(layer.count, 0);
  const next = new User();
  const again = layer.openClient(path, OPTIONS, 0, next);

  assert.equal(again?.slot, 0);
  assert.equal(answers(200), false);
  assert.deepEqual([user.said, next.said], [['200'], []]);
});

// RFC 3261 §17.1.3. [what was asked, CSeq number and method of the response, whether it is the answer]
const answered: readonly [string, string, string, boolean][] = [
  ['OPTIONS', '1', 'OPTIONS', true],
  ['OPTIONS', '001', '\t OPTIONS', true],
  ['OPTIONS', '1', 'INVITE', false],
  ['OPTIONS', '1', 'OPTION', false],
  ['OPTIONS', '1', 'XOPTIONS', false],
  ['OPTIONS', '1', 'CANCEL', false],
  ['OPTIONS', '2', 'OPTIONS', false],
  ['OPTIONS', '11', 'OPTIONS', false],
  ['INVITE', '1', 'INVITE', true],
  ['INVITE', '9', 'INVITE', false],
  ['INVITE', '1', 'MESSAGE', false],
  ['INVITE', '1', 'CANCEL', false], // None was sent.
];

for (const [method, cseq, of, isAnswer] of answered) {
  test(`a response with CSeq ${cseq} ${of} is ${isAnswer ? 'the' : 'no'} answer to 1 ${method}`, () => {
    const { layer, user, begin, via } = opened(method);
    begin();

    assert.equal(layer.receiveResponse(response(via, 486, of, cseq)), isAnswer);
    assert.deepEqual(user.said, isAnswer ? ['486'] : []);
    assert.equal(layer.counters.strayResponses, isAnswer ? 0 : 1);
  });
}

// RFC 3261 §16.7 step 3.
for (const status of [180, 200, 487]) {
  test(`a ${status} to a relayed request without a Via below ours`, () => {
    const { layer, user, client, begin, via } = opened('INVITE');
    client.isRelayed = true;
    begin();

    assert.equal(layer.receiveResponse(response(via, status, 'INVITE')), status === 487);
    const below = `${via}Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bKa`;
    assert.equal(layer.receiveResponse(response(below, status, 'INVITE')), true);
    assert.deepEqual(user.said, [`${status}`]);
  });
}

for (const [method, status] of [
  ['INVITE', 200],
  ['INVITE', 486],
  ['OPTIONS', 200],
] as const) {
  test(`whoever throws at a ${status} to ${method} leaves no transaction behind`, async () => {
    const { world, layer, user, begin, answers } = opened(method);
    user.response = () => {
      throw new Error('a mistake');
    };
    begin();

    assert.throws(() => answers(status), /a mistake/);
    await world.run(33_000);

    assert.deepEqual([layer.count, layer.slab.bytesUsed], [0, 0]);
  });
}

test('our To tags say nothing of our branches', () => {
  const { layer, asked } = served('OPTIONS');
  const secret = layer.branchPrefix.substring('z9hG4bK'.length);

  assert.ok(secret.length >= 6);
  assert.ok(!layer.toTag(asked).includes(secret));
});

// RFC 3261 §17.1. [method, transport, when it is sent, in milliseconds]
const repetitions: readonly [string, 'udp' | 'tcp', number[]][] = [
  ['INVITE', 'udp', [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]],
  ['INVITE', 'tcp', [0]],
  ['OPTIONS', 'udp', [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]],
  ['OPTIONS', 'tcp', [0]],
];

for (const [method, transport, times] of repetitions) {
  test(`${method} over ${transport} without an answer: sent ${times.length} times, then given up`, async () => {
    const { world, layer, path, user, begin } = opened(method, transport);
    begin();
    for (const [i, at] of times.entries()) {
      await world.run(at - world.clock.now() + 20);
      assert.equal(path.sent.length, i + 1, `${i + 1} by ${at} ms`);
    }
    await world.run(33_000 - world.clock.now());

    assert.deepEqual([path.sent.length, user.said], [times.length, ['timeout']]);
    assert.deepEqual([layer.count, layer.slab.bytesUsed], [0, 0]);
  });
}

test('CANCEL waits for a provisional response, and is sent once', () => {
  const { path, client, answers, begin } = opened('INVITE');
  begin();
  client.cancel('SIP;cause=200');
  client.cancel();
  assert.deepEqual(path.sent, ['INVITE']);

  answers(100);
  answers(180);
  assert.deepEqual(path.sent, ['INVITE', 'CANCEL']);
  assert.match(path.texts[1]!, /^Reason: SIP;cause=200\r$/m);
});

test('a refusal is acknowledged as often as it comes, and passed once', async () => {
  const { world, layer, path, user, answers, begin } = opened('INVITE');
  begin();
  for (const status of [180, 486, 486]) answers(status);

  assert.deepEqual(
    [user.said, path.sent],
    [
      ['180', '486'],
      ['INVITE', 'ACK', 'ACK'],
    ],
  );
  await world.run(33_000);
  assert.deepEqual([layer.count, layer.slab.bytesUsed], [0, 0]);
});

test('every 2xx to INVITE is passed, for 32 s; none is acknowledged by us', async () => {
  const { world, layer, path, user, answers, begin } = opened('INVITE');
  begin();
  for (const status of [200, 200, 486]) answers(status);
  assert.deepEqual([user.said, path.sent], [['200', '200'], ['INVITE']]);

  await world.run(33_000);
  assert.deepEqual([answers(200), layer.count], [false, 0]);
});

test('the answer to a CANCEL is the CANCEL’s own', async () => {
  const { world, layer, user, client, answers, begin } = opened('INVITE');
  begin();
  answers(180);
  client.cancel();
  assert.equal(layer.clientCount, 2);
  answers(200, 'CANCEL');
  answers(487);

  assert.deepEqual(user.said, ['180', '487']);
  await world.run(40_000);
  assert.equal(layer.count, 0);
});

test('a path that does not take the request, or breaks, is told after begin has returned', async () => {
  const refused = opened('INVITE', 'tcp');
  refused.path.takes = false;
  refused.begin();
  assert.deepEqual(refused.user.said, []);
  await refused.world.run(1);

  const broken = opened('OPTIONS', 'tcp');
  broken.begin();
  broken.path.break();

  for (const { user, layer } of [refused, broken]) {
    assert.deepEqual([user.said, layer.count, layer.slab.bytesUsed], [['transport'], 0, 0]);
  }
});

test('a request again is answered again, or absorbed', async () => {
  const invite = served('INVITE');
  invite.server.requestAgain();
  assert.deepEqual(invite.path.sent, []);
  await invite.world.run(250);
  assert.deepEqual(invite.path.sent, ['100 INVITE']);
  invite.server.reply(180);
  invite.server.requestAgain();
  assert.deepEqual(invite.path.sent, ['100 INVITE', '180 INVITE', '180 INVITE']);

  const other = served('MESSAGE');
  other.server.requestAgain();
  other.server.reply(200);
  other.server.requestAgain();
  assert.deepEqual(other.path.sent, ['200 MESSAGE', '200 MESSAGE']);
  assert.equal(other.layer.findServer(other.key), other.server);
});

for (const [method, transport, ms] of [
  ['MESSAGE', 'udp', 32_000],
  ['MESSAGE', 'tcp', 0],
] as const) {
  test(`${method} over ${transport} is remembered for ${ms} ms after its answer`, async () => {
    const { world, layer, server, key } = served(method, transport);
    server.reply(200);
    assert.equal(layer.findServer(key), server);
    await world.run(ms + 20);

    assert.equal(layer.findServer(key), undefined);
    assert.deepEqual([layer.count, layer.slab.bytesUsed], [0, 0]);
  });
}

test('a request that goes on without a transaction is forgotten at once', () => {
  const { layer, server, key } = served('MESSAGE');
  server.forget();

  assert.deepEqual([layer.findServer(key), layer.count, layer.slab.bytesUsed], [undefined, 0, 0]);
});

test('an abandoned request is absorbed and never answered', async () => {
  const { world, layer, path, server } = served('MESSAGE');
  server.abandon();
  server.requestAgain();
  assert.equal(server.status, 408, 'nobody answers it any more');
  await world.run(33_000);

  assert.deepEqual([path.sent, layer.count], [[], 0]);
});

test('no transaction beyond the limit, of either kind', () => {
  const { layer, path, asked, key } = served('MESSAGE');
  const user = new User();
  const clients = [1, 2, 3].map(() => layer.openClient(path, OPTIONS, 0, user));
  assert.ok(clients.every((client) => client !== undefined));

  assert.equal(layer.openClient(path, OPTIONS, 0, user), undefined);
  assert.equal(layer.openServer(key, asked, path, 0), undefined);
  assert.deepEqual([layer.count, layer.counters.refused], [4, 2]);
});

test('a mistake of ours in one timer stops no other', async () => {
  const { world, layer, path, client, begin } = opened('OPTIONS');
  begin();
  const broken: ClientUser = {
    response() {},
    failed() {},
    timer() {
      throw new Error('a mistake');
    },
  };
  const other = layer.openClient(path, OPTIONS, 0, broken);
  other?.startUserTimer(100, 40);
  await world.run(1_000);

  assert.equal(path.sent.length, 2);
  assert.equal(world.logged.filter(({ what }) => what === 'a timer could not be handled').length, 1);
  assert.equal(client.pending, true);
});
