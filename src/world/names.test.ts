import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { silentLogger } from '../base/silent-logger.ts';
import type { ByteStream, DnsType, HostPort } from '../base/world.ts';
import { NameServer } from '../testing/name-server.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import type { DnsSockets } from './dns-question.ts';
import { limits } from './limits.ts';
import { Names } from './names.ts';

const TRIP_MS = 10;
const TIMEOUT_MS = 1_000;
const HOME = new Endpoint('192.0.2.1', 0);

/** Names, their servers at 10.0.0.1, 10.0.0.2, …, and what lies between; a server that is undefined says nothing. */
class Place {
  readonly clock = new SimClock();
  readonly servers: (NameServer | undefined)[];
  /** Where questions went, with their ids. */
  readonly sent: { host: string; id: number; over: 'udp' | 'tcp' }[] = [];
  open = 0;
  /** Servers whose port nobody has open. */
  readonly closed = new Set<string>();
  hosts = '';
  readonly names: Names;

  constructor(...servers: (NameServer | undefined)[]) {
    this.servers = servers;
    this.names = new Names({
      clock: this.clock,
      random: new SimRandom(3),
      log: silentLogger,
      sockets: this.sockets(),
      settings: {
        servers: servers.map((_, i) => ({ host: `10.0.0.${i + 1}`, port: 53 })),
        timeoutMs: TIMEOUT_MS,
        attempts: 2,
      },
      read: (file) => Promise.resolve(file.endsWith('hosts') ? this.hosts : ''),
    });
  }

  /** The targets, or the code of the failure. */
  targets(name: string, type: DnsType): Promise<readonly string[] | string> {
    return this.clock.until(this.outcome(name, type));
  }

  outcome(name: string, type: DnsType): Promise<readonly string[] | string> {
    return this.names.resolve(name, type).then(
      (records) => records.map(({ target }) => target),
      (error: unknown) => (error as { code: string }).code,
    );
  }

  private sockets(): DnsSockets {
    return {
      datagram: (to, receive, failed) => {
        this.open++;
        return {
          send: (bytes) => {
            this.note(to, bytes, 'udp');
            if (this.closed.has(to.host)) this.clock.after(1, failed);
            const reply = this.serverAt(to)?.answer(bytes, true);
            if (reply !== undefined) this.clock.after(TRIP_MS, () => receive(reply));
          },
          close: () => void this.open--,
        };
      },
      connect: (to, user) => {
        this.open++;
        const write = (text: string): boolean => {
          const bytes = Uint8Array.from(text.substring(2), (c) => c.charCodeAt(0));
          this.note(to, bytes, 'tcp');
          const reply = this.serverAt(to)?.answer(bytes, false);
          if (reply === undefined) this.clock.after(TRIP_MS, () => user.closed('error', 'refused'));
          else {
            const framed = String.fromCharCode(reply.length >>> 8, reply.length & 255, ...reply);
            this.clock.after(TRIP_MS, () => user.data(framed.substring(0, 1)));
            this.clock.after(TRIP_MS, () => user.data(framed.substring(1)));
          }
          return true;
        };
        const destroy = (): void => void this.open--;
        const remote = new Endpoint(to.host, to.port);
        return { local: HOME, remote, peerNames: [], write, end: destroy, destroy } satisfies ByteStream;
      },
    };
  }

  private note(to: HostPort, bytes: Uint8Array, over: 'udp' | 'tcp'): void {
    this.sent.push({ host: to.host, id: bytes[0]! * 256 + bytes[1]!, over });
  }

  private serverAt({ host }: HostPort): NameServer | undefined {
    return this.servers[Number(host.split('.')[3]) - 1];
  }
}

function zone(): NameServer {
  const server = new NameServer();
  server.manner.negativeSeconds = 60;
  server.add('A', 'a.example.com', 100, '192.0.2.1');
  server.add('A', 'a.example.com', 200, '192.0.2.2');
  server.add('AAAA', 'a.example.com', 100, '2001:db8:0:0:0:0:0:1');
  server.add('SRV', '_sip._udp.example.com', 100, 1, 2, 5070, 'a.example.com');
  server.add('NAPTR', 'example.com', 100, 1, 2, 's', 'SIP+D2U', '', '_sip._udp.example.com');
  server.add('CNAME', 'alias.example.com', 50, 'a.example.com');
  server.add('CNAME', 'out.example.com', 50, 'elsewhere.example.com');
  server.add('CNAME', 'round.example.com', 50, 'about.example.com');
  server.add('CNAME', 'about.example.com', 50, 'round.example.com');
  return server;
}

