/** What the parties of a dialog, and those who overhear it, must not be able to do. RFC 3261 §12.2, §16.12 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script } from '../route/router.ts';
import { replyTo } from '../sip/build.ts';
import { parseMessage } from '../sip/parse.ts';
import { parseUri } from '../sip/uri.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
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
import { EXCHANGE, type Town, town } from '../testing/town.ts';
import { registrarProxy } from '../testing/town-scripts.ts';

const METHODS = ['INVITE', 'BYE', 'ACK', 'UPDATE', 'MESSAGE', 'REFER', 'INFO', 'PRACK', 'X-UNKNOWN'];
const CONTACT = `Contact: <sip:mallory@${MALLORY}:5060>\r\n`;
const HOPS = 'Max-Forwards: 70\r\n';

/** A call that Mallory makes himself, of which he knows everything that a caller knows. */
interface HisCall {
  readonly t: Town;
  readonly mallory: Stranger;
  readonly callId: string;
  readonly to: string;
  readonly route: string;
  /** The INVITE as Bob got it. */
  readonly invite: SipRequest;
}

async function hisCall(more = ''): Promise<HisCall> {
  const { t, mallory } = await mallorysTown(registrarProxy, { open_inbound: true });
  t.phone('bob').answers = { afterMs: 10 };
  mallory.send(request({ callId: 'his', more: `${HOPS}${CONTACT}${more}` }));
  await t.run(500);
  const answer = responsesTo(mallory, 200);
  const invite = t.phone('bob').received.find(({ method }) => method === 'INVITE');
  assert.ok(answer !== undefined && invite !== undefined);
  const [route = ''] = answer.headers.all('Record-Route');
  const call = { t, mallory, callId: 'his', to: answer.headers.get('To') ?? '', route, invite };
  mallory.send(within(call, { method: 'ACK' }));
  await t.run(100);
  mallory.heard.length = 0;
  return call;
}

function responsesTo(him: Stranger, status: number): SipResponse | undefined {
  const text = him.heard.find((heard) => statusOf(heard) === status);
  const message = text === undefined ? undefined : parseMessage(text);
  return message?.kind === 'response' ? message : undefined;
}

/** A request of his within the call; the parts are what he changes. */
function within(
  call: HisCall,
  parts: { method: string; uri?: string; route?: string; to?: string; more?: string },
) {
  const { method, uri = `sip:bob@${BOB}:5060`, route = call.route, to = call.to, more = '' } = parts;
  return request({ method, uri, to, callId: call.callId, more: `${HOPS}Route: ${route}\r\n${more}` });
}

function reachedBob({ t }: HisCall, method: string): number {
  return t.phone('bob').received.filter((received) => received.method === method).length;
}

const detours: readonly [
  name: string,
  parts: (call: HisCall) => { uri?: string; route?: string; to?: string },
][] = [
  ['to another host', () => ({ uri: `sip:bob@${VICTIM}:5060` })],
  ['to another port', () => ({ uri: `sip:bob@${BOB}:5070` })],
  ['to another user of the same host', () => ({ uri: `sip:premium@${BOB}:5060` })],
  ['by another transport', () => ({ uri: `sip:bob@${BOB}:5060;transport=tcp` })],
  ['with maddr', () => ({ uri: `sip:bob@${BOB}:5060;maddr=${VICTIM}` })],
  ['to a domain of ours', () => ({ uri: 'sip:bob@example.com' })],
  ['to us', () => ({ uri: `sip:bob@${EXCHANGE}:5060` })],
  ['to a name', () => ({ uri: 'sip:bob@victim.example' })],
  ['to himself', () => ({ uri: `sip:mallory@${MALLORY}:5060` })],
  ['by another proxy', ({ route }) => ({ route: `${route}, <sip:${VICTIM};lr>` })],
  ['by another strict proxy', ({ route }) => ({ route: `${route}, <sip:${VICTIM}>` })],
  ['by us once more', ({ route }) => ({ route: `${route}, <sip:${EXCHANGE}:5060;lr>` })],
  ['with his mark three times', ({ route }) => ({ route: `${route}, ${route}, ${route}` })],
  ['under another To tag', () => ({ to: '<sip:bob@example.com>;tag=other' })],
  ['with the mark that Bob has', ({ invite }) => ({ route: invite.headers.get('Record-Route') ?? '' })],
  [
    'back to himself with the mark that Bob has',
    ({ invite }) => ({ route: invite.headers.get('Record-Route') ?? '', uri: `sip:mallory@${MALLORY}:5060` }),
  ],
];

