/** Responses that are not those of the request they seem to answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script } from '../../src/index.ts';
import { replyTo } from '../../src/sip/build.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { Stranger } from '../../src/testing/stranger.ts';
import { EXCHANGE, town } from '../../src/testing/town.ts';
import { parseMessage } from '../../src/sip/parse.ts';
import { at, HOSTS } from './flow.ts';

/** Our Via alone, as if the request had been ours. */
function withoutCallersVia(text: string): string {
  const second = text.indexOf('Via:', text.indexOf('Via:') + 4);
  return text.substring(0, second) + text.substring(text.indexOf('\r\n', second) + 2);
}

// RFC 3261 §16.7 step 3, §17.1.3. [what the callee does to the 200, whether the caller hears of it]
const rows: readonly [string, (text: string) => string, boolean][] = [
  ['nothing', (text) => text, true],
  ['takes out the Via of the caller', withoutCallersVia, false],
  ['gives it another number', (text) => text.replace(/CSeq: \d+/, 'CSeq: 99'), false],
  ['gives it another method', (text) => text.replace(/(CSeq: \d+) .*/, '$1 OPTIONS'), false],
];

/** What the caller hears of a request that the callee answers so. */
async function hears(method: string, status: number, change: (text: string) => string) {
  const t = await town(
    script(() => new Router().invite((c) => c.relay(at('bob'))).message((c) => c.relay(at('bob')))),
    { people: {} },
  );
  const target = { host: EXCHANGE, port: 5060 };
  const callee = new Stranger(t.world, HOSTS.bob, target);
  await callee.open((text) => {
    const request = parseMessage(text);
    if (request.kind !== 'request' || request.method !== method) return;
    const headers = [['Contact', `<sip:bob@${HOSTS.bob}:5060>`]] as const;
    callee.send(change(replyTo(request, status, { toTag: 'bob', headers })));
  });
  const caller = await new Stranger(t.world, HOSTS.alice, target).open();
  caller.send(
    [
      `${method} sip:bob@example.com SIP/2.0`,
      `Via: SIP/2.0/UDP ${HOSTS.alice}:5060;branch=z9hG4bKa`,
      'Max-Forwards: 70',
      'From: <sip:alice@example.com>;tag=a',
      'To: <sip:bob@example.com>',
      'Call-ID: odd',
      `CSeq: 1 ${method}`,
      'Content-Length: 0',
      '\r\n',
    ].join('\r\n'),
  );
  await t.run(1_000);
  const heard = caller.heard.filter((text) => text.startsWith(`SIP/2.0 ${status}`));
  const strays = t.exchange.layer.counters.strayResponses;
  await t.run(40_000);
  await assertQuiet(t);
  t.stop();
  return { heard, strays };
}

for (const method of ['INVITE', 'MESSAGE']) {
  for (const [what, change, isHeard] of rows) {
    test(`a callee changes in his 200 to ${method}: ${what}`, async () => {
      const { heard, strays } = await hears(method, 200, change);

      assert.equal(heard.length > 0, isHeard);
      assert.equal(strays > 0, !isHeard);
    });
  }

  // A 487 made from the CANCEL of the hop before is common. Its own text must not go on: §16.7 step 3.
  test(`a callee that loses the Via of the caller refuses ${method} all the same, in our words`, async () => {
    const { heard, strays } = await hears(method, 480, withoutCallersVia);

    assert.match(heard[0] ?? '', new RegExp(`Via: SIP/2.0/UDP ${HOSTS.alice}`));
    assert.doesNotMatch(heard[0] ?? '', /;tag=bob/);
    assert.equal(strays, 0);
  });
}
