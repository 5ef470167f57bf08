/** What one leg of a call shows of the other: topology hiding, field by field and in every message. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type B2bOptions, b2bTo } from '../../src/agent/b2b.ts';
import { Router, script } from '../../src/index.ts';
import { parseUri } from '../../src/sip/uri.ts';
import { EXCHANGE, type Town, town } from '../../src/testing/town.ts';
import { CALLER, type Hand, hands } from './by-hand.ts';

const ONE = '192.0.2.71';
const BOB = 'sip:bob@example.com';
/** A session whose media is where the phone is, and whose origin says so, too. */
const sdpOf = (host: string) =>
  `v=0\r\no=secret-user 1 2 IN IP4 ${host}\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 4 RTP/AVP 8\r\n`;
const SDP_TYPE = ['Content-Type', 'application/sdp'] as const;

async function townOf(options: B2bOptions): Promise<{ t: Town; caller: Hand; one: Hand }> {
  const t = await town(
    script(() =>
      new Router().invite((c) => c.answer(b2bTo({ uri: parseUri(`sip:hand@${ONE}:5060`) }, options))),
    ),
    { people: {} },
  );
  const [caller, one] = await hands(t, CALLER, ONE);
  assert.ok(caller && one);
  return { t, caller, one };
}

// [field, value, what happens to it: never passes, passes when it is asked for, passes]
const fields: readonly (readonly [string, string, 'never' | 'asked' | 'always'])[] = [
  ['Record-Route', '<sip:secret.test;lr>', 'never'],
  ['Path', '<sip:secret.test;lr>', 'never'],
  ['Replaces', 'secret-call;to-tag=1;from-tag=2', 'never'],
  ['Referred-By', '<sip:secret@secret.test>', 'never'],
  ['Target-Dialog', 'secret-call;local-tag=1;remote-tag=2', 'never'],
  ['Supported', 'secret', 'never'],
  ['Allow', 'SECRET', 'never'],
  ['Timestamp', '17', 'never'],
  ['User-Agent', 'secret/1', 'asked'],
  ['Server', 'secret/1', 'asked'],
  ['Organization', 'secret', 'asked'],
  ['Warning', '399 secret.test "no"', 'asked'],
  ['Alert-Info', '<http://secret.test/ring.wav>', 'asked'],
  ['Call-Info', '<http://secret.test/face.png>;purpose=icon', 'asked'],
  ['Error-Info', '<sip:secret@secret.test>', 'asked'],
  ['In-Reply-To', 'secret-call', 'asked'],
  ['History-Info', '<sip:secret@secret.test>;index=1', 'asked'],
  ['P-Charging-Vector', 'icid-value=1;icid-generated-at=secret.test', 'asked'],
  ['P-Access-Network-Info', 'IEEE-802.11;i-wlan-node-id=secret', 'asked'],
  ['Subject', 'lunch', 'always'],
  ['X-Account', '17', 'always'],
];
for (const [name, value, when] of fields) {
  test(`${name} ${when === 'asked' ? 'passes where it is asked for' : `passes ${when}`}, both ways`, async () => {
    for (const pass of [[], [name.toUpperCase()]]) {
      const { t, caller, one } = await townOf({ pass });
      // A Replaces of the caller would ask us to replace a call of ours.
      caller.ask('INVITE', BOB, name === 'Replaces' ? [] : [[name, value]]);
      await t.run(50);
      one.answer(one.got('INVITE'), 183, 'one', [[name, value]]);
      one.answer(one.got('INVITE'), 486, 'one', [[name, value]]);
      await t.run(50);

      const passes = when === 'always' || (when === 'asked' && pass.length > 0);
      const answers = caller.answers().filter(({ status }) => status > 100);
      // The route set of the caller's own side comes back to him as he sent it.
      const seen = name === 'Record-Route' ? [one.got('INVITE')] : [one.got('INVITE'), ...answers];
      assert.equal(answers.length, 2);
      for (const { text, headers } of seen) {
        assert.equal(headers.all(name).includes(value), passes, text);
        assert.ok(passes || !/secret/i.test(text), text);
      }
      t.stop();
    }
  });
}