for (const [name, parts] of detours) {
  test(`a caller cannot send ${name} along the route set of his call`, async () => {
    const call = await hisCall();
    const { t, mallory } = call;
    const before = t.phone('bob').received.length;

    for (const method of METHODS) {
      mallory.send(within(call, { method, ...parts(call) }));
      await t.run(300);
    }

    assert.deepEqual(sentElsewhere(t), []);
    assert.equal(t.phone('bob').received.length, before);
    assert.equal(t.phone('bob').calls[0]?.state, 'talking');
    assert.ok(mallory.heard.map(statusOf).every((status) => [400, 403, 404, 481].includes(status)));
    assert.equal(mallory.heard.length, METHODS.length - 1, 'an ACK is never answered');
    t.stop();
  });
}

test('a caller reaches the callee, however he writes the same address', async () => {
  const uris = [
    `sip:bob@${BOB}`,
    `sip:b%6Fb@${BOB}:5060`,
    `sip:bob@${BOB};transport=UDP`,
    `sip:bob@${BOB};x=y`,
  ];
  const call = await hisCall();

  for (const uri of uris) {
    call.mallory.send(within(call, { method: 'INFO', uri }));
    await call.t.run(200);
  }

  assert.equal(reachedBob(call, 'INFO'), uris.length);
  call.t.stop();
});

test('a third party with everything but the mark is not heard, from either side', async () => {
  const call = await hisCall();
  const { t, mallory } = call;
  mallory.heard.length = 0;
  const bobsTag = call.to.replace(/.*tag=/, '');
  const asBob = { from: `<sip:bob@example.com>;tag=${bobsTag}`, to: '<sip:mallory@example.org>;tag=m' };

  for (const method of METHODS) {
    const more = `${HOPS}Route: <sip:${EXCHANGE}:5060;lr>\r\n`;
    mallory.send(
      request({ ...asBob, callId: call.callId, method, uri: `sip:mallory@${MALLORY}:5060`, more }),
    );
    // His own mark shows only that he is the caller: he cannot be Bob with it.
    const withMark = `${HOPS}Route: ${call.route}\r\n`;
    mallory.send(
      request({ ...asBob, callId: call.callId, method, uri: `sip:mallory@${MALLORY}:5060`, more: withMark }),
    );
    await t.run(200);
  }

  assert.deepEqual(new Set(mallory.heard.map(statusOf)), new Set([481]));
  t.stop();
});

// ─── two who write everything by hand ───────────────────────────────────────────────────────────

const CARL = '198.51.100.8';
const [HOME, AWAY, CARLS] = [
  `sip:mallory@${MALLORY}:5060`,
  `sip:mallory@${MALLORY}:5099`,
  `sip:carl@${CARL}:5060`,
];

/** Mallory has called Carl, who answered; what each of them sends and hears. */
async function strangersCall(answersWith: (recordRoute: string) => string = (value) => value) {
  const t = await town(
    script(() => new Router().request((c) => c.relay({ uri: parseUri(CARLS) }))),
    { people: {} },
  );
  const mallory = await t.world.until(new Stranger(t.world, MALLORY, TARGET).open());
  const carl = await t.world.until(new Stranger(t.world, CARL, TARGET).open());
  mallory.send(request({ callId: 'his', more: `${HOPS}Contact: <${HOME}>\r\n` }));
  await t.run(100);
  const invite = lastRequest(carl);
  const carlsRoute = invite.headers.get('Record-Route') ?? '';
  carl.send(answerTo(invite, [['Record-Route', answersWith(carlsRoute)]]));
  await t.run(100);
  const route = responsesTo(mallory, 200)?.headers.get('Record-Route') ?? '';
  const [from, to] = ['<sip:mallory@example.org>', `${invite.headers.get('To')};tag=c`];
  return {
    t,
    mallory,
    carl,
    carlsRoute,
    asMallory: (method: string, uri: string, more = '', by = route) =>
      mallory.send(request({ method, uri, to, callId: 'his', more: `${HOPS}Route: ${by}\r\n${more}` })),
    asCarl: (method: string, uri: string, more = '', by = carlsRoute) => {
      const via = `SIP/2.0/UDP ${CARL}:5060`;
      const text = request({
        method,
        uri,
        via,
        to: `${from};tag=m`,
        callId: 'his',
        more: `${HOPS}Route: ${by}\r\n${more}`,
      });
      carl.send(text.replace(/^From: .*$/m, `From: ${to}`));
    },
  };
}

