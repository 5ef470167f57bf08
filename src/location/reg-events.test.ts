import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script } from '../route/router.ts';
import { replyTo } from '../sip/build.ts';
import { parseMessage } from '../sip/parse.ts';
import type { SipResponse } from '../sip/message.ts';
import { Stranger } from '../testing/stranger.ts';
import { EXCHANGE, type Town, town } from '../testing/town.ts';
import { parseUri } from '../sip/uri.ts';
import type { Contact } from './contact.ts';
import { SUBSCRIPTIONS_A_USER_MAX } from './reg-events.ts';

const open = script(({ location }) => {
  const app = new Router();
  app.register((c) => location.save(c));
  app.subscribe((c) => location.watch(c));
  return app;
});

async function start(): Promise<{ t: Town; watcher: Stranger }> {
  const t = await town(open, { people: { bob: {} } });
  const watcher = new Stranger(t.world, '192.0.2.66', { host: EXCHANGE, port: 5060 });
  await t.world.until(watcher.open());
  return { t, watcher };
}

const DAN = '<sip:dan@example.com>;tag=1';
/** The From of who subscribes. */
let subscriber = DAN;
let calls = 0;

/** Subscribes anew, and answers the response; NOTIFYs are left without an answer. */
async function subscribe(
  t: Town,
  watcher: Stranger,
  lines: readonly string[],
  to = 'bob@example.com',
): Promise<SipResponse> {
  const text = [
    `SUBSCRIBE sip:${to} SIP/2.0`,
    `Via: SIP/2.0/UDP 192.0.2.66:5060;branch=z9hG4bK${++calls}`,
    'Max-Forwards: 70',
    `From: ${subscriber}`,
    `To: <sip:${to}>`,
    `Call-ID: subscription-${calls}`,
    'CSeq: 1 SUBSCRIBE',
    ...lines,
    'Content-Length: 0',
  ];
  watcher.heard.length = 0;
  watcher.send(`${text.join('\r\n')}\r\n\r\n`);
  await t.run(50);
  const response = watcher.heard.map(parseMessage).find((message) => message.kind === 'response');
  assert.ok(response?.kind === 'response');
  return response;
}

const CONTACT = 'Contact: <sip:dan@192.0.2.66:5060>';

// RFC 6665 §4.2.1, RFC 3680 §4: what is asked, the status, a field of the answer.
const table: readonly [
  name: string,
  lines: string[],
  status: number,
  field: string,
  value: string | undefined,
][] = [
  ['the usual', ['Event: reg', CONTACT], 200, 'Expires', '3761'],
  ['the shortest', ['Event: reg', CONTACT, 'Expires: 60'], 200, 'Expires', '60'],
  ['shorter', ['Event: reg', CONTACT, 'Expires: 59'], 423, 'Min-Expires', '60'],
  ['the longest', ['Event: reg', CONTACT, 'Expires: 7200'], 200, 'Expires', '7200'],
  ['longer is cut', ['Event: reg', CONTACT, 'Expires: 7201'], 200, 'Expires', '7200'],
  ['once', ['Event: REG;id=1', CONTACT, 'Expires: 0'], 200, 'Expires', '0'],
  ['another event', ['Event: presence', CONTACT], 489, 'Allow-Events', 'reg'],
  ['no event', [CONTACT], 489, 'Allow-Events', 'reg'],
  [
    'our document',
    ['Event: reg', CONTACT, 'Accept: text/plain, application/reginfo+xml;q=1'],
    200,
    'Expires',
    '3761',
  ],
  ['any document', ['Event: reg', CONTACT, 'Accept: */*'], 200, 'Expires', '3761'],
  [
    'another document',
    ['Event: reg', CONTACT, 'Accept: text/plain'],
    406,
    'Accept',
    'application/reginfo+xml',
  ],
  ['without a Contact', ['Event: reg'], 400, 'Expires', undefined],
];

for (const [name, lines, status, field, value] of table) {
  test(`subscribing to registrations, ${name}: ${status}`, async () => {
    const { t, watcher } = await start();

    const response = await subscribe(t, watcher, lines);

    assert.deepEqual([response.status, response.headers.get(field)], [status, value]);
    assert.equal(t.exchange.agent.dialogCount, status === 200 ? 1 : 0);
    t.stop();
  });
}

test('no more may subscribe to one address than may, whoever they are; to another they still may', async () => {
  const { t, watcher } = await start();
  const statuses: number[] = [];
  for (let i = 0; i <= SUBSCRIPTIONS_A_USER_MAX; i++)
    statuses.push((await subscribe(t, watcher, ['Event: reg', CONTACT])).status);

  assert.deepEqual(statuses, [...Array<number>(SUBSCRIPTIONS_A_USER_MAX).fill(200), 503]);
  assert.equal((await subscribe(t, watcher, ['Event: reg', CONTACT], 'alice@example.com')).status, 200);
  assert.equal((await subscribe(t, watcher, ['Event: reg', CONTACT], 'alice@example.org')).status, 404);
  t.stop();
});

