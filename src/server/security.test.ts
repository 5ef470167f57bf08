/** Classes of attack that others fell to, each with the rule that holds here. */
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { Router, script } from '../route/router.ts';
import { Stranger } from '../testing/stranger.ts';
import { EXCHANGE, type Town, town } from '../testing/town.ts';
import { openRegistrar, registrarProxy } from '../testing/town-scripts.ts';

const TARGET = { host: EXCHANGE, port: 5060 };
const MALLORY = '198.51.100.7';
const VICTIM = '203.0.113.9';
const BOB = '192.0.2.12';

interface Parts {
  readonly method?: string;
  readonly uri?: string;
  readonly via?: string;
  readonly from?: string;
  readonly to?: string;
  readonly callId?: string;
  /** Whole lines, with their ends. */
  readonly more?: string;
  readonly body?: string;
}

let branches = 0;

/** A request of Mallory's. */
function request(parts: Parts = {}): string {
  const { method = 'INVITE', uri = 'sip:bob@example.com', more = 'Max-Forwards: 70\r\n', body = '' } = parts;
  return [
    `${method} ${uri} SIP/2.0`,
    `Via: ${parts.via ?? `SIP/2.0/UDP ${MALLORY}:5060`};branch=z9hG4bK${++branches}`,
    `From: ${parts.from ?? '<sip:mallory@example.org>'};tag=m`,
    `To: ${parts.to ?? '<sip:bob@example.com>'}`,
    `Call-ID: ${parts.callId ?? `call-${branches}`}`,
    `CSeq: 1 ${method}`,
    `${more}Content-Length: ${body.length}`,
    `\r\n${body}`,
  ].join('\r\n');
}

async function mallorysTown(
  run: typeof registrarProxy,
  sip: { open_inbound?: boolean } = {},
): Promise<{ t: Town; mallory: Stranger }> {
  const t = await town(run, { people: { alice: {}, bob: {} }, settings: { sip } });
  await t.phone('alice').register();
  await t.phone('bob').register();
  return { t, mallory: await new Stranger(t.world, MALLORY, TARGET).open() };
}

/** What the exchange sent to anybody but its users and Mallory. */
function relayedElsewhere(t: Town): readonly string[] {
  const known = new Set(['192.0.2.11', BOB, MALLORY]);
  return t.net.trace.entries
    .filter(({ fromHost, toHost }) => fromHost === EXCHANGE && !known.has(toHost))
    .map(({ to, text }) => `${to} ${text.split('\r\n', 1)[0]}`);
}

const statusOf = (text: string | undefined): number => Number(text?.substring(8, 11));

// ─── no input makes parsing slow ────────────────────────────────────────────────────────────────

const long: readonly [name: string, make: (length: number) => string][] = [
  ['a folded field', (n) => request({ more: `Subject: a${'\r\n b'.repeat(n / 4)}\r\n` })],
  ['a run of blanks before a fold', (n) => request({ more: `Subject: a${' '.repeat(n)}b\r\n c\r\n` })],
  ['a run of blanks in From', (n) => request({ from: `<sip:a@example.com>${' '.repeat(n)}` })],
  ['many fields', (n) => request({ more: 'X: y\r\n'.repeat(n / 6) })],
  [
    'many Vias in one field',
    (n) => request({ more: `Via: ${'SIP/2.0/UDP a, '.repeat(n / 15)}SIP/2.0/UDP b\r\n` }),
  ],
  [
    'many Routes in one field',
    (n) => request({ more: `Route: ${'<sip:192.0.2.1;lr>, '.repeat(n / 20)}<sip:b;lr>\r\n` }),
  ],
  ['many Contacts in one field', (n) => register(`Contact: ${'<sip:a@b>, '.repeat(n / 11)}<sip:c@d>\r\n`)],
  ['a long user part', (n) => request({ uri: `sip:${'%61'.repeat(n / 3)}@example.com` })],
  [
    'many parameters',
    (n) =>
      request({ uri: `sip:bob@example.com${Array.from({ length: n / 8 }, (_, i) => `;p${i}`).join('')}` }),
  ],
  ['the same parameter', (n) => request({ to: `<sip:bob@example.com>${';a=b'.repeat(n / 4)}` })],
  ['quotes', (n) => request({ from: `"${'\\"'.repeat(n / 2)}" <sip:a@example.com>` })],
  ['quotes that do not close', (n) => request({ more: `Contact: ${'"a" '.repeat(n / 4)}"\r\n` })],
  ['brackets that do not close', (n) => request({ more: `Contact: ${'<'.repeat(n)}\r\n` })],
  ['option tags', (n) => request({ more: `Proxy-Require: ${'a,'.repeat(n / 2)}\r\n` })],
  ['credentials', (n) => register(`Authorization: Digest ${'a="b", '.repeat(n / 7)}realm="example.com"\r\n`)],
  ['a long host', (n) => request({ uri: `sip:bob@${'a.'.repeat(n / 2)}com` })],
  ['colons in brackets', (n) => request({ uri: `sip:bob@[${':'.repeat(n)}]` })],
  ['a long branch without cookie', (n) => request({ via: `SIP/2.0/UDP ${MALLORY};x=${'y'.repeat(n)}` })],
  ['bare line feeds', (n) => request({ more: `Subject: a${'\n b'.repeat(n / 3)}\n` })],
];