function answerTo(received: SipRequest, headers: readonly (readonly [string, string])[] = []): string {
  return replyTo(received, 200, { toTag: 'c', headers: [['Contact', `<${CARLS}>`], ...headers] });
}

function lastRequest(him: Stranger): SipRequest {
  const message = parseMessage(him.heard.findLast((text) => !text.startsWith('SIP/2.0')) ?? '');
  assert.ok(message.kind === 'request', 'he got a request');
  return message;
}

function sentTo(t: Town, port: number, method: string): number {
  return t.net.trace.entries.filter(
    ({ fromHost, to, text }) => fromHost === EXCHANGE && to.endsWith(`:${port}`) && text.startsWith(method),
  ).length;
}

for (const method of ['INVITE', 'UPDATE']) {
  test(`who moves by ${method} is found where he moved to, as soon as that is agreed on`, async () => {
    const { t, asMallory, asCarl, carl } = await strangersCall();
    const tried: number[] = [];
    const info = async (uri: string): Promise<void> => {
      asCarl('INFO', uri);
      await t.run(100);
      tried.push(sentTo(t, 5099, 'INFO'));
    };

    await info(AWAY);
    asMallory(method, CARLS, `Contact: <${AWAY}>\r\n`);
    await t.run(100);
    asCarl('MESSAGE', AWAY);
    await t.run(100);
    carl.send(answerTo(lastRequest(carl)));
    await t.run(100);
    await info(AWAY);
    asCarl('INFO', `sip:mallory@${VICTIM}`);
    await t.run(100);

    assert.deepEqual(tried, [0, 1]);
    assert.deepEqual(
      [sentTo(t, 5099, 'MESSAGE'), carl.heard.map(statusOf).filter((status) => status === 403).length],
      [0, 3],
    );
    t.stop();
  });
}

test('the callee who moves by his answer to a re-INVITE is found where he moved to', async () => {
  const { t, asMallory, carl } = await strangersCall();
  const away = `sip:carl@${CARL}:5098`;

  asMallory('INFO', away);
  asMallory('INVITE', CARLS, `Contact: <${HOME}>\r\n`);
  await t.run(100);
  carl.send(answerTo(lastRequest(carl)).replace(CARLS, away));
  await t.run(100);
  asMallory('BYE', away);
  await t.run(100);

  assert.deepEqual([sentTo(t, 5098, 'INFO'), sentTo(t, 5098, 'BYE')], [0, 1]);
  t.stop();
});

const madeUp: readonly [name: string, answers: (value: string) => string][] = [
  ['of another call', (value) => value.replace(/d=a[^.]*/, 'd=a7')],
  ['with another proof', (value) => value.replace(/.>$/, '_>')],
  ['of the other side', (value) => value.replace('d=a', 'd=b')],
  ['that is empty', (value) => value.replace(/d=[^>]*/, 'd=')],
  ['in what cannot be read', (value) => `${value}, <sip:${EXCHANGE}:99999;lr>`],
  ['in an unclosed bracket', (value) => value.replace('>', '')],
  ['twice and once more', (value) => `${value}, ${value}, ${value}`],
];

for (const [name, answers] of madeUp) {
  test(`a callee who answers with a mark ${name} leads nobody anywhere`, async () => {
    const { t, asMallory, mallory } = await strangersCall(answers);
    const before = t.net.trace.entries.length;

    asMallory('INFO', `sip:x@${VICTIM}`);
    asMallory('BYE', `sip:x@${VICTIM}`);
    await t.run(100);

    const left = t.net.trace.entries
      .slice(before)
      .filter(({ fromHost, toHost }) => fromHost === EXCHANGE && toHost !== MALLORY);
    assert.deepEqual(left, []);
    assert.equal(t.exchange.dispatcher.counters.scriptErrors, 0);
    assert.ok(mallory.heard.length > 0);
    t.stop();
  });
}
