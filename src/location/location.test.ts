import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { parseMessage } from '../sip/parse.ts';
import type { SipRequest } from '../sip/message.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import type { StatementName } from '../store/statements.ts';
import type { Value, Writer } from '../store/writer.ts';
import { SimClock, WALL_START } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import type { BindingRow } from './binding-row.ts';
import { Location } from './location.ts';
import type { RegisterOutcome } from './registrar.ts';

const BOB = 'bob@example.com';
const source = { transport: 'udp', remote: new Endpoint('192.0.2.7', 5060) } as const;

interface BenchOptions {
  readonly bindingsMax?: number;
  readonly maxContacts?: number;
  /** How long a row is on its way to disk. */
  readonly commitMs?: number;
}

interface Bench {
  readonly clock: SimClock;
  readonly writer: MemoryWriter;
  readonly location: Location;
  /** What is on disk: `username@domain contact` → values. */
  readonly disk: Map<string, readonly Value[]>;
}

function bench(durable = true, more: BenchOptions = {}): Bench {
  const clock = new SimClock();
  const disk = new Map<string, readonly Value[]>();
  const writer = new MemoryWriter(clock, { observe: (statement, values) => toDisk(disk, statement, values) });
  const { bindingsMax = 100, maxContacts = 10, commitMs = 0 } = more;
  const settings = {
    durable,
    bindingsMax,
    maxContacts,
    minExpires: 60,
    maxExpires: 7200,
    defaultExpires: 3600,
  };
  return {
    clock,
    writer,
    disk,
    location: new Location({
      clock,
      random: new SimRandom(1),
      writer: commitMs === 0 ? writer : slowed(writer, clock, commitMs),
      settings,
    }),
  };
}

function slowed(writer: MemoryWriter, clock: SimClock, commitMs: number): Writer {
  return {
    write: (statement, values, done) =>
      void clock.after(commitMs, () => writer.write(statement, values, done)),
    flush: () => writer.flush(),
    close: () => writer.close(),
    waiting: 0,
  };
}

function toDisk(
  disk: Map<string, readonly Value[]>,
  statement: StatementName,
  values: readonly Value[],
): void {
  const key = `${values[0]}@${values[1]} ${values[2]}`;
  if (statement === 'saveBinding') disk.set(key, values);
  else if (statement === 'removeBinding') disk.delete(key);
  else for (const [name, row] of disk) if (Number(row[5]) <= Number(values[0])) disk.delete(name);
}

function register(contacts: string, cseq: number, aor = BOB): SipRequest {
  const text = [
    'REGISTER sip:example.com SIP/2.0',
    'Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1',
    `From: <sip:${aor}>;tag=1`,
    `To: <sip:${aor}>`,
    `Call-ID: a84b-${aor}`,
    `CSeq: ${cseq} REGISTER`,
    'User-Agent: Phone',
    ...(contacts === '' ? [] : [`Contact: ${contacts}`]),
    ...(contacts === '*' ? ['Expires: 0'] : []),
  ];
  return parseMessage(`${text.join('\r\n')}\r\n\r\n`) as SipRequest;
}

/** Starts a REGISTER; its answer when time has moved. */
function start(location: Location, contacts: string, cseq: number, aor = BOB): Promise<RegisterOutcome> {
  return Promise.resolve(location.save(register(contacts, cseq, aor), source));
}

async function save({ clock, location }: Bench, contacts: string, cseq: number, aor = BOB): Promise<number> {
  return (await clock.until(start(location, contacts, cseq, aor))).status;
}

/** What one binding is, as memory has it and as the disk has it. */
function inMemory({ location }: Bench, aor = BOB): string[] {
  return location
    .lookup(aor)
    .map((c) => `${c.uriText} ${WALL_START + c.expiresAt} ${c.cseq} ${c.q}`)
    .sort();
}

function onDisk({ disk }: Bench, aor = BOB): string[] {
  const rows = [...disk].filter(([key]) => key.startsWith(`${aor} `)).map(([, row]) => row);
  return rows.map((row) => `${row[2]} ${row[5]} ${row[8]} ${row[6]}`).sort();
}

function rowOf(values: readonly Value[]): BindingRow {
  const [username, domain, contact, received, path, expires, q, callid, cseq, , , agent, , instance, regId] =
    values;
  return {
    username,
    domain,
    contact,
    received,
    path,
    expires,
    q,
    callid,
    cseq,
    user_agent: agent,
    sip_instance: instance,
    reg_id: regId,
  } as BindingRow;
}

