/**
 * Every device comes back at once, as after a failure of the network.
 *
 *   STORM=100000 node --test src/location/storm.test.ts     as many as that, within a minute of simulated time
 */
import assert from 'node:assert/strict';
import { env } from 'node:process';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { parseMessage } from '../sip/parse.ts';
import type { SipRequest } from '../sip/message.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import type { Done, Value, Writer } from '../store/writer.ts';
import type { StatementName } from '../store/statements.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { USUAL } from '../testing/registering.ts';
import { Location } from './location.ts';
import { STORE_MS } from './store-waits.ts';

/** A database that commits so many rows a second. */
class SlowWriter implements Writer {
  waiting = 0;
  readonly stored = new Set<string>();
  private readonly clock: SimClock;
  private readonly inner: MemoryWriter;
  private readonly rowMs: number;
  private freeAt = 0;

  constructor(clock: SimClock, rowsPerSecond: number) {
    this.clock = clock;
    this.rowMs = 1000 / rowsPerSecond;
    this.inner = new MemoryWriter(clock);
  }

  write(statement: StatementName, values: readonly Value[], done: Done = () => {}): void {
    this.waiting++;
    this.freeAt = Math.max(this.freeAt, this.clock.now()) + this.rowMs;
    this.clock.after(this.freeAt - this.clock.now(), () => {
      this.waiting--;
      this.stored.add(String(values[0]));
      this.inner.write(statement, values, done);
    });
  }

  flush(): Promise<void> {
    return this.inner.flush();
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

const DEVICES = Number(env['STORM'] ?? 500);
/** 100,000 within a minute. */
const STORM_MS = (DEVICES * 60_000) / 100_000;
const WAITING_ROWS_MAX = DEVICES / 10;
/** What a slow database commits in a second: in a storm of 500 and of 100,000 a part of what comes. */
const SLOW_ROWS = DEVICES < 5_000 ? 25 : 1_000;
const LIMIT_MS = 1_000_000;

function register(device: number): SipRequest {
  const text = [
    'REGISTER sip:example.com SIP/2.0',
    'Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1',
    `From: <sip:d${device}@example.com>;tag=1`,
    `To: <sip:d${device}@example.com>`,
    `Call-ID: c${device}`,
    'CSeq: 1 REGISTER',
    `Contact: <sip:d${device}@192.0.2.7>`,
  ];
  return parseMessage(`${text.join('\r\n')}\r\n\r\n`) as SipRequest;
}

/** All devices at once, each coming back when it is told to; answers how the storm went. */
async function storm(rowsPerSecond: number) {
  const clock = new SimClock();
  const writer = new SlowWriter(clock, rowsPerSecond);
  const random = new SimRandom(1);
  const settings = { ...USUAL, durable: true, bindingsMax: DEVICES, waitingRowsMax: WAITING_ROWS_MAX };
  const location = new Location({ clock, random, writer, settings });
  const source = { transport: 'udp', remote: new Endpoint('192.0.2.7', 5060) } as const;
  const seen = {
    registeredAt: [] as number[],
    early: 0,
    sentAway: 0,
    waitingMax: 0,
    waitedMs: 0,
    retries: new Set<number>(),
  };
  const all = Promise.withResolvers<void>();
  const ask = async (device: number): Promise<void> => {
    const askedAt = clock.now();
    const outcome = await location.save(register(device), source);
    seen.waitingMax = Math.max(seen.waitingMax, writer.waiting);
    seen.waitedMs = Math.max(seen.waitedMs, clock.now() - askedAt);
    if (outcome.status === 200) {
      seen.registeredAt.push(clock.now());
      if (seen.registeredAt.length === DEVICES) all.resolve();
      if (!writer.stored.has(`d${device}`)) seen.early++;
      return;
    }
    seen.sentAway++;
    const seconds = Number(new Map(outcome.headers).get('Retry-After'));
    seen.retries.add(seconds);
    clock.after(seconds * 1000, () => void ask(device));
  };
  for (let device = 0; device < DEVICES; device++)
    clock.after((device * STORM_MS) / DEVICES, () => void ask(device));
  await clock.until(all.promise, LIMIT_MS);
  location.close();
  return { ...seen, location };
}

test('a database that keeps up: every device is served at once, none before its row is on disk', async () => {
  const seen = await storm(5_000);

  assert.deepEqual([seen.registeredAt.length, seen.early, seen.sentAway], [DEVICES, 0, 0]);
  assert.ok((seen.registeredAt.at(-1) ?? Infinity) < STORM_MS + 100);
});

test('a slow one: the others are sent away, come back spread over time, and all are served', async (t) => {
  const seen = await storm(SLOW_ROWS);
  const lastMs = seen.registeredAt.at(-1);
  t.diagnostic(
    `sent away ${seen.sentAway}, ${seen.waitingMax} rows waited, the last registered after ${lastMs} ms`,
  );

  assert.deepEqual([seen.registeredAt.length, seen.early, seen.location.count], [DEVICES, 0, DEVICES]);
  assert.ok(seen.sentAway > 0);
  assert.equal(seen.location.shed, seen.sentAway);
  assert.ok(seen.waitedMs < STORE_MS + 1, `${seen.waitedMs} ms is the longest wait`);
  assert.ok(seen.waitingMax <= WAITING_ROWS_MAX, `${seen.waitingMax} rows waited`);
  assert.ok(seen.retries.size > 20 && Math.min(...seen.retries) >= 5, 'each comes back at another moment');
});

test('a query is answered however many rows wait', async () => {
  const clock = new SimClock();
  const writer = new SlowWriter(clock, 1);
  const settings = { ...USUAL, durable: true, waitingRowsMax: 1 };
  const location = new Location({ clock, random: new SimRandom(1), writer, settings });
  const source = { transport: 'udp', remote: new Endpoint('192.0.2.7', 5060) } as const;
  void location.save(register(1), source);

  const query = parseMessage(register(2).text.replace(/Contact: .*\r\n/, '')) as SipRequest;

  assert.equal((await location.save(register(3), source)).status, 503);
  assert.equal((await location.save(query, source)).status, 200);
  location.close();
});
