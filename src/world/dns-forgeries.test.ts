/** Answers of somebody who is not the name server, or of one who lies. RFC 5452 §3, §9 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { silentLogger } from '../base/silent-logger.ts';
import type { StreamUser } from '../base/world.ts';
import { NameServer } from '../testing/name-server.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import type { DnsSockets } from './dns-question.ts';
import { limits } from './limits.ts';
import { Names } from './names.ts';

const GOOD = '192.0.2.1';
const FORGED = [203, 0, 113, 9];
const TRIP_MS = 100;

/** A name server, and one who sees that something is asked and answers before it does. */
class Line {
  readonly clock = new SimClock();
  readonly server = new NameServer();
  readonly names: Names;
  /** Sockets that are open. */
  open = 0;
  /** What the forger makes of the true answer; nothing at all unless told. */
  forge: (answer: Uint8Array) => readonly Uint8Array[] = () => [];
  /** What comes over TCP, a piece each millisecond, instead of an answer. */
  stream: readonly string[] | undefined = undefined;

  constructor() {
    const { clock } = this;
    this.names = new Names({
      clock,
      random: new SimRandom(5),
      log: silentLogger,
      sockets: this.sockets(),
      settings: { servers: [{ host: '10.0.0.1', port: 53 }], timeoutMs: 1_000, attempts: 1 },
      read: () => Promise.resolve(''),
    });
  }

  targets(name: string): Promise<readonly string[] | string> {
    return this.clock.until(
      this.names.resolve(name, 'A').then(
        (records) => records.map(({ target }) => target),
        (error: unknown) => (error as { code: string }).code,
      ),
    );
  }

  private sockets(): DnsSockets {
    return {
      datagram: (_to, receive) => {
        this.open++;
        const send = (bytes: Uint8Array): void => {
          const answer = this.server.answer(bytes, true);
          for (const forged of this.forge(answer)) this.clock.after(1, () => receive(forged));
          this.clock.after(TRIP_MS, () => receive(answer));
        };
        return { send, close: () => void this.open-- };
      },
      connect: (to, user) => {
        this.open++;
        const close = (): void => void this.open--;
        const write = (): boolean => this.writeStream(user);
        const [local, remote] = [new Endpoint('192.0.2.7', 0), new Endpoint(to.host, to.port)];
        return { local, remote, peerNames: [], write, end: close, destroy: close };
      },
    };
  }

  private writeStream(user: StreamUser): boolean {
    for (const [at, piece] of (this.stream ?? []).entries()) this.clock.after(at + 1, () => user.data(piece));
    return true;
  }
}

function line(): Line {
  const made = new Line();
  made.server.add('A', 'a.test', 60, GOOD);
  made.server.add('A', 'b.test', 60, GOOD);
  return made;
}

/** The same answer with the forger's address in its last four octets, changed further. */
function lie(answer: Uint8Array, change: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = Uint8Array.from(answer);
  bytes.set(FORGED, bytes.length - FORGED.length);
  change(bytes);
  return bytes;
}

const HEADER_OCTETS = 12;
/** Where the type of the question stands, behind `a.test`. */
const TYPE_AT = HEADER_OCTETS + 8;

const forgeries: readonly [what: string, change: (bytes: Uint8Array) => void][] = [
  ['another id', (bytes) => void (bytes[1]! ^= 1)],
  ['another name in the question', (bytes) => void (bytes[HEADER_OCTETS + 1]! ^= 3)],
  ['another type in the question', (bytes) => void (bytes[TYPE_AT + 1]! ^= 29)],
  ['another class in the question', (bytes) => void (bytes[TYPE_AT + 3] = 3)],
  ['no question', (bytes) => void (bytes[5] = 0)],
  ['the bit of a question', (bytes) => void (bytes[2]! &= 0x7f)],
  ['another id, and SERVFAIL', (bytes) => bytes.set([bytes[0]! ^ 1, bytes[1]!, 0x81, 0x82])],
  ['another id, and the bit of truncation', (bytes) => bytes.set([bytes[0]! ^ 1, bytes[1]!, 0x83, 0x80])],
];

