/** Nobody gets what he did not ask for, and nobody gets much more than he sent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script } from '../route/router.ts';
import { replyTo } from '../sip/build.ts';
import { parseMessage } from '../sip/parse.ts';
import {
  BOB,
  MALLORY,
  mallorysTown,
  request,
  sentElsewhere,
  statusOf,
  TARGET,
  VICTIM,
} from '../testing/mallory.ts';
import { Stranger } from '../testing/stranger.ts';
import { EXCHANGE, town } from '../testing/town.ts';
import { registrarProxy } from '../testing/town-scripts.ts';

// ─── answers for those who did not ask ──────────────────────────────────────────────────────────

test('responses that nobody waits for go nowhere', async () => {
  const { t, mallory } = await mallorysTown(registrarProxy);
  const call = t.phone('alice').dial('sip:bob@example.com');
  await t.run(2_000);
  const sent = t.phone('bob').incoming[0]?.invite.headers.get('Via') ?? '';
  const branch = /branch=([^;]+)/.exec(sent)?.[1] ?? '';
  const near = branch.replace(/\.(\d+)\./, (_, generation: string) => `.${Number(generation) + 1}.`);
  const before = t.net.trace.entries.length;

  for (const own of ['z9hG4bKx', near, branch.substring(0, 20), `${branch.split('.')[0]}.`, '']) {
    for (const status of ['100 Trying', '180 Ringing', '200 OK', '407 No', '603 Decline']) {
      mallory.send(
        request({
          via: `SIP/2.0/UDP ${EXCHANGE}:5060;branch=${own}, SIP/2.0/UDP ${VICTIM}`,
          callId: call.callId,
        }).replace('INVITE sip:bob@example.com SIP/2.0', `SIP/2.0 ${status}`),
      );
    }
  }
  await t.run(1_000);

  assert.deepEqual(
    t.net.trace.entries.slice(before).filter(({ fromHost }) => fromHost === EXCHANGE),
    [],
  );
  assert.equal(call.state, 'talking');
  t.stop();
});

const forgedVias: readonly string[] = [
  `SIP/2.0/UDP ${VICTIM}:5060`,
  `SIP/2.0/UDP ${VICTIM}:5060;rport`,
  `SIP/2.0/UDP ${VICTIM}:5060;received=${VICTIM}`,
  `SIP/2.0/UDP ${MALLORY}:5060;received=${VICTIM};rport=5060`,
  `SIP/2.0/UDP ${MALLORY}:5060;received=${VICTIM}`,
  `SIP/2.0/UDP ${MALLORY}:5060;maddr=${VICTIM}`,
  `SIP/2.0/UDP ${MALLORY}:5060;maddr=255.255.255.255;ttl=255`,
  `SIP/2.0/UDP ${MALLORY}:5060;RECEIVED = ${VICTIM} ; RPORT = 5060`,
  `SIP/2.0/UDP ${MALLORY}:5060;received=${VICTIM};rport`,
  `SIP/2.0/UDP ${MALLORY}:5060;received=${VICTIM};received=${VICTIM}`,
  `SIP/2.0/UDP ${MALLORY}:5060;x=";received=${VICTIM};rport=9"`,
  `SIP/2.0/UDP ${MALLORY}:5060;rport=9`,
  `SIP/2.0/UDP ${VICTIM}:0`,
  `SIP/2.0/UDP ${VICTIM}:65536`,
  `SIP/2.0/TCP ${VICTIM}:5060`,
  `SIP/2.0/UDP victim.example`,
];

/** Beside these nothing can be sent on: the Via is no Via. */
const noVias = /:0$|:65536$/;

for (const via of forgedVias) {
  test(`an answer goes to where the request came from, not to ${via.substring(12)}`, async () => {
    const { t, mallory } = await mallorysTown(registrarProxy);

    for (const method of ['INVITE', 'REGISTER', 'OPTIONS', 'BYE']) mallory.send(request({ method, via }));
    mallory.send(request({ via, more: 'Max-Forwards: x\r\n' }));
    mallory.send(request({ via }).replace('SIP/2.0', 'SIP/3.0'));
    mallory.send(request({ via, more: 'X Foo: a\r\n' }));
    await t.run(1_000);

    assert.deepEqual(sentElsewhere(t), []);
    assert.equal(mallory.sentToHim.length, 7);
    t.stop();
  });

  test(`an answer through a proxy that keeps nothing goes there too, not to ${via.substring(12)}`, async () => {
    const forwarding = script(() =>
      new Router().request((c) => c.forward({ transport: 'udp', host: BOB, port: 5060 })),
    );
    const t = await town(forwarding, { people: {} });
    const mallory = await new Stranger(t.world, MALLORY, TARGET).open();
    const bob = new Stranger(t.world, BOB, TARGET);
    await bob.open((text) => {
      const asked = parseMessage(text);
      if (asked.kind === 'request') bob.send(replyTo(asked, 200));
    });

    mallory.send(request({ method: 'MESSAGE', via }));
    await t.run(1_000);

    assert.deepEqual(sentElsewhere(t), []);
    assert.equal(mallory.sentToHim.length, via.includes('TCP') ? 0 : 1);
    assert.equal(
      statusOf(mallory.sentToHim[0]?.text),
      noVias.test(via) ? 400 : via.includes('TCP') ? NaN : 200,
    );
    t.stop();
  });
}

