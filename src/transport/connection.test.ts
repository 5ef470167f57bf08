/** What a connection may bring that is worth nothing to anybody. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MALLORY, request, TARGET } from '../testing/mallory.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { Stranger } from '../testing/stranger.ts';
import { town } from '../testing/town.ts';
import { openRegistrar } from '../testing/town-scripts.ts';
import { Allowance } from './allowance.ts';
import { Connection, type ConnectionOwner, PINGS_AT_ONCE, UNHEARD_AT_ONCE } from './connection.ts';
import { FlowWatcher } from './flow.ts';

for (const beyond of [0, 1]) {
  const ends = beyond === 0 ? 'each is answered' : 'the connection is cut';
  test(`${PINGS_AT_ONCE + beyond} pings at once: ${ends}`, async () => {
    const t = await town(openRegistrar, { people: {} });
    const connection = new Stranger(t.world, MALLORY, TARGET).connect();

    connection.write('\r\n\r\n'.repeat(PINGS_AT_ONCE + beyond));
    await t.run(100);

    assert.equal(connection.closed, beyond > 0);
    if (beyond === 0) assert.equal(connection.bytes, '\r\n'.repeat(PINGS_AT_ONCE));
    t.stop();
  });
}

for (const [what, bytes, chunk] of [
  ['bare CR', '\r', 1],
  ['bare CR, many at a time,', '\r', 1_000],
  ['bare LF', '\n', 1],
  ['CR CR LF', '\r\r\n', 1],
] as const) {
  test(`a connection that brings nothing but ${what} is cut`, async () => {
    const t = await town(openRegistrar, { people: {} });
    const connection = new Stranger(t.world, MALLORY, TARGET).connect();

    for (let i = 0; i < 10 * PINGS_AT_ONCE && !connection.closed; i++) {
      connection.write(bytes.repeat(chunk));
      await t.run(1);
    }

    assert.equal(connection.closed, true);
    t.stop();
  });
}

for (const [contacts, status] of [
  ['Contact: <sip:a@b>\r\n'.repeat(3_000), 400],
  ['Contact: <sip:a@b>\r\n'.repeat(10_000), 513],
  [`Contact: ${'<sip:a@b>, '.repeat(10_000)}<sip:a@b>\r\n`, 513],
] as const) {
  test(`a REGISTER with ${contacts.length} bytes of Contact is told ${status}`, async () => {
    const t = await town(openRegistrar, { people: {} });
    const connection = new Stranger(t.world, MALLORY, TARGET).connect();

    connection.write(
      request({
        method: 'REGISTER',
        uri: 'sip:example.com',
        to: '<sip:mallory@example.com>',
        more: contacts,
      }),
    );
    await t.run(100);

    assert.match(connection.bytes, new RegExp(`^SIP/2.0 ${status} `));
    assert.equal(connection.closed, true);
    t.stop();
  });
}

test('a CR in one piece and its LF in the next are one line end', async () => {
  const t = await town(openRegistrar, { people: {} });
  const connection = new Stranger(t.world, MALLORY, TARGET).connect();

  for (const byte of '\r\n\r\n') {
    connection.write(byte);
    await t.run(10);
  }
  connection.write('\r\n\r\n');
  await t.run(10);

  assert.equal(connection.bytes, '\r\n\r\n');
  t.stop();
});

for (const beyond of [0, 1]) {
  const ends = beyond === 0 ? 'stays' : 'is cut';
  test(`a connection with ${UNHEARD_AT_ONCE + beyond} messages that nobody wants to hear ${ends}`, async () => {
    const settings = { guard: { strangers_per_second: 1, source_per_second: 1, source_burst: 1 } };
    const t = await town(openRegistrar, { people: {}, settings });
    const connection = new Stranger(t.world, MALLORY, TARGET).connect();

    connection.write(
      request({ method: 'OPTIONS', uri: 'sip:example.com' }).repeat(1 + UNHEARD_AT_ONCE + beyond),
    );
    await t.run(100);

    assert.equal(connection.closed, beyond > 0);
    t.stop();
  });
}

test('an allowance is used up at once or bit by bit, and comes again with time', () => {
  const allowance = new Allowance(2, 10, 0);

  const taken = [0, 0, 0, 99, 100, 100, 10_000, 10_000, 10_000].map((at) => allowance.take(at));

  assert.deepEqual(taken, [true, true, false, false, true, false, true, true, false]);
});

/** Does something when it is told, once. */
class Watcher extends FlowWatcher {
  told = 0;
  private readonly act: () => void;

  constructor(act = () => {}) {
    super();
    this.act = act;
  }

  flowBroke(): void {
    this.told++;
    this.act();
  }
}

test('who watches a flow when it breaks is told once; who lets it go meanwhile, or comes then, is not', () => {
  const owner: ConnectionOwner = {
    clock: new SimClock(),
    limits: { connectionsPerSource: 1, connectionsMax: 1, setupMs: 1, messageMs: 1, idleMs: 1 },
    receive() {},
    learn() {},
    answerElsewhere: () => false,
    forget() {},
    reconnect: () => undefined,
  };
  const flow = new Connection(owner, { transport: 'tcp', sentBy: '192.0.2.1:5060', accepted: true });
  const [late, letsGo, stays, gone] = [new Watcher(), new Watcher(), new Watcher(), new Watcher()];
  const first = new Watcher(() => {
    flow.unwatch(letsGo);
    flow.watch(late);
    flow.watch(first);
  });
  for (const watcher of [gone, first, letsGo, stays]) flow.watch(watcher);
  flow.unwatch(gone);

  flow.closed();
  flow.closed();

  assert.deepEqual(
    [gone, first, letsGo, stays, late].map(({ told }) => told),
    [0, 1, 0, 1, 0],
  );
});