function register(more: string): string {
  return request({ method: 'REGISTER', uri: 'sip:example.com', to: '<sip:mallory@example.com>', more });
}

for (const [name, make] of long) {
  test(`reading is linear: ${name}`, async () => {
    const t = await town(registrarProxy, { people: {} });
    const open = await town(openRegistrar, { people: {} });
    const cost = (length: number): number =>
      Math.min(...[t, open, t, open, t, open].map((each) => elapsedMs(each, make(length)) ?? Infinity));

    const [half, whole] = [cost(30_000), cost(60_000)];

    assert.ok(whole < 50, `60 kB took ${whole} ms`);
    assert.ok(whole <= Math.max(4 * half, 5), `60 kB took ${whole} ms, 30 kB ${half} ms`);
    t.stop();
    open.stop();
  });
}

function elapsedMs(t: Town, text: string): number {
  const flow = t.exchange.transports.flowTo({ transport: 'udp', host: MALLORY, port: 5060 });
  assert.ok(flow !== undefined);
  const before = performance.now();
  t.exchange.dispatcher.receive(text, flow);
  return performance.now() - before;
}

// ─── names from the wire ────────────────────────────────────────────────────────────────────────

test('names of the language are names like any other', async () => {
  const { t, mallory } = await mallorysTown(openRegistrar);
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'];
  const params = names.map((name) => `;${name}=polluted`).join('');
  const fields = names.map((name) => `${name}: polluted\r\n`).join('');

  mallory.send(register(`${fields}Contact: <sip:a@${MALLORY}${params}>${params}\r\n`));
  mallory.send(register(`Authorization: Digest ${names.map((name) => `${name}="polluted"`).join(', ')}\r\n`));
  mallory.send(request({ method: 'OPTIONS', uri: `sip:example.com${params}`, to: `<sip:a@b>${params}` }));
  await t.run(1_000);

  assert.deepEqual(mallory.heard.map(statusOf), [200, 200, 200]);
  assert.match(mallory.heard[0] ?? '', /__proto__=polluted/);
  assert.equal(Object.keys(Object.prototype).length, 0);
  assert.equal('polluted' in {}, false);
  t.stop();
});

// ─── header smuggling ───────────────────────────────────────────────────────────────────────────

