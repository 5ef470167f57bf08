/** What those without an account, and those with another one, must not be able to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BOB,
  mallorysTown,
  request,
  type RequestParts,
  sentElsewhere,
  statusOf,
  VICTIM,
} from '../testing/mallory.ts';
import { EXCHANGE, type Town } from '../testing/town.ts';
import { openRegistrar, registrarProxy } from '../testing/town-scripts.ts';

// ─── whose address it is ────────────────────────────────────────────────────────────────────────

/** Alice, with Alice's password, registers for … */
const aliases: readonly [to: string, status: number][] = [
  ['sip:bob@example.com', 403],
  ['sip:BOB@example.com', 403],
  ['sip:%62ob@example.com', 403],
  ['sip:b%6Fb@example.com', 403],
  ['sip:bob@EXAMPLE.com', 403],
  ['sip:bob@example.com.', 403],
  ['sip:bob@example.com:5060', 403],
  ['sip:bob@example.com;user=alice', 403],
  ['sip:bob:alice@example.com', 403],
  ['sips:bob@example.com', 403],
  ['sip:bob%00@example.com', 403],
  ['sip:Alice@example.com', 403],
  ['sip:alice%40example.com%3F@example.com', 403],
  ['sip:example.com', 403],
  ['sip:alice@example.com', 200],
  ['sip:%61lice@example.com', 200],
  ['sip:alice@example.com.', 200],
  ['sip:alice@Example.COM:5070;x=y', 200],
];

for (const [to, status] of aliases) {
  test(`the password of alice registers ${to}: ${status}`, async () => {
    const { t } = await mallorysTown(registrarProxy);

    const answered = await t.phone('alice').request('REGISTER', to, {
      headers: [['Contact', `<sip:new@${VICTIM}>`]],
    });

    assert.equal(answered, status);
    assert.deepEqual(await contactsOf(t, 'bob'), [`sip:bob@${BOB}:5060`]);
    assert.equal((await contactsOf(t, 'alice')).includes(`sip:new@${VICTIM}`), status === 200);
    t.stop();
  });
}

//  Request-URI                  To                             answered
const registers: readonly [string, string, number][] = [
  ['sip:example.com', '<sip:bob@example.com>', 200],
  [`sip:${EXCHANGE}`, '<sip:bob@example.com>', 200],
  [`sip:${EXCHANGE}:9999`, '<sip:bob@example.com>', 200],
  ['sip:elsewhere.example', '<sip:bob@example.com>', 200],
  ['sip:example.com', '<sip:bob@elsewhere.example>', 404],
  ['sip:elsewhere.example', '<sip:bob@elsewhere.example>', 404],
];

for (const [uri, to, status] of registers) {
  test(`without passwords REGISTER ${uri} for ${to} is answered ${status}, and sent nowhere`, async () => {
    const { t, mallory } = await mallorysTown(openRegistrar);

    mallory.send(request({ method: 'REGISTER', uri, to, more: `Contact: <sip:bob@${BOB}>\r\n` }));
    await t.run(100);

    assert.equal(statusOf(mallory.heard.at(-1)), status);
    assert.deepEqual(sentElsewhere(t), []);
    t.stop();
  });
}

test('two To fields register nobody', async () => {
  const { t } = await mallorysTown(registrarProxy);

  const status = await t.phone('alice').request('REGISTER', 'sip:alice@example.com', {
    headers: [
      ['To', '<sip:bob@example.com>'],
      ['Contact', `<sip:new@${VICTIM}>`],
    ],
  });

  assert.equal(status, 400);
  assert.deepEqual(await contactsOf(t, 'bob'), [`sip:bob@${BOB}:5060`]);
  t.stop();
});

async function contactsOf(t: Town, name: string): Promise<readonly string[]> {
  assert.equal(await t.phone(name).register(), 200);
  return t.phone(name).registeredContacts.map((value) => /<([^>]*)>/.exec(value)?.[1] ?? value);
}

// ─── another service on our machine ─────────────────────────────────────────────────────────────

for (const uri of [`sip:bob@${EXCHANGE}:9999`, 'sip:nobody@example.com:9999', `sip:${EXCHANGE}:9999`]) {
  test(`who has an account is not led to another port of ours by ${uri}`, async () => {
    const { t } = await mallorysTown(registrarProxy);

    const status = await t.phone('alice').request('MESSAGE', uri);

    assert.equal(status, 480);
    assert.deepEqual(sentElsewhere(t), []);
    t.stop();
  });
}

// ─── nothing is relayed for a stranger ──────────────────────────────────────────────────────────

const OUR_ROUTE = `<sip:${EXCHANGE}:5060;lr>`;
const FORGED_MARK = `<sip:${EXCHANGE}:5060;lr;d=1.AAAAAAAAAAAAAAAAAAAAA>`;
const TAGGED = '<sip:bob@example.com>;tag=b';
const route = (value: string): string => `Max-Forwards: 70\r\nRoute: ${value}\r\n`;

