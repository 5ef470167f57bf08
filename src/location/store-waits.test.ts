import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROUTE_MS } from '../route/watch.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import type { Done, Value, Writer } from '../store/writer.ts';
import type { StatementName } from '../store/statements.ts';
import { PHONE, registerOf, USUAL } from '../testing/registering.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { BEHIND_MS, Location, STAY_MS } from './location.ts';
import type { RegisterOutcome } from './registrar.ts';
import { STORE_MS } from './store-waits.ts';

const BOB = 'bob@example.com';

/** A disk that takes as long as it is told, row by row in order. */
class Disk implements Writer {
  takesMs = 0;
  fails = false;
  readonly uris = new Set<string>();
  private readonly clock: SimClock;
  private readonly inner: MemoryWriter;
  private rows = 0;

  constructor(clock: SimClock) {
    this.clock = clock;
    this.inner = new MemoryWriter(clock);
  }

  get waiting(): number {
    return this.rows;
  }

  write(statement: StatementName, values: readonly Value[], done: Done = () => {}): void {
    this.rows++;
    const { fails } = this;
    this.clock.after(this.takesMs, () => {
      this.rows--;
      if (fails) return done(new Error('the disk is broken'));
      if (statement === 'saveBinding') this.uris.add(String(values[2]));
      if (statement === 'removeBinding') this.uris.delete(String(values[2]));
      done(undefined);
    });
  }

