import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallObserver } from '../route/call-observer.ts';
import { parseMessage } from '../sip/parse.ts';
import type { SipRequest } from '../sip/message.ts';
import type { Flow } from '../transport/flow.ts';
import { RadiusServer } from '../testing/radius-server.ts';
import { simWorld, type SimWorld } from '../testing/sim-world.ts';
import {
  ACCOUNTING_STATUS,
  type AccountingNews,
  NEWS_AT_ONCE,
  RadiusAccounting,
} from './radius-accounting.ts';
import { RadiusCalls } from './radius-calls.ts';
import { RadiusClient } from './radius-client.ts';
import { RADIUS_ATTRIBUTES, RADIUS_CODES } from './radius-packet.ts';

const SECRET = 'between us';
const SERVER = { host: '192.0.2.51', port: 1813 };
const QUEUE_MAX = 100;
const RETRY_MS = 5000;
/** What a server that is silent is given, with the longest jitter. */
const PATIENCE_MS = 600 * 3 * 1.1 + 10;

interface Lab {
  readonly world: SimWorld;
  readonly server: RadiusServer;
  readonly accounting: RadiusAccounting;
}

async function lab(): Promise<Lab> {
  const world = simWorld(3);
  const server = new RadiusServer(SECRET);
  await world.until(server.listen(world.host(SERVER.host), SERVER));
  const client = new RadiusClient({
    world: world.host('192.0.2.1'),
    servers: [{ ...SERVER, secret: SECRET }],
    from: '',
    replyMs: 600,
    attempts: 2,
    deadMs: 30_000,
    requestsMax: 1000,
  });
  const { clock, log } = world;
  const accounting = new RadiusAccounting({
    client,
    clock,
    log,
    nasIdentifier: 'tandem',
    queueMax: QUEUE_MAX,
    retryMs: RETRY_MS,
  });
  return { world, server, accounting };
}

function stopOf(session: number): AccountingNews {
  const call = { session: String(session), callId: `c${session}`, caller: 'alice@example.com', callee: 'x' };
  return { status: ACCOUNTING_STATUS.stop, call, seconds: 7, cause: 1 };
}

/** The sessions the server has heard of, each once. */
function sessionsOf(server: RadiusServer): readonly string[] {
  const said = server.heard.map(
    (_, place) => new Map(server.said(place)).get(RADIUS_ATTRIBUTES.acctSessionId) ?? '',
  );
  return [...new Set(said)];
}

test('what no server took is told again, with how long it took', async () => {
  const { world, server, accounting } = await lab();
  server.manner.silent = true;
  accounting.tell(stopOf(1));
  await world.run(PATIENCE_MS);
  server.heard.length = 0;
  server.manner.silent = false;

  await world.run(RETRY_MS + 100);

  const said = new Map(server.said(0));
  assert.deepEqual([server.heard.length, server.heard[0]?.code], [1, RADIUS_CODES.accountingRequest]);
  const delay = Buffer.from(said.get(RADIUS_ATTRIBUTES.acctDelayTime) ?? '', 'latin1').readUInt32BE();
  assert.ok(delay >= 6 && delay <= 7, `${delay} s`);
  assert.equal(accounting.waiting, 0);
});

test('so many news wait; for one more the oldest is given up, and counted', async () => {
  const { world, server, accounting } = await lab();
  server.manner.silent = true;
  for (let i = 0; i < NEWS_AT_ONCE; i++) accounting.tell(stopOf(i));
  await world.run(PATIENCE_MS);
  for (let i = NEWS_AT_ONCE; i < QUEUE_MAX; i++) accounting.tell(stopOf(i));
  assert.deepEqual([accounting.waiting, accounting.lost], [QUEUE_MAX, 0]);

  accounting.tell(stopOf(QUEUE_MAX));
  assert.deepEqual([accounting.waiting, accounting.lost], [QUEUE_MAX, 1]);

  server.heard.length = 0;
  server.manner.silent = false;
  await world.run(RETRY_MS * 2);
  assert.deepEqual([sessionsOf(server).length, accounting.waiting], [QUEUE_MAX, 0]);
  assert.ok(sessionsOf(server).includes(String(QUEUE_MAX)));
});