test('a binding is neither found nor acknowledged before it is on disk', async () => {
  const b = bench();
  let answered = false;

  const outcome = start(b.location, '<sip:1@h>', 1);
  void outcome.then(() => (answered = true));
  await Promise.resolve();
  assert.deepEqual([answered, b.location.lookup(BOB).length, b.disk.size], [false, 0, 0]);

  assert.equal((await b.clock.until(outcome)).status, 200);
  assert.deepEqual([answered, b.location.lookup(BOB).length, b.disk.size], [true, 1, 1]);
});

test('without durable the answer comes at once, and the row follows', async () => {
  const b = bench(false);

  const outcome = b.location.save(register('<sip:1@h>', 1), source);

  assert.ok(!(outcome instanceof Promise));
  assert.equal(b.location.lookup(BOB).length, 1);
  await b.clock.run(1);
  assert.deepEqual(onDisk(b), inMemory(b));
});

test('a query and a refusal wait for nothing', () => {
  const { location } = bench();

  assert.ok(!(location.save(register('', 1), source) instanceof Promise));
  assert.ok(!(location.save(register('<sip:1@h>;q=2', 1), source) instanceof Promise));
});

test('a refresh that changes nothing but the expiry is committed', async () => {
  const b = bench();
  await save(b, '<sip:1@h>;expires=60', 1);
  const before = onDisk(b);
  await b.clock.run(30_000);

  await save(b, '<sip:1@h>;expires=60', 2);

  assert.notDeepEqual(onDisk(b), before);
  assert.deepEqual(onDisk(b), inMemory(b));
});

// Every change the plan knows, with the k-th write failing for every k, and the k-th write of the taking back too.
const requests: readonly [name: string, contacts: string][] = [
  ['adds', '<sip:new@h>'],
  ['refreshes', '<sip:1@h>;expires=100'],
  ['removes', '<sip:1@h>;expires=0'],
  ['renames', '<sip:%31@h>'],
  ['does all of it', '<sip:new@h>, <sip:1@h>;q=0.1, <sip:2@h>;expires=0, <sip:%33@h>, <sip:new2@h>'],
  ['removes everything', '*'],
];

for (const [name, contacts] of requests) {
  test(`a REGISTER that ${name} and fails at its k-th row leaves everything as it was`, async () => {
    for (let k = 1; ; k++) {
      const b = bench();
      await save(b, '<sip:1@h>, <sip:2@h>, <sip:3@h>', 1);
      const before = inMemory(b);
      b.writer.failAt(k);

      const status = await save(b, contacts, 2);

      assert.deepEqual(onDisk(b), inMemory(b));
      if (status === 200) {
        assert.ok(k > 1);
        break;
      }
      assert.equal(status, 503);
      assert.deepEqual(inMemory(b), before);
      assert.equal(await save(b, contacts, 2), 200, 'the phone may try again');
    }
  });
}

test('when the taking back fails too, memory says what the disk holds', async () => {
  for (let k = 1; k <= 12; k++) {
    const b = bench();
    await save(b, '<sip:1@h>, <sip:2@h>, <sip:3@h>', 1);
    b.writer.failAt(2);
    const outcome = start(b.location, '<sip:new@h>, <sip:1@h>;q=0.1, <sip:2@h>;expires=0, <sip:4@h>', 2);
    b.clock.soon(() => b.writer.failAt(k));

    assert.equal((await b.clock.until(outcome)).status, 503);
    assert.deepEqual(onDisk(b), inMemory(b));
    assert.equal(b.location.count, b.disk.size);
  }
});

test('REGISTERs of one AOR that come while rows are on their way take turns, whichever write fails', async () => {
  for (let k = 1; k <= 8; k++) {
    const b = bench(true, { maxContacts: 3 });
    b.writer.failAt(k);

    const outcomes = await b.clock.until(
      Promise.all([
        start(b.location, '<sip:1@h>, <sip:2@h>', 1),
        start(b.location, '<sip:1@h>;expires=0', 2),
        start(b.location, '<sip:3@h>', 3),
        start(b.location, '<sip:1@h>', 2),
        start(b.location, '<sip:4@h>, <sip:5@h>', 4),
        start(b.location, '', 5),
        start(b.location, '<sip:alice@h>', 1, 'alice@example.com'),
      ]),
    );

    assert.deepEqual(onDisk(b), inMemory(b));
    assert.deepEqual(onDisk(b, 'alice@example.com'), inMemory(b, 'alice@example.com'));
    assert.ok(inMemory(b).length <= 3);
    const listed = outcomes[5]!.headers.filter(([field]) => field === 'Contact').length;
    assert.equal(listed, inMemory(b).length);
  }
});

test('a late REGISTER is judged by what the one before it has left', async () => {
  const b = bench();

  const [first, second] = await b.clock.until(
    Promise.all([start(b.location, '<sip:1@h>', 7), start(b.location, '<sip:1@h>', 6)]),
  );

  assert.deepEqual([first?.status, second?.status], [200, 500]);
});

