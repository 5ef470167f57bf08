import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simWorld } from '../testing/sim-world.ts';
import { parseUri } from '../sip/uri.ts';
import { Endpoint } from '../base/endpoint.ts';
import { DeadTargets } from './dead-targets.ts';
import { mayUseTcp, TcpFirst } from './large-requests.ts';
import type { Hops, Located } from './locate.ts';
import type { Hop } from './transports.ts';

const DEAD_MS = 30_000;
const A: Hop = { transport: 'udp', host: '192.0.2.21', port: 5060 };
const B: Hop = { transport: 'udp', host: '192.0.2.22', port: 5070 };
const C: Hop = { transport: 'tls', host: '192.0.2.23', port: 5061 };

/** Hops of a domain, and what they were told. */
class Listed implements Hops {
  readonly told: string[] = [];
  readonly status = 480;
  private readonly left: Located[];

  constructor(...hops: Located[]) {
    this.left = hops;
  }

  get mayHaveMore(): boolean {
    return this.left.length > 0;
  }

  next(): Located {
    return this.left.shift();
  }

  answered(): void {
    this.told.push('answered');
  }

  failed(forMs?: number): void {
    this.told.push(`failed ${forMs ?? 'as set'}`);
  }
}

function name(hop: Hop | undefined): string {
  return hop === undefined ? 'none' : `${hop.transport} ${hop.host}:${hop.port}`;
}

async function rest(hops: Hops): Promise<string[]> {
  const names: string[] = [];
  while (hops.mayHaveMore) {
    hops.failed();
    names.push(name(await hops.next()));
  }
  return names;
}

test('each host is tried by TCP and then by UDP; other transports stay as they are', async () => {
  const listed = new Listed(Promise.resolve(B), C);
  const hops = new TcpFirst(A, listed, new DeadTargets(simWorld(1).clock), DEAD_MS);

  assert.equal(name(hops.first), 'tcp 192.0.2.21:5060');
  assert.deepEqual(await rest(hops), [
    'udp 192.0.2.21:5060',
    'tcp 192.0.2.22:5070',
    'udp 192.0.2.22:5070',
    'tls 192.0.2.23:5061',
  ]);
  assert.equal(hops.next(), undefined);
  assert.deepEqual(listed.told, ['failed as set', 'failed as set'], 'only what failed by UDP, too, is dead');
});

test('who took no TCP gets datagrams until the time of the dead is over', async () => {
  const world = simWorld(1);
  const dead = new DeadTargets(world.clock);
  new TcpFirst(A, new Listed(), dead, DEAD_MS).failed();

  assert.equal(new TcpFirst(A, new Listed(), dead, DEAD_MS).first, undefined);
  await world.run(DEAD_MS);
  assert.equal(name(new TcpFirst(A, new Listed(), dead, DEAD_MS).first), 'tcp 192.0.2.21:5060');
});

test('a 503 by TCP is the answer of the host: it is not asked once more by UDP', () => {
  const listed = new Listed(B);
  const hops = new TcpFirst(A, listed, new DeadTargets(simWorld(1).clock), DEAD_MS);

  hops.failed(5_000);

  assert.deepEqual(listed.told, ['failed 5000']);
  assert.equal(name(hops.next() as Hop), 'tcp 192.0.2.22:5070');
});

test('what answers is told on, and without a time nobody counts as dead', () => {
  const dead = new DeadTargets(simWorld(1).clock);
  const listed = new Listed();
  const hops = new TcpFirst(A, listed, dead, 0);
  hops.answered();
  hops.failed();

  assert.deepEqual([listed.told, dead.size, hops.status], [['answered'], 0, 480]);
});

// [URI, hop, our listeners, whether TCP may be used]
const cases: readonly (readonly [string, Hop, readonly string[], boolean])[] = [
  ['sip:b@192.0.2.21', A, ['udp 192.0.2.1', 'tcp 192.0.2.1'], true],
  ['sip:b@192.0.2.21;transport=udp', A, ['tcp 192.0.2.1'], false],
  ['sip:b@192.0.2.23', C, ['tcp 192.0.2.1'], false],
  ['sip:b@192.0.2.21', A, ['udp 192.0.2.1', 'tls 192.0.2.1'], false],
  ['sip:b@192.0.2.21', A, ['udp 192.0.2.1', 'tcp 2001:db8::1'], false],
  ['sip:b@[2001:db8::21]', { ...A, host: '2001:db8::21' }, ['tcp 2001:db8::1'], true],
];
for (const [uri, hop, listening, may] of cases) {
  test(`${uri} by ${hop.transport}, we listen at ${listening.join(', ')}: ${may ? 'TCP' : 'no TCP'}`, () => {
    const listeners = listening.map((text) => {
      const [transport = '', host = ''] = text.split(' ');
      return { transport: transport as Hop['transport'], local: new Endpoint(host, 5060) };
    });

    assert.equal(mayUseTcp(parseUri(uri), hop, { listeners }), may);
  });
}