test('an interim report that nobody took is not told again', async () => {
  const { world, server, accounting } = await lab();
  server.manner.silent = true;
  accounting.tell({ ...stopOf(1), status: ACCOUNTING_STATUS.interim });

  await world.run(PATIENCE_MS);

  assert.equal(accounting.waiting, 0);
});

test('texts that are longer than an attribute are cut', async () => {
  const { world, server, accounting } = await lab();
  const call = { session: '1', callId: 'c'.repeat(300), caller: '', callee: 'x'.repeat(254) };

  accounting.tell({ status: ACCOUNTING_STATUS.start, call });
  await world.run(100);

  const said = new Map(server.said(0));
  assert.equal(said.get(RADIUS_ATTRIBUTES.acctMultiSessionId)?.length, 253);
  assert.equal(said.get(RADIUS_ATTRIBUTES.calledStationId)?.length, 253);
  assert.equal(said.has(RADIUS_ATTRIBUTES.userName), false);
});

// ─── calls ────────────────────────────────────────────────────────────────────────────────────────

function invite(callId: string): SipRequest {
  const message = parseMessage(
    [
      'INVITE sip:bob@example.com SIP/2.0',
      'Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK1',
      'From: <sip:alice@example.com>;tag=1',
      'To: <sip:bob@example.com>',
      `Call-ID: ${callId}`,
      'CSeq: 1 INVITE',
      '\r\n',
    ].join('\r\n'),
  );
  assert.equal(message.kind, 'request');
  return message as SipRequest; // As was just seen.
}

interface Desk {
  readonly calls: RadiusCalls;
  readonly told: string[];
  open(callId: string): number;
  end(call: number, callId: string, by?: 'caller' | 'us'): void;
}

function desk(sessionsMax: number): Desk {
  const told: string[] = [];
  let last = 0;
  const records: CallObserver = { opened: () => ++last, finished() {}, ended() {} };
  const tell = ({ status, call, cause }: AccountingNews): void =>
    void told.push([status, call?.session ?? '', cause ?? ''].join(' ').trim());
  const { clock } = simWorld(1);
  const calls = new RadiusCalls(records, { tell }, { clock, interimMs: 0, sessionsMax });
  return {
    calls,
    told,
    open: (callId) => calls.opened(invite(callId), {} as Flow), // Where it came from is not looked at.
    end: (call, callId, by = 'caller') => calls.ended(call, by, callId, clock.now()),
  };
}

const { start, stop } = ACCOUNTING_STATUS;

test('a call that is refused is no session, and one that is answered twice is one', () => {
  const { calls, told, open, end } = desk(10);
  calls.finished(open('refused'), 486, 'callee');
  const call = open('answered');

  calls.finished(call, 200, 'callee');
  calls.finished(call, 200, 'callee');
  end(call, 'answered');
  end(call, 'answered');

  assert.deepEqual(told, [`${start} 2`, `${stop} 2 1`]);
});

test('a call that we end ourselves is told to be so', () => {
  const { calls, told, open, end } = desk(10);
  const call = open('credit is over');
  calls.finished(call, 200, 'callee');

  end(call, 'credit is over', 'us');

  assert.deepEqual(told, [`${start} 1`, `${stop} 1 10`]);
});

test('a BYE of another call that has the number ends nothing', () => {
  const { calls, told, open, end } = desk(10);
  const call = open('ours');
  calls.finished(call, 200, 'callee');

  end(call, 'of an earlier run');

  assert.deepEqual(told, [`${start} 1`]);
});

test('for one call more than can be remembered the oldest is told to be lost', () => {
  const { calls, told, open } = desk(2);
  for (const callId of ['a', 'b']) calls.finished(open(callId), 200, 'callee');
  assert.deepEqual(told, [`${start} 1`, `${start} 2`]);

  open('c');

  assert.deepEqual(told, [`${start} 1`, `${start} 2`, `${stop} 1 2`]);
});