// [Privacy, pass, whether the callee is told who calls, whether the caller is told who answers]
const identities: readonly (readonly [string, string[], boolean, boolean])[] = [
  ['none', [], true, false],
  ['id', [], false, false],
  ['user;ID', [], false, false],
  ['id', ['P-Asserted-Identity', 'P-Preferred-Identity', 'Remote-Party-ID'], true, true],
];
for (const field of ['P-Asserted-Identity', 'P-Preferred-Identity', 'Remote-Party-ID']) {
  for (const [privacy, pass, ofCaller, ofCallee] of identities) {
    test(`${field} under Privacy: ${privacy}, ${pass.length > 0 ? '' : 'not '}asked for`, async () => {
      const { t, caller, one } = await townOf({ pass });
      const lines = [[field, '<sip:boss@example.com>'] as const, ['Privacy', privacy] as const];
      caller.ask('INVITE', BOB, lines);
      await t.run(50);
      one.answer(one.got('INVITE'), 183, 'one', lines);
      one.answer(one.got('INVITE'), 486, 'one', lines);
      await t.run(50);

      assert.equal(one.got('INVITE').headers.has(field), ofCaller);
      assert.deepEqual(
        caller.answers().flatMap(({ status, headers }) => (status > 100 ? [headers.has(field)] : [])),
        [ofCallee, ofCallee],
      );
      t.stop();
    });
  }
}

for (const origin of ['hide', 'pass'] as const) {
  const names = origin === 'hide' ? 'names no' : 'names the';
  test(`with origin ${origin} the session of a leg ${names} user and host`, async () => {
    const { t, caller, one } = await townOf(origin === 'hide' ? {} : { origin });
    caller.ask('INVITE', BOB, [SDP_TYPE], sdpOf(CALLER));
    await t.run(50);
    one.answer(one.got('INVITE'), 200, 'one', [SDP_TYPE], sdpOf(ONE));
    await t.run(50);
    const answer = caller.answers().at(-1)!;
    caller.askWithin(answer, 'ACK', 1);
    caller.askWithin(answer, 'INVITE', 2, [SDP_TYPE], sdpOf(CALLER));
    await t.run(50);

    const hidden = sdpOf('0.0.0.0').replace('secret-user', '-');
    assert.equal(one.got('INVITE').body, origin === 'hide' ? hidden : sdpOf(CALLER));
    assert.equal(answer.body, origin === 'hide' ? hidden : sdpOf(ONE));
    t.stop();
  });
}

test('a session whose origin cannot be read passes as it is', async () => {
  for (const body of ['v=0\r\no=- 1\r\ns=-\r\nc=IN IP4 1 2 3\r\n', 'v=0\r\ns=-\r\n', 'v=0\r\no=a b c']) {
    const { t, caller, one } = await townOf({});
    caller.ask('INVITE', BOB, [SDP_TYPE], body);
    await t.run(50);

    assert.equal(one.got('INVITE').body, body);
    t.stop();
  }
});

test('no message of a whole call tells one side the Call-ID, a tag, a branch or the address of the other', async () => {
  const { t, caller, one } = await townOf({});
  const RELIABLE = [['Require', '100rel'] as const, ['RSeq', '77001'] as const];
  caller.ask('INVITE', BOB, [['Supported', '100rel'], SDP_TYPE], sdpOf(CALLER));
  await t.run(50);
  const invite = one.got('INVITE');
  one.answer(invite, 183, 'tag-of-one', [...RELIABLE, SDP_TYPE], sdpOf(ONE));
  await t.run(50);
  const progress = caller.answers().at(-1)!;
  caller.askWithin(progress, 'PRACK', 2, [['RAck', `${progress.headers.get('RSeq')} 1 INVITE`]]);
  await t.run(50);
  one.answer(one.got('PRACK'), 200, 'tag-of-one');
  one.answer(invite, 200, 'tag-of-one');
  await t.run(50);
  const answer = caller.answers().at(-1)!;
  caller.askWithin(answer, 'ACK', 1);
  caller.askWithin(answer, 'INFO', 3);
  await t.run(50);
  one.answer(one.got('INFO'), 200, 'tag-of-one');
  caller.askWithin(answer, 'BYE', 4);
  await t.run(50);
  one.answer(one.got('BYE'), 200, 'tag-of-one');
  await t.run(50);

  const sentTo = (host: string): string[] =>
    t.net.trace.entries
      .filter(({ fromHost, toHost }) => fromHost === EXCHANGE && toHost === host)
      .map(({ text }) => text);
  const ofCaller = ['by-hand', 'tag=from', progress.toTag, `z9hG4bK${CALLER}`, 'secret-user'];
  const ofOne = [invite.callId, 'tag-of-one', invite.fromTag, '77001', ONE, 'secret-user'];
  assert.ok(sentTo(ONE).length >= 5 && sentTo(CALLER).length >= 5);
  for (const text of sentTo(ONE)) {
    for (const secret of ofCaller) assert.ok(!text.includes(secret), `${secret} in\n${text}`);
    // Who calls is told as From, which the script may set: `from`.
    assert.ok(!text.replace(/^From:.*$/m, '').includes(CALLER), text);
  }
  for (const text of sentTo(CALLER)) {
    for (const secret of ofOne) assert.ok(!text.includes(secret), `${secret} in\n${text}`);
  }
  t.stop();
});