test('a broken datagram that names a port of its sender is answered where it came from', async () => {
  for (const broken of [request({ more: 'X Foo: a\r\n' }), request().replace('SIP/2.0', 'SIP/3.0')]) {
    const { t, mallory } = await mallorysTown(registrarProxy);

    mallory.send(broken.replace(`${MALLORY}:5060`, `${MALLORY}:9;rport=9`));
    await t.run(100);

    assert.deepEqual(
      mallory.sentToHim.map(({ to }) => to),
      [`${MALLORY}:5060`],
    );
    t.stop();
  }
});

/** Short requests, to be answered by somebody whose address they carry. */
const reflected: readonly [name: string, text: string][] = [
  ['REGISTER', short('REGISTER', 'sip:example.com', 'sip:a@example.com')],
  ['INVITE to one of ours', short('INVITE', 'sip:bob@example.com', 'sip:bob@example.com')],
  [
    'INVITE from one of ours',
    short('INVITE', 'sip:bob@example.com', 'sip:bob@example.com', 'sip:a@example.com'),
  ],
  ['INVITE to nobody', short('INVITE', 'sip:x@example.com', 'sip:x@example.com')],
  ['INVITE to a stranger', short('INVITE', 'sip:x@y.z', 'sip:x@y.z')],
  ['OPTIONS', short('OPTIONS', 'sip:example.com', 'sip:example.com')],
  ['MESSAGE', short('MESSAGE', 'sip:a@example.com', 'sip:a@example.com')],
  ['BYE', short('BYE', 'sip:a@b', 'sip:a@b>;tag=1')],
  ['CANCEL', short('CANCEL', 'sip:a@b', 'sip:a@b')],
  ['what is refused', short('OPTIONS', 'sip:', 'sip:a@b')],
  [
    'what needs an extension',
    short('OPTIONS', 'sip:a@b', 'sip:a@b').replace('i:', 'Proxy-Require: a,b\r\ni:'),
  ],
  ['what is no SIP/2.0', short('OPTIONS', 'sip:a@b', 'sip:a@b').replace('SIP/2.0', 'SIP/9.9')],
  ['what has a line without a colon', short('OPTIONS', 'sip:a@b', 'sip:a@b').replace('i:1', 'X\r\ni:1')],
  ['what has a CR alone', short('OPTIONS', 'sip:a@b', 'sip:a@b').replace('i:1', 'X:\r\r\ni:1')],
  ['what has a NUL', short('OPTIONS', 'sip:a@b', 'sip:a@b').replace('i:1', 'X:\0\r\ni:1')],
  ['what is cut short', short('OPTIONS', 'sip:a@b', 'sip:a@b').trimEnd()],
];

function short(method: string, uri: string, to: string, from = 'sip:a@b'): string {
  return [
    `${method} ${uri} SIP/2.0`,
    'v:SIP/2.0/UDP 1.2.3.4;branch=z9hG4bK1',
    `f:<${from}>;tag=1`,
    `t:<${to}>`,
    'i:1',
    `CSeq:1 ${method}`,
    '\r\n',
  ].join('\r\n');
}

for (const open_inbound of [false, true]) {
  for (const [name, text] of reflected) {
    if (open_inbound && name === 'INVITE to one of ours') continue; // Bob rings: that is what it is for.
    const when = open_inbound ? ' (open to strangers)' : '';
    test(`${name}${when} is answered with few bytes`, async () => {
      const { t, mallory } = await mallorysTown(registrarProxy, { open_inbound });

      mallory.send(text);
      await t.run(60_000);

      const bytes = mallory.sentToHim.reduce((sum, answer) => sum + answer.text.length, 0);
      assert.ok(bytes > 0 && bytes <= 2 * text.length, `${text.length} bytes are answered with ${bytes}`);
      t.stop();
    });
  }
}

for (const [bytes, status] of [
  [0, 401],
  [-1, 400],
] as const) {
  test(`a REGISTER of half a challenge ${bytes < 0 ? 'less a byte ' : ''}is answered ${status}`, async () => {
    const { t, mallory } = await mallorysTown(registrarProxy);
    const padded = (count: number): string =>
      short('REGISTER', 'sip:example.com', 'sip:a@example.com').replace(
        '\r\n\r\n',
        `\r\nX:${'x'.repeat(count)}\r\n\r\n`,
      );
    mallory.send(padded(200));
    await t.run(100);
    const challengeBytes = mallory.heard[0]?.length ?? 0;
    const spare = Math.ceil(challengeBytes / 2) - padded(0).length;

    mallory.send(padded(spare + bytes).replace('i:1', 'i:2'));
    await t.run(100);

    assert.equal(challengeBytes > 300 && mallory.heard[1]?.startsWith(`SIP/2.0 ${status} `), true);
    t.stop();
  });
}