  flush(): Promise<void> {
    return this.inner.flush();
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

interface Bench {
  readonly clock: SimClock;
  readonly disk: Disk;
  readonly location: Location;
}

function bench(): Bench {
  const clock = new SimClock();
  const disk = new Disk(clock);
  const settings = { ...USUAL, durable: true };
  return { clock, disk, location: new Location({ clock, random: new SimRandom(1), writer: disk, settings }) };
}

interface Heard {
  outcome: RegisterOutcome | undefined;
  atMs: number | undefined;
}

/** Registers; what was answered, and when, is written down when it is. */
function register({ clock, location }: Bench, contact: string, cseq: number): Heard {
  const heard: Heard = { outcome: undefined, atMs: undefined };
  const lines = contact === '' ? [] : [`Contact: ${contact}`];
  void Promise.resolve(location.save(registerOf({ lines, cseq }), PHONE)).then((outcome) => {
    heard.outcome = outcome;
    heard.atMs = clock.now();
  });
  return heard;
}

function statusOf(outcome: RegisterOutcome | Promise<RegisterOutcome>): number | undefined {
  return outcome instanceof Promise ? undefined : outcome.status;
}

function inMemory({ location }: Bench): string[] {
  return location.lookup(BOB).map(({ uriText }) => uriText);
}

// How long the disk takes, whether it fails then, what is answered after how long, what is bound in the end.
const table: readonly [takesMs: number, fails: boolean, status: number, atMs: number, bound: string[]][] = [
  [STORE_MS - 1, false, 200, STORE_MS - 1, ['sip:new@h']],
  [STORE_MS + 1, false, 503, STORE_MS, ['sip:new@h']],
  [60_000, false, 503, STORE_MS, ['sip:new@h']],
  [STORE_MS - 1, true, 503, STORE_MS - 1, []],
  [STORE_MS + 1, true, 503, STORE_MS, []],
];

for (const [takesMs, fails, status, atMs, bound] of table) {
  const how = fails ? 'does not take' : 'takes';
  test(`a disk that ${how} the row after ${takesMs} ms: ${status}, and memory says what it holds`, async () => {
    const b = bench();
    b.disk.takesMs = takesMs;
    b.disk.fails = fails;

    const heard = register(b, '<sip:new@h>', 1);
    await b.clock.run(takesMs - 1);
    assert.deepEqual([inMemory(b), [...b.disk.uris]], [[], []], 'neither has it before the other');
    await b.clock.run(2);

    assert.deepEqual([heard.outcome?.status, heard.atMs], [status, atMs]);
    assert.deepEqual([inMemory(b), [...b.disk.uris]], [bound, bound]);
    b.location.close();
  });
}

test('who waited in vain is told when to come back, and may: the same request again, or the next', async () => {
  const b = bench();
  b.disk.takesMs = STORE_MS + 1_000;
  const late = register(b, '<sip:new@h>', 1);
  await b.clock.run(STORE_MS + 1_000);
  b.disk.takesMs = 1;

  const again = register(b, '<sip:new@h>', 1);
  const next = register(b, '<sip:new@h>', 2);
  await b.clock.run(10);

  const seconds = Number(new Map(late.outcome?.headers).get('Retry-After'));
  assert.ok(seconds >= 5 && seconds <= 30);
  assert.deepEqual([again.outcome?.status, next.outcome?.status, b.location.shed], [200, 200, 1]);
  b.location.close();
});

test('a removal that waited in vain is carried out when the disk takes it', async () => {
  const b = bench();
  register(b, '<sip:new@h>', 1);
  await b.clock.run(1);
  b.disk.takesMs = STORE_MS + 1_000;

  const removal = register(b, '<sip:new@h>;expires=0', 2);
  await b.clock.run(STORE_MS);
  assert.deepEqual([removal.outcome?.status, inMemory(b)], [503, ['sip:new@h']]);
  await b.clock.run(1_000);

  assert.deepEqual([inMemory(b), b.disk.uris.size], [[], 0]);
  b.location.close();
});

test('what waited in vain for its turn is never carried out', async () => {
  const b = bench();
  b.disk.takesMs = STORE_MS + 1_000;
  register(b, '<sip:1@h>', 1);
  await b.clock.run(500);
  const second = register(b, '<sip:2@h>', 2);
  const query = register(b, '', 3);
  await b.clock.run(STORE_MS);
  assert.deepEqual([second.outcome?.status, second.atMs], [503, 500 + STORE_MS]);
  assert.equal(query.outcome?.status, 503, 'what it would be told nobody knows yet');

  await b.clock.run(60_000);

  assert.deepEqual([inMemory(b), [...b.disk.uris]], [['sip:1@h'], ['sip:1@h']]);
  b.location.close();
});

test('whose turn comes in time waits for the disk as long as is left', async () => {
  const b = bench();
  b.disk.takesMs = 2_000;
  register(b, '<sip:1@h>', 1);
  const second = register(b, '<sip:2@h>', 2);

  await b.clock.run(STORE_MS);
  assert.deepEqual([second.outcome?.status, inMemory(b)], [503, ['sip:1@h']]);
  await b.clock.run(1_000);

  assert.deepEqual(
    [inMemory(b).sort(), [...b.disk.uris].sort()],
    [
      ['sip:1@h', 'sip:2@h'],
      ['sip:1@h', 'sip:2@h'],
    ],
  );
  b.location.close();
});

test('while the disk is silent others are sent away at once, and a query is answered', async () => {
  const b = bench();
  b.disk.takesMs = 60_000;
  register(b, '<sip:1@h>', 1);
  const alice = (cseq: number, lines: readonly string[]): RegisterOutcome | Promise<RegisterOutcome> => {
    const request = registerOf({ lines, cseq });
    request.headers.set('To', '<sip:alice@example.com>');
    return b.location.save(request, PHONE);
  };

  await b.clock.run(BEHIND_MS);
  assert.ok(alice(1, ['Contact: <sip:a@h>']) instanceof Promise, 'the limit itself');
  await b.clock.run(1);

  for (const waited of [0, STORE_MS, 30_000]) {
    await b.clock.run(waited);
    assert.equal((alice(2, ['Contact: <sip:b@h>']) as RegisterOutcome).status, 503);
  }
  await b.clock.run(60_000);
  b.disk.takesMs = 1;
  assert.equal((alice(3, []) as RegisterOutcome).status, 200);
  assert.equal((await b.clock.until(Promise.resolve(alice(4, ['Contact: <sip:c@h>'])))).status, 200);
  b.location.close();
});

//  bob comes back with this, after so many seconds, while the disk is silent; bound so many seconds after the first
const comesBack: readonly [
  line: string,
  atSeconds: readonly number[],
  bound: readonly [number, boolean][],
][] = [
  [
    'Contact: <sip:1@h>',
    [],
    [
      [59, true],
      [61, false],
    ],
  ],
  [
    'Contact: <sip:1@h>',
    [50],
    [
      [61, true],
      [109, true],
      [111, false],
    ],
  ],
  [
    'Contact: <sip:1@h>',
    [30, 80],
    [
      [61, true],
      [139, true],
      [141, false],
    ],
  ],
  [
    'Contact: <sip:1@h>;expires=3600',
    [50],
    [
      [61, true],
      [50 + STAY_MS / 1000 - 1, true],
      [51 + STAY_MS / 1000, false],
    ],
  ],
  [
    'Contact: <sip:2@h>',
    [50],
    [
      [59, true],
      [61, false],
    ],
  ],
  [
    'Contact: <sip:1@h>;expires=0',
    [50],
    [
      [59, true],
      [61, false],
    ],
  ],
  ['Contact: <sip:1@h>', [61], [[62, false]]],
  ['', [50], [[61, false]]],
];

for (const [line, atSeconds, bound] of comesBack) {
  const when = atSeconds.length === 0 ? 'never' : `after ${atSeconds.join(' and ')} s`;
  test(`bob registers for 60 s, the disk falls silent, he comes back ${when} with ${line || 'a query'}`, async () => {
    const b = bench();
    const save = (lines: readonly string[], cseq: number) =>
      b.location.save(registerOf({ lines: [...lines, 'Expires: 60'], cseq }), PHONE);
    void save(['Contact: <sip:1@h>'], 1);
    await b.clock.run(1);
    b.disk.takesMs = 3_600_000;
    // Somebody else's row is on its way, and does not arrive.
    const other = registerOf({ lines: ['Contact: <sip:x@h>'] });
    other.headers.set('To', '<sip:alice@example.com>');
    void b.location.save(other, PHONE);
    let cseq = 1;
    const due = [...atSeconds.map((at) => [at] as const), ...bound].toSorted(([a], [c]) => a - c);
    for (const [at, isBound] of due) {
      await b.clock.run(at * 1000 - b.clock.now());
      if (isBound !== undefined) assert.equal(inMemory(b).includes('sip:1@h'), isBound, `after ${at} s`);
      else assert.equal(statusOf(save(line === '' ? [] : [line], ++cseq)), line === '' ? 200 : 503);
    }
    b.location.close();
  });
}

test('who was told to come back stays, though his change is over when it is carried out at last', async () => {
  const b = bench();
  register(b, '<sip:1@h>;expires=60', 1);
  await b.clock.run(1);
  b.disk.takesMs = 90_000;
  register(b, '<sip:1@h>;expires=60', 2);
  for (const cseq of [3, 4, 5]) {
    await b.clock.run(25_000);
    register(b, '<sip:1@h>;expires=60', cseq);
  }

  await b.clock.run(20_000); // The row of the second one, of which a minute is over, has arrived.

  assert.deepEqual(inMemory(b), ['sip:1@h']);
  b.disk.takesMs = 1;
  register(b, '<sip:1@h>;expires=60', 6);
  await b.clock.run(10);
  await b.clock.run(60_000);
  assert.deepEqual(inMemory(b), []);
  b.location.close();
});

test('a row that follows a jump of the wall clock does not take back what is on its way to disk', async () => {
  const b = bench();
  register(b, '<sip:new@h>', 1);
  await b.clock.run(800);
  b.disk.takesMs = 500;
  b.clock.jumpWall(3_600_000);
  register(b, '<sip:new@h>;expires=0', 2);

  await b.clock.run(5_000);

  assert.deepEqual([inMemory(b), [...b.disk.uris]], [[], []]);
  b.location.close();
});

test('the registrar has answered before the time of its route is over', () => {
  assert.ok(STORE_MS + 1_000 < ROUTE_MS);
});