for (const [what, change] of forgeries) {
  test(`an answer with ${what} is as if it had not come, and the true one counts`, async () => {
    const it = line();
    it.forge = (answer) => [lie(answer, change)];

    assert.deepEqual(await it.targets('a.test'), [GOOD]);
    assert.equal(it.open, 0);
  });
}

test('a thousand guesses at the id cost nothing but the guesses', async () => {
  const it = line();
  it.forge = (answer) =>
    Array.from({ length: 1_000 }, (_, i) =>
      lie(answer, (bytes) => bytes.set([i >> 8, (i & 255) ^ 0x55])),
    ).filter(([high, low]) => high !== answer[0] || low !== answer[1]);

  assert.deepEqual(await it.targets('a.test'), [GOOD]);
  assert.equal(it.server.asked.length, 1);
});

test('what an answer says of names that were not asked for is not believed', async () => {
  const it = line();
  const victim = Buffer.from('\x06victim\x04test\0', 'latin1');
  const record = [...victim, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4, ...FORGED];
  it.forge = (answer) =>
    [7, 9, 11].map((countAt) => {
      const bytes = Uint8Array.from([...answer, ...record]);
      bytes[countAt]!++;
      return bytes;
    });

  assert.deepEqual(await it.targets('a.test'), [GOOD]);
  assert.equal(it.names.known('victim.test', 'A'), undefined);
  it.forge = () => [];
  assert.equal(await it.targets('victim.test'), 'ENOTFOUND');
});

test('an answer that came is the last: a second one, with the right id, changes nothing', async () => {
  const it = line();
  it.forge = (answer) => [answer, lie(answer, () => {})];

  assert.deepEqual(await it.targets('a.test'), [GOOD]);
  await it.clock.run(1_000);
  assert.deepEqual(await it.targets('a.test'), [GOOD]);
});

const oversized: readonly [what: string, pieces: readonly string[]][] = [
  ['promises 65,535 octets and sends them, all of them nothing', [`\xff\xff${'\0'.repeat(65_535)}`]],
  ['promises 65,535 octets and says no more', ['\xff\xff', '\0']],
  ['says less than a length', ['\0']],
  ['says that nothing follows', ['\0\0']],
  ['sends an octet at a time, for ever', Array.from({ length: 5_000 }, () => '\xff')],
];

for (const [what, pieces] of oversized) {
  test(`a name server that ${what} over TCP costs one question and its time`, async () => {
    const it = line();
    it.server.manner.truncates = true;
    it.stream = pieces;

    const found = await it.targets('a.test');

    assert.ok(found === 'ETIMEOUT' || found === 'ESERVFAIL', String(found));
    assert.ok(it.clock.now() <= 2_000, `${it.clock.now()} ms`);
    assert.equal(it.open, 0);
    it.server.manner.truncates = false;
    assert.deepEqual(await it.targets('b.test'), [GOOD]);
  });
}

const loops: readonly [what: string, aliases: readonly (readonly [string, string])[]][] = [
  ['itself', [['a1.test', 'a1.test']]],
  [
    'each other',
    [
      ['a1.test', 'a2.test'],
      ['a2.test', 'a1.test'],
    ],
  ],
  [
    'a third that points back at the second',
    [
      ['a1.test', 'a2.test'],
      ['a2.test', 'a3.test'],
      ['a3.test', 'a2.test'],
    ],
  ],
];

for (const [what, aliases] of loops) {
  test(`an alias that points at ${what} ends, and is not asked for again at once`, async () => {
    const it = line();
    for (const [from, to] of aliases) it.server.add('CNAME', from, 60, to);

    assert.equal(await it.targets('a1.test'), 'ELOOP');
    const { length } = it.server.asked;
    assert.ok(length <= limits.dnsAliases + 1, `${length} questions`);
    assert.equal(await it.targets('a1.test'), 'ELOOP');
    assert.equal(it.server.asked.length, length);
    assert.equal(it.open, 0);
  });
}