const identity = '<sip:boss@example.com>';
const spellings: readonly string[] = [
  `P-Asserted-Identity: ${identity}\r\n`,
  `p-ASSERTED-identity:${identity}\r\n`,
  `P-Asserted-Identity : ${identity}\r\n`,
  `P-Asserted-Identity\t \t: ${identity}\r\n`,
  `P-Asserted-Identity:\r\n ${identity}\r\n`,
  `P-Asserted-Identity\r\n : ${identity}\r\n`,
  `P-Asserted-Identity: ${identity}\r\nX: y\r\nP-Asserted-Identity: ${identity}\r\n`,
  `Subject: a\rP-Asserted-Identity: ${identity}\r\n`,
  `Subject: a\nP-Asserted-Identity: ${identity}\r\n`,
  `Subject: a\n\rP-Asserted-Identity: ${identity}\r\n`,
  `Subject: a\r\r\nP-Asserted-Identity: ${identity}\r\n`,
  `Subject: a\r\rP-Asserted-Identity: ${identity}\r\n`,
  `Subject: a\r\n \rP-Asserted-Identity: ${identity}\r\n`,
  `Subject: a\r\n \nP-Asserted-Identity: ${identity}\r\n`,
  `Subject: a\0\r\nP-Asserted-Identity: ${identity}\r\n`,
  `Subject: a\0P-Asserted-Identity: ${identity}\r\n`,
  `\0P-Asserted-Identity: ${identity}\r\n`,
  `P-Asserted-Identity\0: ${identity}\r\n`,
  ` P-Asserted-Identity: ${identity}\r\n`,
  `:P-Asserted-Identity: ${identity}\r\n`,
];

/** A proxy at the edge of a trust domain. RFC 3325 §5 */
const distrustful = script(({ location }) => {
  const app = new Router();
  app.register((c) => location.save(c));
  app.request(async (c) => {
    c.req.headers.remove('P-Asserted-Identity');
    const [phone] = await location.lookup(c.uri);
    return phone === undefined ? c.reply(404) : c.relay(phone);
  });
  return app;
});

for (const spelling of spellings) {
  test(`a forged identity does not pass as ${JSON.stringify(spelling)}`, async () => {
    const { t, mallory } = await mallorysTown(distrustful);

    mallory.send(request({ method: 'MESSAGE', more: spelling }));
    await t.run(1_000);

    for (const { text } of t.phone('bob').received) assert.doesNotMatch(headOf(text), SUSPECT);
    assert.ok(t.phone('bob').received.length === 1 || [400, NaN].includes(statusOf(mallory.heard[0])));
    t.stop();
  });
}

/** What the most lenient parser could take for the field; NUL ends a line for some. */
const SUSPECT = /(?:^|[\r\n\0])p-asserted-identity[\s\0]*:/i;

/** Up to where the most lenient parser sees the body begin. Folded lines are put together first. */
function headOf(text: string): string {
  const head = /^[^]*?(?:\r\n\r\n|\n\n|\r\r)/.exec(text)?.[0] ?? text;
  return head.replace(/\r\n[ \t]+/g, ' ');
}

test('a body does not reach further than its length, and no header field hides in it', async () => {
  const { t, mallory } = await mallorysTown(openRegistrar);
  const hidden = request({ method: 'MESSAGE', callId: 'hidden' });

  mallory.send(request({ method: 'MESSAGE', body: 'abcd' }) + hidden);
  await t.run(1_000);

  assert.deepEqual(
    t.phone('bob').received.map(({ body }) => body),
    ['abcd'],
  );
  assert.equal(
    t.net.trace.entries.some(({ toHost, text }) => toHost === BOB && text.includes('hidden')),
    false,
  );
  t.stop();
});

/** What Mallory's datagram has in place of ordinary lines. */
const odd: readonly [name: string, make: (text: string, headLength: number) => string][] = [
  ['without Content-Length', (text) => text.replace(/Content-Length: \d+\r\n/, '')],
  ['with bare line feeds', (text, n) => text.substring(0, n).replaceAll('\r\n', '\n') + text.substring(n)],
];

for (const [name, make] of odd) {
  test(`a datagram ${name} is still one message when it goes on over TCP`, async () => {
    const t = await town(openRegistrar, { people: { bob: { transport: 'tcp' } } });
    await t.phone('bob').register();
    const mallory = await new Stranger(t.world, MALLORY, TARGET).open();
    const hidden = request({ method: 'MESSAGE', callId: 'hidden' });
    const whole = request({ method: 'MESSAGE', body: hidden });

    mallory.send(make(whole, whole.length - hidden.length));
    await t.run(1_000);

    const { received } = t.phone('bob');
    assert.deepEqual(
      received.map(({ body }) => body),
      [hidden],
    );
    t.stop();
  });
}

