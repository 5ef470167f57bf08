/**
 * Our exchange between two Kamailios that record-route: SIPp, Kamailio, ours, Kamailio, SIPp. Ours asks for digest.
 * So three proxies stand in every route set, and the answers, cancellations and BYEs of one call pass all of them.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type CallRecord, type Exchange, startExchange } from './exchange.ts';
import type { Kamailio } from './kamailio.ts';
import { startKamailioProxy } from './kamailio-proxy.ts';
import { freePorts, missing } from './peer.ts';
import { dial, type SippRun, type SippTransport, startCallee } from './sipp.ts';

const skip = missing('kamailio', 'sipp');
const root = join(import.meta.dirname, '..', '..');
const CALLS = 10;

interface Way {
  /** The exchange as callers see it: they send to the Kamailio in front of it. */
  readonly front: Exchange;
  readonly calleePort: number;
  stop(): Promise<void>;
}

interface Row {
  readonly name: string;
  readonly caller: string;
  readonly callee: string;
  /** The word that each caller logs. */
  readonly word: string;
  readonly record: Partial<CallRecord>;
}

const ROWS: readonly Row[] = [
  {
    name: 'the caller hangs up',
    caller: 'caller-hangs-up',
    callee: 'callee-answers',
    word: 'ended',
    record: { status: 200, endedBy: 'caller' },
  },
  {
    name: 'the callee hangs up',
    caller: 'caller-is-hung-up-on',
    callee: 'callee-hangs-up',
    word: 'ended',
    record: { status: 200, endedBy: 'callee' },
  },
  {
    name: 'the caller puts the call on hold',
    caller: 'caller-re-invites',
    callee: 'callee-is-held',
    word: 'held',
    record: { status: 200, endedBy: 'caller' },
  },
  {
    name: 'the caller gives up',
    caller: 'caller-cancels',
    callee: 'callee-does-not-answer',
    word: 'cancelled',
    record: { status: 487, endedBy: 'caller' },
  },
  {
    name: 'the callee is busy',
    caller: 'caller-meets-busy',
    callee: 'callee-is-busy',
    word: 'refused',
    record: { status: 486 },
  },
];

for (const transport of ['udp', 'tcp'] as const) {
  let way: Way;

  before(async () => {
    if (skip === false) way = await startWay(transport);
  });

  after(async () => {
    await way?.stop();
  });

  for (const row of ROWS) {
    test(`between two Kamailios by ${transport}: ${row.name}`, { skip, timeout: 60_000 }, async () => {
      const { front, calleePort } = way;
      const callee = await startCallee(front, row.callee, CALLS, calleePort, transport);
      try {
        const caller = await dial(front, row.caller, 'alice', 'bob', CALLS, transport);
        wentAsTold(caller);
        wentAsTold(await callee.done());

        const calls = new Set(caller.logged.get(row.word) ?? []);
        assert.equal(calls.size, CALLS);
        const records = await front.records(calls);
        assert.equal(records.length, CALLS);
        for (const record of records) {
          const names = Object.keys(row.record) as (keyof CallRecord)[];
          assert.deepEqual(Object.fromEntries(names.map((name) => [name, record[name]])), row.record);
        }
      } finally {
        await callee.stop();
      }
    });
  }
}

async function startWay(transport: SippTransport): Promise<Way> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-between-'));
  const [frontPort = 0, behindPort = 0, calleePort = 0] = await freePorts(3);
  const script = join(folder, 'route.ts');
  writeFileSync(script, routeTo(`sip:127.0.0.1:${behindPort};transport=${transport}`));
  const exchange = await startExchange(['alice'], { script });
  const started: Kamailio[] = [];
  const stop = async (): Promise<void> => {
    for (const kamailio of started) await kamailio.stop();
    await exchange.stop();
    rmSync(folder, { recursive: true });
  };
  try {
    const { port } = exchange;
    started.push(await startKamailioProxy({ port: frontPort, transport, side: 'caller', next: port }));
    started.push(await startKamailioProxy({ port: behindPort, transport, side: 'callee', next: calleePort }));
  } catch (error) {
    await stop();
    throw error;
  }
  return { front: { ...exchange, port: frontPort }, calleePort, stop };
}

function routeTo(uri: string): string {
  return `import { Router, script, serial } from ${JSON.stringify(join(root, 'src', 'index.ts'))};

export default script(({ auth, pools }) => {
  const app = new Router();
  const behind = pools.open('behind', { servers: [${JSON.stringify(uri)}] });
  app.invite(auth.digest(), (c) => c.relay(serial(...behind.pick(c))));
  return app;
});
`;
}

/** SIPp's exit code is 0 only if every call followed its scenario. */
function wentAsTold(run: SippRun): void {
  assert.equal(run.code, 0, run.errors.slice(0, 2000));
}