test('no more than 32 changes of one AOR wait', async () => {
  const b = bench();

  const outcomes = await b.clock.until(
    Promise.all(Array.from({ length: 34 }, (_, i) => start(b.location, '<sip:1@h>', i + 1))),
  );

  assert.deepEqual(
    outcomes.map((outcome) => outcome.status),
    [...Array<number>(33).fill(200), 503],
  );
});

test('the table is full at bindingsMax, rows on their way included', async () => {
  const b = bench(true, { bindingsMax: 2 });

  const outcomes = await b.clock.until(
    Promise.all(['a@h', 'b@h', 'c@h'].map((aor) => start(b.location, '<sip:1@h>', 1, aor))),
  );

  assert.deepEqual(
    outcomes.map((outcome) => outcome.status),
    [200, 200, 503],
  );
  assert.equal(await save(b, '<sip:1@h>', 2, 'a@h'), 200, 'a refresh needs no place');
  assert.equal(await save(b, '*', 3, 'a@h'), 200);
  assert.equal(await save(b, '<sip:1@h>', 1, 'c@h'), 200);
});

test('a binding ends at its time, in lookup at once, in memory and on disk soon', async () => {
  const b = bench();
  const expired: string[] = [];
  b.location.on('contact.expired', (contact) => expired.push(contact.uriText));
  await save(b, '<sip:1@h>;expires=60, <sip:2@h>;expires=90', 1);

  await b.clock.run(59_999);
  assert.equal(b.location.lookup(BOB).length, 2);
  await b.clock.run(1);
  assert.deepEqual(
    b.location.lookup(BOB).map((contact) => contact.uriText),
    ['sip:2@h'],
  );
  await b.clock.run(1001);

  assert.deepEqual([b.location.count, b.disk.size, expired], [1, 1, ['sip:1@h']]);
});

test('an expiry while a refresh is on its way does not take the refresh away', async () => {
  const b = bench(true, { commitMs: 3000 });
  await save(b, '<sip:1@h>;expires=60', 1);
  await b.clock.run(56_500);
  const refresh = start(b.location, '<sip:1@h>;expires=60', 2);

  await b.clock.run(2000);
  assert.deepEqual([b.location.lookup(BOB).length, b.location.count], [0, 1]);

  assert.equal((await b.clock.until(refresh)).status, 200);
  assert.equal(b.location.lookup(BOB).length, 1);
  assert.deepEqual(onDisk(b), inMemory(b));
});

test('what was on disk is there after a restart, what expired is not', async () => {
  const before = bench();
  await save(
    before,
    '<sip:1@h>;q=0.5;+sip.instance="<urn:uuid:1>";reg-id=1, <sip:2@10.0.0.5>, <sip:3@h>;expires=60',
    1,
  );
  await save(before, '<sip:example.com>', 1, 'example.com');
  const kept = before.location.list({ limit: 10, offset: 0 }).contacts;

  const after = bench();
  for (const [key, row] of before.disk) after.disk.set(key, row);
  await after.clock.run(60_000);
  const count = after.location.restore([...before.disk.values()].map(rowOf));
  await after.clock.run(1);

  assert.equal(count, 3);
  const expected = kept.filter((contact) => contact.uriText !== 'sip:3@h');
  assert.deepEqual(after.location.list({ limit: 10, offset: 0 }).contacts, expected);
  assert.equal(after.location.lookup(BOB)[1]?.instance, '<urn:uuid:1>');
  assert.equal(after.disk.size, 3);
  assert.equal(await save(after, '<sip:1@h>', 2), 200);
});

test('an operator removes every binding of an AOR, and hears when the disk did not take it', async () => {
  const b = bench();
  await save(b, '<sip:1@h>, <sip:2@h>', 1);
  b.writer.failAt(2);

  const failed = await b.clock.until(Promise.resolve(b.location.removeAll(BOB)));
  assert.deepEqual([failed, b.location.count, b.disk.size], [{ removed: 0, stored: false }, 2, 2]);
  const done = await b.clock.until(Promise.resolve(b.location.removeAll(BOB)));
  assert.deepEqual([done, b.location.count, b.disk.size], [{ removed: 2, stored: true }, 0, 0]);
});

test('a new binding is told of once, when it holds', async () => {
  const b = bench();
  const added: string[] = [];
  b.location.on('contact.added', (contact) => added.push(contact.uriText));

  b.writer.failAt(1);
  await save(b, '<sip:1@h>', 1);
  await save(b, '<sip:1@h>', 1);
  await save(b, '<sip:1@h>', 2);

  assert.deepEqual(added, ['sip:1@h']);
});