// oxfmt-ignore
const answers: [name: string, type: DnsType, found: readonly string[] | string][] = [
  ['a.example.com',         'A',     ['192.0.2.1', '192.0.2.2']],
  ['A.Example.Com.',        'A',     ['192.0.2.1', '192.0.2.2']],
  ['a.example.com',         'AAAA',  ['2001:db8::1']],
  ['_sip._udp.example.com', 'SRV',   ['a.example.com']],
  ['example.com',           'NAPTR', ['_sip._udp.example.com']],
  ['alias.example.com',     'A',     ['192.0.2.1', '192.0.2.2']],
  ['a.example.com',         'SRV',   'ENODATA'],
  ['alias.example.com',     'NAPTR', 'ENODATA'],
  ['nobody.example.com',    'A',     'ENOTFOUND'],
  ['round.example.com',     'A',     'ELOOP'],
  ['no such name',          'A',     'ENOTFOUND'],
  ['localhost',             'A',     ['127.0.0.1']],
  ['localhost',             'AAAA',  ['::1']],
  ['_sip._udp.localhost',   'SRV',   'ENODATA'],
];
for (const [name, type, found] of answers) {
  test(`${type} ${name} is ${String(found)}`, async () => {
    const place = new Place(zone());

    assert.deepEqual(await place.targets(name, type), found);
    assert.equal(place.open, 0);
  });
}

/** A server whose zone is a chain of so many aliases, one in each answer. */
function chainOf(aliases: number): NameServer {
  const server = new NameServer();
  for (let i = 0; i < aliases; i++) server.add('CNAME', `n${i}.test`, 60, `n${i + 1}.test`);
  server.add('A', `n${aliases}.test`, 60, '192.0.2.9');
  return server;
}

for (const [aliases, found] of [
  [limits.dnsAliases, ['192.0.2.9']],
  [limits.dnsAliases + 1, 'ELOOP'],
] as const) {
  test(`a chain of ${aliases} aliases is ${String(found)}`, async () => {
    assert.deepEqual(await new Place(chainOf(aliases)).targets('n0.test', 'A'), found);
  });
}

test('what is known is told at once, until its least TTL is over', async () => {
  const server = zone();
  const place = new Place(server);

  assert.equal(place.names.known('a.example.com', 'A'), undefined);
  await place.targets('a.example.com', 'A');
  assert.equal(place.names.known('a.example.com', 'A')?.length, 2);
  await place.clock.run(79_000);
  assert.equal(place.names.known('a.example.com', 'A')?.length, 2);
  assert.deepEqual(server.asked, ['A a.example.com']);
  await place.clock.run(22_000);
  assert.equal(place.names.known('a.example.com', 'A'), undefined);
});

test('a name in use is asked for anew before its time is over, and nobody waits', async () => {
  const server = zone();
  const place = new Place(server);
  await place.targets('a.example.com', 'A');

  for (let i = 0; i < 30; i++) {
    await place.clock.run(10_000);
    assert.equal(place.names.known('a.example.com', 'A')?.length, 2);
  }

  assert.equal(server.asked.length, 4);
});

test('an alias holds no longer than its own TTL', async () => {
  const place = new Place(zone());
  await place.targets('alias.example.com', 'A');

  await place.clock.run(51_000);

  assert.equal(place.names.known('alias.example.com', 'A'), undefined);
});

test('that there is no record is remembered as long as the SOA says, and not without one', async () => {
  const server = zone();
  const place = new Place(server);

  await place.targets('nobody.example.com', 'A');
  await place.targets('nobody.example.com', 'A');
  assert.deepEqual(place.names.known('nobody.example.com', 'A'), []);
  assert.equal(server.asked.length, 1);

  await place.clock.run(61_000);
  server.manner.negativeSeconds = undefined;
  await place.targets('nobody.example.com', 'A');
  assert.equal(place.names.known('nobody.example.com', 'A'), undefined);
  await place.targets('nobody.example.com', 'A');
  assert.equal(server.asked.length, 3);
});

test('whoever asks for the same name meanwhile waits with the first', async () => {
  const server = zone();
  const place = new Place(server);

  const found = Promise.all(Array.from({ length: 50 }, () => place.names.resolve('a.example.com', 'A')));
  await place.clock.until(found);

  assert.equal(server.asked.length, 1);
});

test('an answer that does not fit comes by TCP', async () => {
  const server = zone();
  server.manner.truncates = true;
  const place = new Place(server);

  assert.equal((await place.targets('a.example.com', 'A')).length, 2);
  assert.deepEqual(
    place.sent.map(({ over }) => over),
    ['udp', 'tcp'],
  );
  assert.equal(place.open, 0);
});

test('a server that knows nothing of RFC 6891 is asked again without it', async () => {
  const server = zone();
  server.manner.knowsNoExtension = true;
  const place = new Place(server);

  assert.equal((await place.targets('a.example.com', 'A')).length, 2);
  assert.equal(place.sent.length, 2);
});

test('a silent server is passed over, and asked last from then on', async () => {
  const place = new Place(undefined, zone());

  await place.targets('a.example.com', 'A');
  assert.equal(place.clock.now(), TIMEOUT_MS + TRIP_MS);
  await place.targets('a.example.com', 'AAAA');

  assert.deepEqual(
    place.sent.map(({ host }) => host),
    ['10.0.0.1', '10.0.0.2', '10.0.0.2'],
  );
});

