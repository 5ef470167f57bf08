/** Who is said to be calling, at each side of the exchange. RFC 3325 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byPreference } from '../proxy/plan.ts';
import { Router, script } from '../route/router.ts';
import {
  answerTo,
  CARRIER,
  fieldsOf,
  GUEST,
  invite,
  start,
  TARGET,
  UNTRUSTED,
} from '../testing/peers-town.ts';
import { Stranger } from '../testing/stranger.ts';
import { registrarProxy } from '../testing/town-scripts.ts';

const FORGED = '<sip:boss@example.com>';

/** The same claim as it may be spelled. */
const spellings: readonly string[] = [
  `P-Asserted-Identity: ${FORGED}`,
  `p-asserted-identity:${FORGED}`,
  `P-ASSERTED-IDENTITY \t: ${FORGED}`,
  `P-Asserted-Identity:\r\n ${FORGED}`,
  `P-Asserted-Identity: <tel:+1>\r\nP-Asserted-Identity: ${FORGED}`,
  `P-Asserted-Identity: <tel:+1>, ${FORGED}`,
  `P-Preferred-Identity: ${FORGED}`,
  `p-preferred-IDENTITY : ${FORGED}`,
  `Remote-Party-ID: ${FORGED};party=calling;screen=yes`,
  `remote-party-id\t:\r\n\t${FORGED}`,
  `P-Charge-Info: ${FORGED}`,
  `p-charge-info\t:\r\n ${FORGED};npi=boss`,
  'P-Asserted-Service: boss',
  'P-Charging-Vector: icid-value=boss',
  'P-Charging-Function-Addresses: ccf=boss',
];

for (const line of spellings) {
  test(`the claim ${JSON.stringify(line)} of a stranger does not pass`, async () => {
    const { t, other } = await start();

    other.send(invite([line]));
    await t.run(1_000);

    const received = t.phone('bob').incoming[0]?.invite.text ?? '';
    assert.match(received, /^INVITE sip:bob/);
    assert.doesNotMatch(received, /boss|identity|party|charg/i);
    t.stop();
  });
}

test('the same claim with a line break of one character alone is no message, or none that passes', async () => {
  const { t, other } = await start();

  for (const lineBreak of ['\n', '\r'])
    other.send(invite([`X: y${lineBreak}P-Asserted-Identity: ${FORGED}`]));
  await t.run(1_000);

  for (const { invite: received } of t.phone('bob').incoming) assert.doesNotMatch(received.text, /boss/);
  t.stop();
});

test('what a trusted peer asserts passes', async () => {
  const { t, carrier } = await start();

  carrier.send(invite(['P-Asserted-Identity: <sip:+4930100@carrier.example>']));
  await t.run(1_000);

  assert.equal(
    t.phone('bob').incoming[0]?.invite.headers.get('P-Asserted-Identity'),
    '<sip:+4930100@carrier.example>',
  );
  t.stop();
});

test('what a trusted peer says of who pays passes', async () => {
  const { t, carrier } = await start();

  carrier.send(invite(['P-Charge-Info: <sip:+4930100@carrier.example>']));
  await t.run(1_000);

  assert.equal(
    t.phone('bob').incoming[0]?.invite.headers.get('P-Charge-Info'),
    '<sip:+4930100@carrier.example>',
  );
  t.stop();
});

const privacies: readonly [value: string, hidden: boolean][] = [
  ['id', true],
  ['ID', true],
  ['header;id;critical', true],
  ['user; id', true],
  ['none', false],
  ['header', false],
  ['identity', false],
];

for (const [value, hidden] of privacies) {
  test(`with Privacy: ${value} an asserted identity is ${hidden ? 'kept from' : 'told to'} a phone`, async () => {
    const { t, carrier } = await start();

    carrier.send(invite(['P-Asserted-Identity: <sip:+4930100@carrier.example>', `Privacy: ${value}`]));
    await t.run(1_000);

    const received = t.phone('bob').incoming[0]?.invite;
    assert.ok(received !== undefined);
    assert.equal(received.headers.has('P-Asserted-Identity'), !hidden);
    assert.equal(received.headers.get('Privacy'), value);
    t.stop();
  });
}

//  what alice's phone adds                                   what the carrier is told
const preferences: readonly [readonly [string, string][], string][] = [
  [[], '<sip:alice@example.com>'],
  [[['P-Preferred-Identity', '"Alice" <sip:alice@example.com>']], '"Alice" <sip:alice@example.com>'],
  [[['P-Preferred-Identity', '<sip:boss@example.com>']], '<sip:alice@example.com>'],
  [[['P-Preferred-Identity', '"broken']], '<sip:alice@example.com>'],
  [[['P-Asserted-Identity', '<sip:boss@example.com>']], '<sip:alice@example.com>'],
  [[['Privacy', 'id']], '<sip:alice@example.com>'],
];

for (const [headers, expected] of preferences) {
  test(`of alice with ${JSON.stringify(headers)} a trusted peer is told ${expected}`, async () => {
    const { t, carrier } = await start();

    await t.phone('alice').request('MESSAGE', `sip:+4930200@${CARRIER}`, { headers });

    assert.deepEqual(fieldsOf(carrier.heard[0], 'P-Asserted-Identity'), [expected]);
    assert.deepEqual(fieldsOf(carrier.heard[0], 'P-Preferred-Identity'), []);
    t.stop();
  });
}

