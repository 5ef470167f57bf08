/** A connection that stands ends while a request is on its way: what nobody has read goes out once more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { b2bTo } from '../../src/agent/b2b.ts';
import type { ByteStream, StreamUser } from '../../src/base/world.ts';
import { type RequestDecision, type RequestContext, Router, script } from '../../src/index.ts';
import { replyTo } from '../../src/sip/build.ts';
import type { SipRequest } from '../../src/sip/message.ts';
import { parseMessage } from '../../src/sip/parse.ts';
import { topVia } from '../../src/sip/via.ts';
import { Frames } from '../../src/testing/frames.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { type Town, town } from '../../src/testing/town.ts';
import { CALLER, hands } from './by-hand.ts';
import { at, HOSTS } from './flow.ts';

const BOB = 'sip:bob@example.com';
const TO_BOB = at('bob', { transport: 'tcp' });

/** Whoever listens at bob's: what he got on which of his connections, and how each of them goes on. */
class Listening {
  /** `2 MESSAGE`: by the second connection. */
  readonly got: string[] = [];
  readonly branches: string[] = [];
  /** Statuses for what comes; nothing is said when they are spent. */
  answers: number[] = [];
  /** Whether a connection ends as soon as something has come by it. */
  endsWhenAsked = false;
  private readonly streams: ByteStream[] = [];

  async open(t: Town): Promise<this> {
    const { net } = t.world.host(HOSTS.bob);
    const accept = (stream: ByteStream): StreamUser => this.accept(stream);
    const how = { kind: 'tcp', setupMs: 1_000 } as const;
    await t.world.until(net.listen({ host: HOSTS.bob, port: 5060 }, accept, how));
    return this;
  }

  /** Every connection that he has is gone, and nothing more is read of what is on its way. */
  cut(): void {
    for (const stream of this.streams) stream.destroy();
  }

  private accept(stream: ByteStream): StreamUser {
    const number = this.streams.push(stream);
    const frames = new Frames();
    return {
      data: (piece) => {
        for (const text of frames.push(piece)) {
          const message = parseMessage(text);
          assert.ok(message.kind === 'request');
          this.take(message, number, stream);
        }
      },
      closed() {},
    };
  }

  private take(request: SipRequest, number: number, stream: ByteStream): void {
    this.got.push(`${number} ${request.method}`);
    if (request.method === 'ACK') return;
    const via = topVia(request.headers);
    this.branches.push(request.headers.text.substring(via?.branchStart ?? 0, via?.branchEnd));
    const status = this.answers.shift();
    const routes = request.headers.all('Record-Route').map((value) => ['Record-Route', value] as const);
    const contact = ['Contact', `<sip:bob@${HOSTS.bob};transport=tcp>`] as const;
    if (status !== undefined)
      stream.write(replyTo(request, status, { toTag: 'bob', headers: [...routes, contact] }));
    if (this.endsWhenAsked) stream.end();
  }
}

const relayed = (c: RequestContext): RequestDecision => c.relay(TO_BOB);
const twoLegs = (c: RequestContext): RequestDecision =>
  c.method === 'INVITE' ? c.answer(b2bTo(TO_BOB)) : c.relay(TO_BOB);

async function open(
  route: (c: RequestContext) => RequestDecision = relayed,
): Promise<readonly [Town, Awaited<ReturnType<typeof hands>>[number], Listening]> {
  const t = await town(
    script(() => new Router().request(route)),
    { people: { alice: {} } },
  );
  const [caller] = await hands(t, CALLER);
  assert.ok(caller !== undefined);
  return [t, caller, await new Listening().open(t)];
}

async function over(t: Town): Promise<void> {
  await t.run(70_000);
  await assertQuiet(t);
  t.stop();
}

for (const [what, method, route] of [
  ['a MESSAGE', 'MESSAGE', relayed],
  ['an INVITE', 'INVITE', relayed],
  ['the INVITE of a second leg', 'INVITE', twoLegs],
] as const) {
  test(`${what} crosses the end of its connection: it goes out once more, as it was`, async () => {
    const [t, caller, bob] = await open(route);
    bob.answers = [200, 486];
    caller.ask('MESSAGE', BOB, [['Call-ID', 'first']]);
    await t.run(1_000);

    caller.ask(method, BOB, [['CSeq', `2 ${method}`]]);
    await t.run(6); // It is on its way to bob.
    bob.cut();
    await t.run(1_000);

    assert.deepEqual(bob.got.slice(0, 2), ['1 MESSAGE', `2 ${method}`]);
    assert.equal(caller.answers(method).at(-1)?.status, 486);
    await over(t);
  });
}

test('a request that was read and not answered is sent once more with the same branch, and no third time', async () => {
  const [t, caller, bob] = await open();
  bob.endsWhenAsked = true;
  caller.ask('MESSAGE', BOB);
  await t.run(1_000);

  assert.deepEqual(bob.got, ['1 MESSAGE', '2 MESSAGE']);
  assert.equal(bob.branches[0], bob.branches[1]);
  assert.equal(caller.answers('MESSAGE').at(-1)?.status, 500);
  await over(t);
});

test('what a callee has begun to handle is not sent again', async () => {
  const [t, caller, bob] = await open();
  bob.answers = [180];
  bob.endsWhenAsked = true;
  caller.ask('INVITE', BOB);
  await t.run(1_000);

  assert.deepEqual(bob.got, ['1 INVITE']);
  assert.equal(caller.statuses.at(-1), 500);
  await over(t);
});

test('a call that was given up meanwhile is not made again', async () => {
  const [t, caller, bob] = await open();
  bob.answers = [200];
  caller.ask('MESSAGE', BOB);
  await t.run(1_000);

  const call = t.phone('alice').dial(BOB);
  await t.run(50);
  call.hangUp();
  await t.run(50);
  bob.cut();
  await t.run(1_000);

  assert.deepEqual(bob.got, ['1 MESSAGE', '1 INVITE']);
  assert.equal(call.status, 487);
  await over(t);
});

test('an exchange that stops closes its connections, and opens none for what was on its way', async () => {
  const [t, caller, bob] = await open();
  bob.answers = [200];
  caller.ask('MESSAGE', BOB);
  await t.run(1_000);
  caller.ask('OPTIONS', BOB);
  await t.run(6);
  t.exchange.stop();
  await t.run(1_000);

  assert.deepEqual(bob.got, ['1 MESSAGE', '1 OPTIONS']);
});
