/** Names that nobody answers for, beside others. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { silentLogger } from '../base/silent-logger.ts';
import type { Millis } from '../base/world.ts';
import { NameServer } from '../testing/name-server.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { DnsPlaces } from './dns-places.ts';
import { limits } from './limits.ts';
import { Names } from './names.ts';

function places(): { clock: SimClock; all: DnsPlaces } {
  const clock = new SimClock();
  return { clock, all: new DnsPlaces(clock) };
}

/** Questions for so many other names. */
function fill(all: DnsPlaces, count: number): void {
  for (let i = 0; i < count; i++) all.take(`n${i}.other${i}.test`);
}

test(`${limits.dnsOutstanding} have a place; with one more the oldest gives up its own`, () => {
  const { all } = places();
  const oldest = all.take('a.example.com');
  const next = all.take('b.example.com');

  fill(all, limits.dnsOutstanding - 2);
  assert.equal(oldest.signal.aborted, false);
  fill(all, 1);

  assert.deepEqual([oldest.signal.aborted, next.signal.aborted], [true, false]);
});

test('a place that was left is free', () => {
  const { all } = places();
  const oldest = all.take('a.example.com');
  const done = all.take('b.example.com');
  fill(all, limits.dnsOutstanding - 2);

  all.leave(done);
  fill(all, 1);

  assert.equal(oldest.signal.aborted, false);
});

// oxfmt-ignore
const zones: [name: string, answered: boolean, laterMs: Millis,              givesUp: 'young' | 'oldest'][] = [
  ['x.silent.test',     false, 0,                      'young'],
  ['x.silent.test',     false, limits.dnsSilentMs - 1, 'young'],
  ['x.silent.test',     false, limits.dnsSilentMs,     'oldest'],
  ['x.silent.test',     true,  0,                      'oldest'],
  ['x.y.z.silent.test', false, 0,                      'young'],
  ['silent.test',       false, 0,                      'young'],
  ['other.test',        false, 0,                      'oldest'],
  ['test',              false, 0,                      'oldest'],
];
for (const [name, answered, laterMs, givesUp] of zones) {
  test(`${name} ${answered ? 'answered' : 'silent'} ${laterMs} ms ago: the ${givesUp} one gives up`, async () => {
    const { clock, all } = places();
    const oldest = all.take('a.example.com');
    const silent = all.take(name);
    all.leave(silent);
    all.learn(silent, false);
    if (answered) all.learn(silent, true);
    await clock.run(laterMs);

    const young = all.take('_sip._udp.silent.test');
    fill(all, limits.dnsOutstanding - 1);

    assert.deepEqual(
      [oldest.signal.aborted, young.signal.aborted],
      [givesUp === 'oldest', givesUp === 'young'],
    );
  });
}

test(`${limits.dnsSilentZones} silent zones are remembered`, () => {
  const { all } = places();

  for (let i = 0; i <= limits.dnsSilentZones; i++) all.learn(all.take(`n.zone${i}.test`), false);

  assert.equal(all.silentZones, limits.dnsSilentZones);
});

/** A name server that answers after some time, and for names with `silent` in them never. */
class Flood {
  readonly clock = new SimClock();
  open = 0;
  private readonly names: Names;

  constructor(tripMs: Millis) {
    const server = new NameServer();
    server.add('A', 'known.example.com', 1, '192.0.2.1');
    for (let i = 0; i < 1_000; i++) server.add('A', `good.zone${i}.test`, 60, '192.0.2.1');
    this.names = new Names({
      clock: this.clock,
      random: new SimRandom(5),
      log: silentLogger,
      sockets: {
        datagram: (_to, receive) => {
          this.open++;
          const send = (bytes: Uint8Array): void => {
            const answer = server.answer(bytes, true);
            if (server.asked.at(-1)?.includes('silent') === false)
              this.clock.after(tripMs, () => receive(answer));
          };
          return { send, close: () => void this.open-- };
        },
        connect: () => assert.fail('no TCP here'),
      },
      settings: { servers: [{ host: '10.0.0.1', port: 53 }], timeoutMs: 1_000, attempts: 2 },
      read: () => Promise.resolve(''),
    });
  }

  /** Both families, one after the other, as a request does; how it ends. */
  async ask(name: string): Promise<string> {
    const found = await this.names.resolve(name, 'A').then(
      () => 'found',
      (error: unknown) => (error as { code: string }).code,
    );
    if (found !== 'found') await this.names.resolve(name, 'AAAA').catch(() => {});
    return found;
  }
}

describe('10,000 silent names', () => {
  // oxfmt-ignore
  const floods: [what: string, name: (i: number) => string, inMs: Millis, tripMs: Millis][] = [
    ['of one zone, in 10 s',    (i) => `n${i}.silent.test`, 10_000, 400],
    ['of a zone each, in 10 s', (i) => `silent${i}.test`,   10_000, 400],
    ['of one zone, in 1 s',     (i) => `n${i}.silent.test`,  1_000, 400],
    ['of a zone each, in 1 s',  (i) => `silent${i}.test`,    1_000,  40],
  ];
  for (const [what, name, inMs, tripMs] of floods) {
    test(`${what}: every other name is found in its usual time`, async () => {
      const flood = new Flood(tripMs);
      const silent: Promise<string>[] = [];
      const good: Promise<string>[] = [];
      const ask = async (which: string): Promise<void> => {
        const askedAt = flood.clock.now();
        const end = flood.ask(which).then((found) => `${found} ${flood.clock.now() - askedAt <= tripMs}`);
        good.push(end);
      };
      await flood.clock.until(Promise.all([flood.ask('known.example.com'), flood.ask(name(10_000))]));

      for (let i = 0; i < 10_000; i++) {
        silent.push(flood.ask(name(i)));
        if (i % 100 === 0) void ask(`good.zone${i / 100}.test`);
        if (i % 1_500 === 0) void ask('known.example.com'); // Its TTL of a second has run out.
        if (i % 100 === 0) await flood.clock.run(inMs / 100);
        assert.ok(flood.open <= limits.dnsOutstanding);
      }

      assert.deepEqual(new Set(await flood.clock.until(Promise.all(good))), new Set(['found true']));
      assert.deepEqual(new Set(await flood.clock.until(Promise.all(silent))), new Set(['ETIMEOUT']));
      assert.equal(flood.open, 0);
    });
  }
});
