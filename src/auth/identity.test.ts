/** Who is said to be calling, at each side of the exchange. RFC 3325 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byPreference } from '../proxy/plan.ts';
import { Router, script } from '../route/router.ts';
import { Stranger } from '../testing/stranger.ts';
import { EXCHANGE, type Town, town } from '../testing/town.ts';
import { registrarProxy } from '../testing/town-scripts.ts';

const CARRIER = '192.0.2.51';
const UNTRUSTED = '203.0.113.9';
const TARGET = { host: EXCHANGE, port: 5060 };

/** Everybody may call everybody: what is looked at is who is said to call. */
const open = script(({ auth, domains, location }) => {
  const app = new Router();
  app.register(auth.digest(), (c) => location.save(c));
  app.inDialog(auth.identity(), (c) => c.follow());
  app.request(auth.digestIfOurs(), auth.identity(), async (c) => {
    if (!domains.isLocal(c.uri.host)) return c.relay();
    return c.relay(byPreference(await location.lookup(c.uri)));
  });
  return app;
});

interface Trial {
  readonly t: Town;
  readonly carrier: Stranger;
  readonly other: Stranger;
}

async function start(peers: readonly string[] = [CARRIER], routes = open): Promise<Trial> {
  const settings = { trusted: { peers: [...peers] }, sip: { open_inbound: true } };
  const t = await town(routes, { people: { alice: {}, bob: {} }, settings });
  await t.phone('alice').register();
  await t.phone('bob').register();
  const carrier = await new Stranger(t.world, CARRIER, TARGET).open();
  const other = await new Stranger(t.world, UNTRUSTED, TARGET).open();
  return { t, carrier, other };
}

function invite(lines: readonly string[]): string {
  return [
    'INVITE sip:bob@example.com SIP/2.0',
    `Via: SIP/2.0/UDP ${CARRIER}:5060;rport;branch=z9hG4bK${lines.join('').length}`,
    'Max-Forwards: 70',
    'From: <sip:+4930100@carrier.example>;tag=c',
    'To: <sip:bob@example.com>',
    'Call-ID: c',
    'CSeq: 1 INVITE',
    ...lines,
    'Content-Length: 0',
    '\r\n',
  ].join('\r\n');
}

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
];

for (const line of spellings) {
  test(`the claim ${JSON.stringify(line)} of a stranger does not pass`, async () => {
    const { t, other } = await start();

    other.send(invite([line]));
    await t.run(1_000);

    const received = t.phone('bob').incoming[0]?.invite.text ?? '';
    assert.match(received, /^INVITE sip:bob/);
    assert.doesNotMatch(received, /boss|identity|party/i);
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

test('the script that is shipped lets no stranger claim to be somebody', async () => {
  const { t, other } = await start([], registrarProxy);

  other.send(invite([`P-Asserted-Identity: ${FORGED}`]));
  await t.run(1_000);

  assert.doesNotMatch(t.phone('bob').incoming[0]?.invite.text ?? FORGED, /boss/);
  t.stop();
});

/** The values of a field in a message as it was sent. */
function fieldsOf(text: string | undefined, name: string): readonly string[] {
  return (text ?? '')
    .split('\r\n')
    .filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))
    .map((line) => line.slice(name.length + 1).trim());
}