test('a server whose port is closed, or that refuses, is passed over at once', async () => {
  const refuses = zone();
  refuses.manner.code = 5;
  const place = new Place(undefined, refuses, zone());
  place.closed.add('10.0.0.1');

  assert.equal((await place.targets('a.example.com', 'A')).length, 2);
  assert.ok(place.clock.now() < 50);
});

test('when all are silent it fails in servers × attempts × timeout, and others fail at once for 5 s', async () => {
  const place = new Place(undefined, undefined);

  assert.equal(await place.targets('a.example.com', 'A'), 'ETIMEOUT');
  assert.equal(place.clock.now(), 4 * TIMEOUT_MS);
  assert.equal(await place.targets('a.example.com', 'A'), 'ETIMEOUT');
  assert.equal(place.clock.now(), 4 * TIMEOUT_MS);
  await place.clock.run(limits.dnsFailureMs);
  await place.targets('a.example.com', 'A');
  assert.equal(place.sent.length, 8);
  assert.equal(place.open, 0);
});

test('an answer with another id is as if it had not come', async () => {
  const server = zone();
  server.manner.mistakesId = true;

  assert.equal(await new Place(server).targets('a.example.com', 'A'), 'ETIMEOUT');
});

test('each question has an id by chance', async () => {
  const place = new Place(zone());
  for (let i = 0; i < 50; i++) await place.targets(`n${i}.example.com`, 'A');

  assert.equal(new Set(place.sent.map(({ id }) => id)).size, 50);
});

test('when nobody can tell, records that have run out are used, but not for more than a day', async () => {
  const place = new Place(zone());
  await place.targets('a.example.com', 'A');
  place.servers[0] = undefined;

  await place.clock.run(200_000);
  assert.equal((await place.targets('a.example.com', 'A')).length, 2);
  for (let i = 0; i < 100; i++) {
    assert.equal(place.names.known('a.example.com', 'A')?.length, 2, 'nobody waits while it is in use');
    await place.clock.run(25_000);
  }
  // A day after their TTL of 100 s.
  await place.clock.run(limits.dnsStaleMs + 100_000 - 10_000 - place.clock.now());
  assert.equal((await place.targets('a.example.com', 'A')).length, 2);
  await place.clock.run(120_000);

  assert.equal(await place.targets('a.example.com', 'A'), 'ETIMEOUT');
});

test('that there is no record any more ends the old one at once', async () => {
  const place = new Place(zone());
  await place.targets('a.example.com', 'A');
  place.servers[0] = new NameServer();

  await place.clock.run(101_000);

  assert.equal(await place.targets('a.example.com', 'A'), 'ENOTFOUND');
});

test('for one name too many the one that has waited longest is asked for no longer', async () => {
  const place = new Place(undefined);
  const asked = Array.from({ length: limits.dnsOutstanding }, (_, i) => place.outcome(`n${i}.test`, 'A'));
  await place.clock.run(TIMEOUT_MS / 2);
  assert.equal(place.open, limits.dnsOutstanding);

  void place.outcome('one.more.test', 'A');

  assert.equal(await place.clock.until(asked[0]!), 'ETIMEOUT');
  assert.equal(place.clock.now(), TIMEOUT_MS / 2);
  assert.equal(place.open, limits.dnsOutstanding);
  await place.clock.until(asked[1]!);
  assert.equal(place.clock.now(), 2 * TIMEOUT_MS);
});

test('who is asked for no longer has his old records, and is asked for anew at once when he has none', async () => {
  const place = new Place(zone());
  await place.targets('a.example.com', 'A');
  await place.clock.run(101_000);
  place.servers[0] = undefined;

  const old = place.outcome('a.example.com', 'A');
  const young = place.outcome('b.example.com', 'A');
  for (let i = 0; i < limits.dnsOutstanding; i++) void place.outcome(`n${i}.test`, 'A');

  assert.equal((await place.clock.until(old)).length, 2);
  assert.equal(await place.clock.until(young), 'ETIMEOUT');
  assert.equal(place.clock.now(), 101_000 + TRIP_MS);
  const before = place.sent.length;
  void place.outcome('b.example.com', 'A');
  await place.clock.run(1);
  assert.equal(place.sent.length, before + 1);
});

test('a name of the hosts file has its addresses, no services, and nobody is asked', async () => {
  const server = zone();
  const place = new Place(server);
  place.hosts = '# ours\n192.0.2.77 Desk desk.test # a phone\n2001:db8::7 desk.test\nrubbish\n';

  assert.deepEqual(await place.targets('desk.test', 'A'), ['192.0.2.77']);
  assert.deepEqual(await place.targets('desk.test', 'AAAA'), ['2001:db8::7']);
  assert.deepEqual(place.names.known('_sip._udp.desk.test', 'SRV'), []);
  assert.deepEqual(place.names.known('desk.test', 'NAPTR'), []);
  assert.deepEqual(await place.targets('desk', 'A'), ['192.0.2.77']);
  assert.deepEqual(server.asked, []);
});