test('who does not answer a NOTIFY is forgotten', async () => {
  const { t, watcher } = await start();
  await subscribe(t, watcher, ['Event: reg', CONTACT, 'Expires: 7200']);

  await t.run(40_000);

  assert.equal(t.exchange.agent.dialogCount, 0);
  t.stop();
});

const DEVICE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"';

/** The first document that dan, or who he says he is, gets of bob. */
async function documentFor(from: string, contact: string): Promise<string> {
  const { t, watcher } = await start();
  await t.phone('bob').request('REGISTER', 'sip:bob@example.com', { headers: [['Contact', contact]] });
  subscriber = from;
  await subscribe(t, watcher, ['Event: reg', CONTACT]);
  subscriber = DAN;
  t.stop();
  return watcher.heard.find((text) => text.startsWith('NOTIFY')) ?? '';
}

// RFC 5628 §5: who asks, what is registered, whether the public and the temporary GRUU are told.
const gruus: readonly [name: string, from: string, contact: string, tellsPublic: boolean, own: boolean][] = [
  ['the user', '<sip:bob@example.com>;tag=1', `<sip:bob@192.0.2.12>;${DEVICE}`, true, true],
  [
    'the user in other words',
    '"B" <sip:%62ob@EXAMPLE.com>;tag=1',
    `<sip:b@192.0.2.12>;${DEVICE}`,
    true,
    true,
  ],
  ['somebody else', '<sip:dan@example.com>;tag=1', `<sip:bob@192.0.2.12>;${DEVICE}`, true, false],
  ['the user, of no device', '<sip:bob@example.com>;tag=1', '<sip:bob@192.0.2.12>', false, false],
];

for (const [name, from, contact, tellsPublic, own] of gruus) {
  test(`GRUUs in what is told to ${name}`, async () => {
    const text = await documentFor(from, contact);

    assert.match(text, / xmlns:gr="urn:ietf:params:xml:ns:gruuinfo" /);
    const known = /<gr:pub-gruu uri="([^"]*)"\/>/.exec(text)?.[1];
    const name = 'sip:bob@example.com;gr=urn:uuid:00000000-0000-1000-8000-000A95A0E128';
    assert.equal(known, tellsPublic ? name : undefined);
    const hidden = /<gr:temp-gruu uri="sip:tgr\.[\w-]+@example\.com;gr" first-cseq="0"\/>/;
    assert.equal(hidden.test(text), own);
    assert.equal(text.includes('temp-gruu'), own);
  });
}

test('the temporary GRUU of a document leads to the device, and one that is gone has none', async () => {
  const { t, watcher } = await start();
  const headers = (expires: string): { headers: [string, string][] } => ({
    headers: [['Contact', `<sip:bob@192.0.2.12>;${DEVICE};expires=${expires}`]],
  });
  await t.phone('bob').request('REGISTER', 'sip:bob@example.com', headers('600'));
  subscriber = '<sip:bob@example.com>;tag=1';
  await subscribe(t, watcher, ['Event: reg', CONTACT]);
  subscriber = DAN;
  const temporary = /temp-gruu uri="([^"]*)"/.exec(watcher.heard.join(''))?.[1] ?? '';

  const rung = t.exchange.registrations.instances(parseUri(temporary));
  assert.equal((rung as Contact | undefined)?.uriText, 'sip:bob@192.0.2.12');
  const notify = watcher.heard.map(parseMessage).find((message) => message.kind === 'request');
  assert.ok(notify?.kind === 'request');
  watcher.heard.length = 0;
  watcher.send(replyTo(notify, 200));
  await t.phone('bob').request('REGISTER', 'sip:bob@example.com', headers('0'));
  await t.run(6_000);

  const last = watcher.heard.find((text) => text.includes('state="terminated"')) ?? '';
  assert.match(last, /event="unregistered"/);
  assert.doesNotMatch(last, /-gruu/);
  t.stop();
});

test('what a phone says of itself breaks no document', async () => {
  const { t, watcher } = await start();
  await t.phone('bob').request('REGISTER', 'sip:bob@example.com', {
    headers: [
      ['Contact', '<sip:a&b@192.0.2.12:5060>;+sip.instance="<urn:x:1>"'],
      ['User-Agent', 'Evil </uri><contact state="active">&\u0001'],
    ],
  });

  await subscribe(t, watcher, ['Event: reg', CONTACT]);

  const notify = watcher.heard.find((text) => text.startsWith('NOTIFY')) ?? '';
  assert.match(notify, /<uri>sip:a&amp;b@192\.0\.2\.12:5060<\/uri>/);
  assert.match(notify, /"\+sip\.instance">&quot;&lt;urn:x:1&gt;&quot;</);
  assert.match(notify, /Evil &lt;\/uri&gt;&lt;contact state=&quot;active&quot;&gt;&amp;</);
  t.stop();
});