test('nobody else is told who of ours is calling beyond what From says', async () => {
  const { t, other } = await start();

  await t.phone('alice').request('MESSAGE', `sip:x@${UNTRUSTED}`);

  assert.match(other.heard[0] ?? '', /^MESSAGE/);
  assert.deepEqual(fieldsOf(other.heard[0], 'P-Asserted-Identity'), []);
  t.stop();
});

test('a failure route that relays on tells the next peer no more than it may know', async () => {
  const failing = script(({ auth, location }) => {
    const app = new Router();
    app.register(auth.digest(), (c) => location.save(c));
    app.request(auth.identity(), async (c) =>
      c.relay(byPreference(await location.lookup(c.uri)), {
        onFailure: (f) => f.relay({ uri: { scheme: 'sip', user: 'x', host: UNTRUSTED, params: {} } }),
      }),
    );
    return app;
  });
  const { t, carrier, other } = await start([CARRIER], failing);
  t.phone('bob').answers = { afterMs: 0, status: 486 };

  carrier.send(invite(['P-Asserted-Identity: <sip:+4930100@carrier.example>', 'Privacy: id']));
  await t.run(1_000);

  assert.match(other.heard[0] ?? '', /^INVITE/);
  assert.deepEqual(fieldsOf(other.heard[0], 'P-Asserted-Identity'), []);
  t.stop();
});

//  who answers, with                                              who called     what reaches him
const answers: readonly [string, readonly string[], string, readonly string[]][] = [
  [UNTRUSTED, [`P-Asserted-Identity: ${FORGED}`], CARRIER, []],
  [UNTRUSTED, [`p-asserted-identity\t:\r\n ${FORGED}`, 'Privacy: none'], GUEST, ['Privacy: none']],
  [UNTRUSTED, [`Remote-Party-ID: ${FORGED}`, `P-Preferred-Identity: ${FORGED}`], GUEST, []],
  [CARRIER, [`P-Asserted-Identity: ${FORGED}`], GUEST, [`P-Asserted-Identity: ${FORGED}`]],
  [CARRIER, [`Remote-Party-ID: ${FORGED}`], GUEST, [`Remote-Party-ID: ${FORGED}`]],
  [CARRIER, [`P-Asserted-Identity: ${FORGED}`, 'Privacy: id'], GUEST, ['Privacy: id']],
  [CARRIER, [`Remote-Party-ID: ${FORGED}`, 'Privacy: user;id'], GUEST, ['Privacy: user;id']],
  [CARRIER, [`P-Preferred-Identity: ${FORGED}`], GUEST, []],
];

for (const [callee, lines, caller, expected] of answers) {
  const seen = expected.length === 0 ? 'nothing of it' : expected.join();
  test(`${callee} answers with ${JSON.stringify(lines)}: ${caller} sees ${seen}`, async () => {
    const { t, carrier, other } = await start();
    const guest = await new Stranger(t.world, GUEST, TARGET).open();
    const [asks] = [carrier, guest].filter(({ host }) => host === caller);
    const replies = callee === CARRIER ? carrier : other;

    asks?.send(invite([], callee));
    await t.run(10);
    for (const status of ['183 Session Progress', '200 OK']) {
      replies.send(answerTo(replies.heard[0] ?? '', status, lines));
      await t.run(10);
    }

    const heard = asks?.heard.filter((text) => / (183|200) /.test(text)) ?? [];
    assert.equal(heard.length, 2);
    for (const text of heard) {
      const told = text.split('\r\n').filter((line) => /^(p-|remote-party|privacy)/i.test(line));
      assert.deepEqual(told, expected);
    }
    t.stop();
  });
}

test('a refusal, and what a failure route relays to, are cleaned alike', async () => {
  const twice = script(({ auth }) => {
    const app = new Router();
    const to = { uri: { scheme: 'sip', user: 'y', host: UNTRUSTED, params: {} } } as const;
    app.request(auth.identity(), (c) => c.relay(undefined, { onFailure: (f) => f.relay(to) }));
    return app;
  });
  const { t, other } = await start([CARRIER], twice);
  const guest = await new Stranger(t.world, GUEST, TARGET).open();

  guest.send(invite([], UNTRUSTED));
  for (const tried of [0, 1]) {
    await t.run(10);
    const asked = other.heard.filter((text) => text.startsWith('INVITE'))[tried] ?? '';
    other.send(answerTo(asked, '486 Busy Here', [`P-Asserted-Identity: ${FORGED}`]));
  }
  await t.run(10);

  const refusal = guest.heard.find((text) => text.startsWith('SIP/2.0 486')) ?? FORGED;
  assert.doesNotMatch(refusal, /boss/);
  t.stop();
});

test('a hint of a trusted peer goes no further, and what it says in Remote-Party-ID stays as private', async () => {
  const { t, carrier } = await start();

  const lines = ['P-Preferred-Identity: <sip:+4930100@carrier.example>', 'Privacy: id'];
  carrier.send(invite([...lines, 'Remote-Party-ID: <sip:+4930100@carrier.example>']));
  await t.run(1_000);

  const received = t.phone('bob').incoming[0]?.invite.text ?? '';
  assert.match(received, /^INVITE sip:bob/);
  assert.doesNotMatch(received, /preferred|party/i);
  t.stop();
});

test('the script that is shipped lets no stranger claim to be somebody', async () => {
  const { t, other } = await start([], registrarProxy);

  other.send(invite([`P-Asserted-Identity: ${FORGED}`]));
  await t.run(1_000);

  assert.doesNotMatch(t.phone('bob').incoming[0]?.invite.text ?? FORGED, /boss/);
  t.stop();
});