// ─── whose address it is ────────────────────────────────────────────────────────────────────────

/** Alice, with Alice's password, registers for … */
const aliases: readonly [to: string, status: number][] = [
  ['sip:bob@example.com', 403],
  ['sip:BOB@example.com', 403],
  ['sip:%62ob@example.com', 403],
  ['sip:b%6Fb@example.com', 403],
  ['sip:bob@EXAMPLE.com', 403],
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

// ─── nothing is relayed for a stranger ──────────────────────────────────────────────────────────

const OUR_ROUTE = `<sip:${EXCHANGE}:5060;lr>`;
const FORGED_MARK = `<sip:${EXCHANGE}:5060;lr;d=1.AAAAAAAAAAAAAAAAAAAAA>`;
const TAGGED = '<sip:bob@example.com>;tag=b';
const route = (value: string): string => `Max-Forwards: 70\r\nRoute: ${value}\r\n`;

const relays: readonly [name: string, parts: Parts][] = [
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
        assert.deepEqual(relayedElsewhere(t), [], name);
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

// ─── hops ───────────────────────────────────────────────────────────────────────────────────────

const hops: readonly [sent: string, arrives: string | undefined, status: number][] = [
  ['Max-Forwards: 0\r\n', undefined, 483],
  ['Max-Forwards: 00\r\n', undefined, 483],
  ['Max-Forwards: 1\r\n', '0', 200],
  ['Max-Forwards: 070\r\n', '69', 200],
  ['Max-Forwards: 255\r\n', '254', 200],
  ['', '70', 200],
  ['Max-Forwards: 256\r\n', undefined, 400],
  ['Max-Forwards: -1\r\n', undefined, 400],
  ['Max-Forwards: 1e9\r\n', undefined, 400],
  ['Max-Forwards:\r\n', undefined, 400],
  ['Max-Forwards: 5\r\nMax-Forwards: 70\r\n', undefined, 400],
];

for (const [sent, arrives, status] of hops) {
  test(`${JSON.stringify(sent)} arrives as ${arrives ?? 'nothing'}: ${status}`, async () => {
    const { t, mallory } = await mallorysTown(openRegistrar);

    mallory.send(request({ method: 'MESSAGE', more: sent }));
    await t.run(1_000);

    assert.equal(t.phone('bob').received[0]?.headers.get('Max-Forwards'), arrives);
    assert.equal(statusOf(mallory.heard[0]), status);
    t.stop();
  });
}

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
  `SIP/2.0/TCP ${VICTIM}:5060`,
  `SIP/2.0/UDP victim.example`,
];

for (const via of forgedVias) {
  test(`an answer goes to where the request came from, not to ${via.substring(12)}`, async () => {
    const { t, mallory } = await mallorysTown(registrarProxy);

    for (const method of ['INVITE', 'REGISTER', 'OPTIONS', 'BYE']) mallory.send(request({ method, via }));
    mallory.send(request({ via, more: 'Max-Forwards: x\r\n' }));
    mallory.send(request({ via }).replace('SIP/2.0', 'SIP/3.0'));
    await t.run(1_000);

    assert.deepEqual(relayedElsewhere(t), []);
    assert.equal(mallory.sentToHim.length, 6);
    t.stop();
  });
}

/** A challenge is longer than the shortest request that can be challenged. */
const CHALLENGE_FACTOR = 2.5;

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
    test(`${name}${open_inbound ? ', when strangers may call,' : ''} is answered with twice its bytes at most`, async () => {
      const { t, mallory } = await mallorysTown(registrarProxy, { open_inbound });

      mallory.send(text);
      await t.run(60_000);

      const bytes = mallory.sentToHim.reduce((sum, answer) => sum + answer.text.length, 0);
      const factor = mallory.sentToHim.some((answer) => answer.text.includes('Digest')) ? CHALLENGE_FACTOR : 2;
      assert.ok(bytes > 0 && bytes <= factor * text.length, `${text.length} bytes are answered with ${bytes}`);
      t.stop();
    });
  }
}
