/** Only who sent an INVITE takes it back. RFC 3261 §9.1, §9.2 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script } from '../route/router.ts';
import { replyTo } from '../sip/build.ts';
import { parseMessage } from '../sip/parse.ts';
import { MALLORY, statusOf, TARGET } from '../testing/mallory.ts';
import { Stranger, type StrangersConnection } from '../testing/stranger.ts';
import { type Town, town } from '../testing/town.ts';

const relaying = script(() => new Router().request((c) => c.relay()));
const CALLER = '192.0.2.66';
const CALLEE = '192.0.2.77';

/** What a CANCEL, or its INVITE, says otherwise than usual. */
interface Said {
  readonly uri?: string;
  readonly host?: string;
  readonly transport?: string;
  readonly from?: string;
  readonly to?: string;
  readonly callId?: string;
  readonly cseq?: string;
}

function written(method: 'INVITE' | 'CANCEL', said: Said = {}): string {
  const { uri = `sip:bob@${CALLEE}`, host = CALLER, transport = 'UDP', cseq = '7' } = said;
  return [
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/${transport} ${host}:5060;branch=z9hG4bKcall`,
    `From: ${said.from ?? `"Alice" <sip:alice@${CALLER};x=%61>;y=z;tag=a`}`,
    `To: ${said.to ?? `<sip:bob@${CALLEE}>`}`,
    `Call-ID: ${said.callId ?? 'call@caller'}`,
    `CSeq: ${cseq} ${method}`,
    'Max-Forwards: 70',
    'Content-Length: 0',
    '\r\n',
  ].join('\r\n');
}

interface Ringing {
  readonly t: Town;
  readonly caller: Stranger;
  readonly callee: Stranger;
}

/** The callee rings, and answers never. */
async function ringing(callerHost = CALLER): Promise<Ringing> {
  const t = await town(relaying, { people: {}, transports: ['tcp'] });
  const caller = await new Stranger(t.world, callerHost, TARGET).open();
  const callee = new Stranger(t.world, CALLEE, TARGET);
  await callee.open((text) => {
    const invite = parseMessage(text);
    if (invite.kind === 'request' && invite.method === 'INVITE')
      callee.send(replyTo(invite, 180, { toTag: 'b' }));
  });
  return { t, caller, callee };
}

function isTakenBack({ callee }: Ringing): boolean {
  return callee.heard.some((text) => text.startsWith('CANCEL '));
}

/** What the CANCEL was answered, by its CSeq. */
function answered(heard: readonly string[]): number {
  return statusOf(heard.find((text) => / CANCEL\r\n/.test(text)));
}

// oxfmt-ignore
const cancels: readonly [what: string, said: Said, status: number][] = [
  ['as it should be',                        {},                                              200],
  ['with the URI in another spelling',       { uri: `sip:%62ob@${CALLEE};transport=udp` },    200],
  ['with another URI',                       { uri: 'sip:x@y' },                              200],
  ['with From in another spelling',          { from: `<sip:alice@${CALLER};x=a>;tag=a;y=z` }, 200],
  ['with To in another spelling',            { to: `"Bob" <sip:BOB@${CALLEE}>;x=y` },         200],
  ['with the To tag of who rings',           { to: `<sip:bob@${CALLEE}>;tag=b` },             200],
  ['with another Call-ID',                   { callId: 'wrong' },                             481],
  ['with the Call-ID in other letters',      { callId: 'CALL@caller' },                       481],
  ['with another number',                    { cseq: '8' },                                   481],
  ['with another From tag',                  { from: `<sip:alice@${CALLER}>;tag=A` },         481],
  ['without a From tag',                     { from: `<sip:alice@${CALLER}>` },               481],
];

for (const [what, said, status] of cancels) {
  test(`a CANCEL ${what} is answered ${status}`, async () => {
    const call = await ringing();
    call.caller.send(written('INVITE'));
    await call.t.run(100);

    call.caller.send(written('CANCEL', said));
    await call.t.run(200);

    assert.equal(answered(call.caller.heard), status);
    assert.equal(isTakenBack(call), status === 200);
    call.t.stop();
  });
}

test('who knows all of an INVITE, as who is called does, does not take it back from elsewhere', async () => {
  const call = await ringing();
  const mallory = await new Stranger(call.t.world, MALLORY, TARGET).open();
  call.caller.send(written('INVITE'));
  await call.t.run(100);

  mallory.send(written('CANCEL'));
  mallory.connect().write(written('CANCEL'));
  call.callee.send(written('CANCEL'));
  await call.t.run(200);

  assert.equal(statusOf(mallory.heard[0]), 481);
  assert.equal(isTakenBack(call), false);
  call.t.stop();
});

test('the caller takes it back by another port of his, and another transport', async () => {
  const call = await ringing();
  const connection = call.caller.connect();
  connection.write(written('INVITE', { transport: 'TCP' }));
  await call.t.run(100);

  call.caller.send(written('CANCEL'));
  await call.t.run(200);

  assert.equal(isTakenBack(call), true);
  call.t.stop();
});

test('who has lost his connection takes it back by a new one', async () => {
  const call = await ringing();
  const open = (): StrangersConnection => call.caller.connect();
  const first = open();
  first.write(written('INVITE', { transport: 'TCP' }));
  await call.t.run(100);
  first.destroy();
  await call.t.run(100);

  const second = open();
  second.write(written('CANCEL', { transport: 'TCP' }));
  await call.t.run(200);

  assert.deepEqual([answered(second.heard), isTakenBack(call)], [200, true]);
  call.t.stop();
});

test('a CANCEL that comes behind the answer is answered 200, from elsewhere 481', async () => {
  const t = await town(
    script(() => new Router().request((c) => c.reply(486))),
    { people: {} },
  );
  const caller = await new Stranger(t.world, CALLER, TARGET).open();
  const mallory = await new Stranger(t.world, MALLORY, TARGET).open();
  caller.send(written('INVITE'));
  await t.run(100);

  caller.send(written('CANCEL'));
  mallory.send(written('CANCEL'));
  await t.run(100);

  assert.deepEqual([answered(caller.heard), answered(mallory.heard)], [200, 481]);
  t.stop();
});