const relays: readonly [name: string, parts: RequestParts][] = [
  ['a foreign Request-URI', { uri: `sip:x@${VICTIM}` }],
  ['a foreign Request-URI that claims our port', { uri: `sip:x@${VICTIM}:5060;transport=udp` }],
  ['a foreign domain', { uri: 'sip:x@victim.example' }],
  ['a telephone number', { uri: 'tel:+15551234567' }],
  ['maddr behind our domain', { uri: `sip:x@example.com;maddr=${VICTIM}` }],
  ['our domain as user part', { uri: `sip:example.com@${VICTIM}` }],
  ['a preloaded Route', { more: route(`<sip:${VICTIM};lr>`) }],
  ['a preloaded Route behind ours', { more: route(`${OUR_ROUTE}, <sip:${VICTIM};lr>`) }],
  ['a preloaded Route two behind ours', { more: route(`${OUR_ROUTE}, ${OUR_ROUTE}, <sip:${VICTIM};lr>`) }],
  ['a preloaded Route in a second field', { more: `${route(OUR_ROUTE)}Route: <sip:${VICTIM};lr>\r\n` }],
  ['a preloaded strict Route', { more: route(`<sip:${VICTIM}>`) }],
  ['our Route with maddr', { uri: `sip:x@${VICTIM}`, more: route(`<sip:${EXCHANGE};lr;maddr=${VICTIM}>`) }],
  ['a To tag', { uri: `sip:x@${VICTIM}`, to: TAGGED }],
  ['a To tag and our Route', { uri: `sip:x@${VICTIM}`, to: TAGGED, more: route(OUR_ROUTE) }],
  ['a To tag and a forged mark', { uri: `sip:x@${VICTIM}`, to: TAGGED, more: route(FORGED_MARK) }],
  [
    'a To tag and an empty mark',
    { uri: `sip:x@${VICTIM}`, to: TAGGED, more: route(`<sip:${EXCHANGE};lr;d=>`) },
  ],
  ['a To tag, a forged mark and a Route', { to: TAGGED, more: route(`${FORGED_MARK}, <sip:${VICTIM};lr>`) }],
  ['a folded To tag', { uri: `sip:x@${VICTIM}`, to: '<sip:bob@example.com>\r\n ;\r\n tag=b' }],
  ['the user of another domain', { uri: `sip:x@${VICTIM}`, from: '<sip:alice@example.net>' }],
  ['one of ours, unproven', { uri: `sip:x@${VICTIM}`, from: '<sip:alice@example.com>' }],
];

for (const method of ['INVITE', 'MESSAGE', 'BYE', 'ACK', 'REFER', 'X-UNKNOWN']) {
  for (const open_inbound of [false, true]) {
    test(`${method} of a stranger is not relayed${open_inbound ? ', though he may call us' : ''}`, async () => {
      const { t, mallory } = await mallorysTown(registrarProxy, { open_inbound });

      for (const [name, parts] of relays) {
        mallory.send(request({ ...parts, method }));
        await t.run(500);
        assert.deepEqual(sentElsewhere(t), [], name);
        const final = mallory.heard
          .splice(0)
          .map(statusOf)
          .find((status) => status >= 200);
        assert.equal(final === undefined, method === 'ACK', name);
        if (final !== undefined)
          assert.ok([400, 403, 404, 405, 407, 480, 481].includes(final), `${name}: ${final}`);
      }
      t.stop();
    });
  }
}

// ─── the calls of others ────────────────────────────────────────────────────────────────────────

test('who knows a call, but has no mark of it, cannot end it, move it or take it back', async () => {
  const { t, mallory } = await mallorysTown(registrarProxy);
  const call = t.phone('alice').dial('sip:bob@example.com');
  const other = t.phone('alice').dial('sip:bob@example.com');
  await t.run(2_000);
  const [invite, otherInvite] = t.phone('bob').incoming.map((incoming) => incoming.invite);
  assert.ok(invite !== undefined && otherInvite !== undefined);
  const [, incoming] = [other, t.phone('bob').incoming[0]];
  const known = {
    uri: `sip:bob@${BOB}:5060`,
    callId: call.callId,
    from: `<sip:alice@example.com>;tag=${call.localTag}`,
  };
  const to = `<sip:bob@example.com>;tag=${incoming?.localTag}`;
  const markOfOther = otherInvite.headers.get('Record-Route') ?? '';

  for (const method of ['BYE', 'INVITE', 'UPDATE', 'INFO', 'REFER', 'CANCEL', 'ACK']) {
    for (const more of ['', route(OUR_ROUTE), route(FORGED_MARK), route(markOfOther)]) {
      mallory.send(request({ ...known, method, to, more: more === '' ? 'Max-Forwards: 70\r\n' : more }));
      await t.run(200);
    }
  }

  assert.deepEqual(new Set(mallory.heard.map(statusOf)), new Set([481]));
  assert.deepEqual([call.state, incoming?.state], ['talking', 'talking']);
  assert.deepEqual(
    incoming?.received.map(({ method }) => method),
    ['ACK'],
  );
  t.stop();
});
