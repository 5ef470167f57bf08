/** Messages made to be slow, to be misread, or to carry more than one reader sees. */
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { Router, script } from '../route/router.ts';
import { BOB, MALLORY, mallorysTown, request, statusOf, TARGET } from '../testing/mallory.ts';
import { Stranger } from '../testing/stranger.ts';
import { EXCHANGE, type Town, town } from '../testing/town.ts';
import { openRegistrar, registrarProxy } from '../testing/town-scripts.ts';

// ─── no input makes parsing slow ────────────────────────────────────────────────────────────────

const long: readonly [name: string, make: (length: number) => string][] = [
  ['a folded field', (n) => request({ more: `Subject: a${'\r\n b'.repeat(n / 4)}\r\n` })],
  ['a run of blanks before a fold', (n) => request({ more: `Subject: a${' '.repeat(n)}b\r\n c\r\n` })],
  ['a run of blanks in From', (n) => request({ from: `<sip:a@example.com>${' '.repeat(n)}` })],
  ['many fields', (n) => request({ more: 'X: y\r\n'.repeat(n / 6) })],
  [
    'many fields that we take out',
    (n) =>
      request({
        more: `Max-Forwards: 70\r\n${`P-Asserted-Identity: <sip:a@${'b'.repeat(220)}>\r\n`.repeat(n / 250)}`,
      }),
  ],
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

/** What else the machine does only ever adds to a time: the least of many readings is the message's own. */
const READINGS_MAX = 60;

for (const [name, make] of long) {
  test(`reading is linear: ${name}`, async () => {
    const towns = [await town(registrarProxy, { people: {} }), await town(openRegistrar, { people: {} })];
    const least = { half: Infinity, whole: Infinity };
    const isLinear = (): boolean => least.whole < 50 && least.whole <= Math.max(4 * least.half, 5);

    for (let reading = 0; reading < 3 || (reading < READINGS_MAX && !isLinear()); reading++) {
      for (const t of towns) {
        least.half = Math.min(least.half, elapsedMs(t, make(30_000)));
        least.whole = Math.min(least.whole, elapsedMs(t, make(60_000)));
      }
    }

    assert.ok(isLinear(), `60 kB took ${least.whole} ms, 30 kB ${least.half} ms`);
    for (const t of towns) t.stop();
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

// ─── hops ───────────────────────────────────────────────────────────────────────────────────────

const hops: readonly [sent: string, arrives: string | undefined, status: number][] = [
  ['Max-Forwards: 0\r\n', undefined, 483],
  ['Max-Forwards: 00\r\n', undefined, 483],
  ['Max-Forwards: 1\r\n', '0', 200],
  ['Max-Forwards: 070\r\n', '69', 200],
  ['Max-Forwards: 255\r\n', '70', 200],
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

/** Answers OPTIONS for the exchange itself, and relays every other request. */
const monitored = script(({ auth, location }) => {
  const app = new Router();
  app.options((c) =>
    c.uri.user === undefined && c.uri.host !== 'elsewhere.example' ? c.reply(200) : c.relay(),
  );
  app.register(auth.digest(), (c) => location.save(c));
  app.request((c) => c.relay());
  return app;
});

// RFC 3261 §16.3 step 3: what is for us needs no further hop.
const noHops: readonly [method: string, uri: string, status: number][] = [
  ['OPTIONS', 'sip:example.com', 200],
  ['OPTIONS', `sip:${EXCHANGE}:5060`, 200],
  ['OPTIONS', 'sip:bob@example.com', 483],
  ['OPTIONS', 'sip:elsewhere.example', 483],
  ['REGISTER', 'sip:example.com', 401],
  ['REGISTER', 'sip:elsewhere.example', 483],
  ['INVITE', 'sip:bob@example.com', 483],
  ['MESSAGE', 'sip:bob@example.com', 483],
];

for (const [method, uri, status] of noHops) {
  test(`${method} ${uri} with no hops left is answered ${status}`, async () => {
    const { t, mallory } = await mallorysTown(monitored);

    mallory.send(request({ method, uri, to: '<sip:bob@example.com>', more: 'Max-Forwards: 0\r\n' }));
    await t.run(1_000);

    assert.equal(statusOf(mallory.heard[0]), status);
    assert.deepEqual(
      t.phone('bob').received.map((received) => received.method),
      [],
    );
    t.stop();
  });
}
