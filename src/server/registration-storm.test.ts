/**
 * A storm of REGISTERs on a real database: the registrar of the exchange, a real SQLite file and its writer's thread.
 * They come three times as fast as 100,000 devices within a minute would.
 *
 *   STORM=100000 node --test src/server/registration-storm.test.ts     as many as that
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Endpoint } from '../base/endpoint.ts';
import { silentLogger } from '../base/silent-logger.ts';
import { Location } from '../location/location.ts';
import type { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { openDatabase, openWriter } from '../store/database.ts';
import { USUAL } from '../testing/registering.ts';
import { nodeWorld } from '../world/node-world.ts';

const DEVICES = Number(env['STORM'] ?? 2_000);
const A_SECOND = 5_000;
/** Read by one turn of the event loop at most, as a full batch of datagrams is. */
const A_TURN = 64;
const TURN_MS = 1;
/** Every so many acknowledged bindings one is looked for on disk, at once, by a connection of its own. */
const LOOKED_FOR = 97;
const WAITING_ROWS_MAX = Math.max(500, DEVICES / 10);
/** Who is sent away comes back; here a little sooner than he was told. */
const BACK_MS = 20;
/** As bin/run.mjs starts the exchange: three semi-spaces of 16 MB. */
const YOUNG_MB = 48;
const BLOCKED_MS_MAX = 50;
const RUNS_MAX = 5;
const GROWN_BYTES_MAX = 3 << 20;

function register(device: number, cseq: number): SipRequest {
  const text = [
    'REGISTER sip:example.com SIP/2.0',
    'Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1',
    `From: <sip:d${device}@example.com>;tag=1`,
    `To: <sip:d${device}@example.com>`,
    `Call-ID: c${device}`,
    `CSeq: ${cseq} REGISTER`,
    `Contact: <sip:d${device}@192.0.2.7>`,
  ];
  return parseMessage(`${text.join('\r\n')}\r\n\r\n`) as SipRequest;
}

const source = { transport: 'udp', remote: new Endpoint('192.0.2.7', 5060) } as const;

function turn(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, TURN_MS));
}

/** How much of the processor the thread of SIP has used, in milliseconds: what others take of it is not ours. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

interface Seen {
  acknowledged: number;
  notOnDisk: number;
  sentAway: number;
  blockedMs: number;
}

/** Every device once; ends when all are registered. */
async function storm(location: Location, disk: DatabaseSync, cseq: number): Promise<Seen> {
  const seen: Seen = { acknowledged: 0, notOnDisk: 0, sentAway: 0, blockedMs: 0 };
  const row = disk.prepare('select cseq from location where username = ?');
  const waiting = Array.from({ length: DEVICES }, (_, device) => device);
  const ask = async (device: number): Promise<void> => {
    const { status } = await location.save(register(device, cseq), source);
    if (status === 503) {
      seen.sentAway++;
      setTimeout(() => void waiting.push(device), BACK_MS);
      return;
    }
    assert.equal(status, 200);
    seen.acknowledged++;
    if (device % LOOKED_FOR === 0 && row.get(`d${device}`)?.['cseq'] !== cseq) seen.notOnDisk++;
  };
  const start = performance.now();
  let asked = 0;
  while (seen.acknowledged < DEVICES) {
    const before = cpuMs();
    const due = Math.floor(((performance.now() - start) * A_SECOND) / 1000) - asked;
    for (let left = Math.min(due, A_TURN, waiting.length); left > 0; left--) {
      asked++;
      void ask(waiting.pop() ?? 0); // Below the length.
    }
    await turn();
    seen.blockedMs = Math.max(seen.blockedMs, cpuMs() - before);
  }
  return seen;
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

/** What a whole run comes to. */
interface Report {
  readonly tookMs: number;
  readonly first: Seen;
  readonly second: Seen;
  readonly rowsOnDisk: unknown;
  readonly bindings: number;
  readonly grownBytes: number;
}

/** Two storms on one registrar: what the second leaves behind is what every one would. */
async function run(folder: string): Promise<Report> {
  const file = join(folder, 'tandem.sqlite');
  const place = { dialect: 'sqlite', file, synchronous: 'NORMAL' } as const;
  await (await openDatabase(place)).destroy();
  const { clock, random, log } = nodeWorld({ log: silentLogger, udp: 'dgram' });
  const writer = openWriter(place, { clock, log });
  const settings = { ...USUAL, durable: true, bindingsMax: DEVICES, waitingRowsMax: WAITING_ROWS_MAX };
  const location = new Location({ clock, random, writer, settings });
  const disk = new DatabaseSync(file, { readOnly: true });

  const start = performance.now();
  const first = await storm(location, disk, 1);
  const tookMs = performance.now() - start;
  const before = heapBytes();
  const second = await storm(location, disk, 2);
  const grownBytes = heapBytes() - before;
  const rowsOnDisk = disk.prepare('select count(*) as rows from location').get()?.['rows'];

  const bindings = location.count;
  disk.close();
  location.close();
  await writer.close();
  return { tookMs, first, second, rowsOnDisk, bindings, grownBytes };
}

/** In a thread of its own: what the test runner does at every promise is no work of ours. */
async function runApart(folder: string): Promise<Report> {
  const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB };
  const worker = new Worker(new URL(import.meta.url), { workerData: folder, resourceLimits });
  const [report] = (await once(worker, 'message')) as [Report]; // Below.
  await worker.terminate();
  return report;
}

function longestMs({ first, second }: Report): number {
  return Math.max(first.blockedMs, second.blockedMs);
}

if (isMainThread) {
  test(`a storm of ${DEVICES} devices on SQLite: no 200 before its row, no long stop, nothing left`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'tandem-storm-'));
    t.after(() => rmSync(folder, { recursive: true }));

    const apart = (): Promise<Report> => runApart(mkdtempSync(join(folder, 'run-')));
    let report = await apart();
    // What else the machine does only ever adds to a stop.
    for (let runs = 1; runs < RUNS_MAX && longestMs(report) >= BLOCKED_MS_MAX; runs++) report = await apart();

    const { tookMs, first, second, rowsOnDisk, bindings, grownBytes } = report;
    const blockedMs = longestMs(report);
    t.diagnostic(
      `${tookMs.toFixed(0)} ms, ${first.sentAway} sent away, the longest stop ${blockedMs.toFixed(1)} ms, ` +
        `${grownBytes} bytes of heap more after the second storm`,
    );
    assert.deepEqual([first.notOnDisk, second.notOnDisk, rowsOnDisk, bindings], [0, 0, DEVICES, DEVICES]);
    assert.ok(blockedMs < BLOCKED_MS_MAX, `the loop stood still for ${blockedMs} ms`);
    assert.ok(grownBytes < GROWN_BYTES_MAX, `${grownBytes} bytes are left of a storm`);
  });
} else parentPort?.postMessage(await run(String(workerData)));
