import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { SipError } from '../base/errors.ts';
import { replyTo } from '../sip/build.ts';
import type { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { DialogGuard } from './dialog-guard.ts';
import { viewRoutes } from './loose-route.ts';
import { topViaCut } from './reply-path.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { FlowTokens } from '../transport/flow-token.ts';
import type { Flow } from '../transport/flow.ts';
import { type RouteMark, RouteSigner } from './route-signer.ts';

const PREFIX = '<sip:192.0.2.1:5060;lr;d=';
const own = { isOwn: (host: string) => host === '192.0.2.1', prefixes: [Buffer.from(PREFIX)] };
const guard = new DialogGuard(new RouteSigner('secret'), own);

function requestOf(method: string, uri: string, lines: readonly string[]): SipRequest {
  const via = 'Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bKa';
  const message = parseMessage(
    [`${method} ${uri} SIP/2.0`, via, ...lines, 'Call-ID: c', `CSeq: 1 ${method}`, '\r\n'].join('\r\n'),
  );
  assert.ok(message.kind === 'request');
  return message;
}

const outside = ['From: <sip:a@h>;tag=a', 'To: <sip:b@h>'];
const back = ['From: <sip:b@h>;tag=b', 'To: <sip:a@h>;tag=a'];

/** Whether the callee may send to this Request-URI when the caller's Contact was that. */
function mayReach(contact: string, uri: string): boolean {
  const { mark } = guard.markFor(requestOf('INVITE', 'sip:b@h', [...outside, `Contact: ${contact}`]), 7);
  const bye = requestOf('BYE', uri, [...back, `Route: ${PREFIX}${mark}>`]);
  try {
    return guard.verify(bye, viewRoutes(bye.headers, own))?.call === 7;
  } catch {
    return false;
  }
}

// [Contact, Request-URI, whether that is the same place]
const places: readonly [string, string, boolean][] = [
  ['<sip:a@192.0.2.11:5060>', 'sip:a@192.0.2.11:5060', true],
  ['<sip:a@192.0.2.11:5060>', 'sip:a@192.0.2.11', true],
  ['<sip:a@192.0.2.11>', 'sip:a@192.0.2.11:5060', true],
  ['"A" <sip:a@192.0.2.11:5060>;expires=60', 'sip:a@192.0.2.11:5060', true],
  ['<sip:a@192.0.2.11:5060>;expires=60', 'sip:a@192.0.2.11:5060;transport=udp', true],
  ['sip:a@192.0.2.11', 'sip:a@192.0.2.11', true],
  ['<sip:a@192.0.2.11:5060;transport=tcp>', 'sip:a@192.0.2.11:5060;transport=TCP', true],
  ['<sip:a@192.0.2.11:5060;ob>', 'sip:a@192.0.2.11:5060;ob', true],
  ['<sip:%61@192.0.2.11:5060>', 'sip:a@192.0.2.11:5060', true],
  ['<sip:a:secret@192.0.2.11:5060>', 'sip:a@192.0.2.11:5060', true],
  ['<sip:A.Example.com>', 'sip:a.example.com', true],
  ['<sip:192.0.2.11:5060>', 'sip:192.0.2.11:5060', true],
  ['<sip:a@[2001:db8::11]:5060>', 'sip:a@[2001:db8::11]', true],
  ['<sip:a@192.0.2.11:5060>', 'sip:a@192.0.2.11:5061', false],
  ['<sip:a@192.0.2.11:5060>', 'sip:b@192.0.2.11:5060', false],
  ['<sip:a@192.0.2.11:5060>', 'sip:A@192.0.2.11:5060', false],
  ['<sip:a@192.0.2.11:5060>', 'sip:192.0.2.11:5060', false],
  ['<sip:a@192.0.2.11:5060>', 'sip:a@192.0.2.11:5060;transport=tcp', false],
  ['<sip:a@192.0.2.11:5060;transport=tcp>', 'sip:a@192.0.2.11:5060', false],
  ['<sip:a@192.0.2.11:5060>', 'sip:a@192.0.2.12:5060;maddr=192.0.2.11', false],
  ['<sip:a@192.0.2.11:5060>', 'sip:a@192.0.2.11:5060;maddr=192.0.2.12', false],
  ['*', 'sip:a@192.0.2.11', false],
];

for (const [contact, uri, same] of places) {
  test(`a Contact ${contact} ${same ? 'is' : 'is not'} ${uri}`, () => {
    assert.equal(mayReach(contact, uri), same);
  });
}

test('the text of a response is changed in our marks alone, and in both of two', () => {
  const invite = requestOf('INVITE', 'sip:b@h', [...outside, 'Contact: <sip:a@192.0.2.11>']);
  const { mark } = guard.markFor(invite, 7);
  const routes = `${PREFIX}${mark}>, <sip:192.0.2.1:5060;transport=tcp;lr;d=${mark}>, <sip:192.0.2.9;lr>`;
  for (const [status, contact, turns] of [
    [180, true, true],
    [200, true, true],
    [200, false, false],
    [302, true, false],
  ] as const) {
    const lines = contact ? [['Contact', '<sip:b@192.0.2.12>'] as const] : [];
    const text = replyTo(invite, status, {
      toTag: 'b',
      headers: [['Record-Route', routes], ...lines],
      body: mark,
    });
    const response = parseMessage(text);
    assert.ok(response.kind === 'response');

    const turned = guard.textForCaller(response);

    assert.equal(turned.length, text.length);
    assert.equal(turned.split(mark).length - 1, turns ? 1 : 3, 'the body has one too');
    assert.equal(turned.endsWith(mark), true);
    assert.equal(turned.replaceAll(/d=b[^>]*/g, `d=${mark}`), text);
  }
});

// ─── flow tokens ────────────────────────────────────────────────────────────────────────────────

const NAT = '198.51.100.7';
const udp: Flow = {
  transport: 'udp',
  reliable: false,
  remote: new Endpoint(NAT, 40001),
  sentBy: '192.0.2.1:5060',
  open: true,
  toPort: () => udp,
  send: () => true,
  watch() {},
  unwatch() {},
};
const tokens = new FlowTokens('secret', new SimRandom(1), { udpFlowsTo: () => [udp] });
const bound = new DialogGuard(new RouteSigner('secret'), own, tokens);
const natted = requestOf('INVITE', 'sip:b@h', [...outside, 'Contact: <sip:a@10.0.0.2:5060>']);

/** A value as the callee got it. */
function valueFor(invite: SipRequest): string {
  const { mark, flow } = bound.markFor(invite, 7, udp);
  return `<sip:${flow === '' ? '' : `${flow}@`}192.0.2.1:5060;lr;d=${mark}>`;
}

function verdict(uri: string, route: string): RouteMark | number | undefined {
  const bye = requestOf('BYE', uri, [...back, `Route: ${route}`]);
  try {
    return bound.verify(bye, viewRoutes(bye.headers, own));
  } catch (error) {
    return error instanceof SipError ? error.status : undefined;
  }
}

test('the token beside a mark is part of it: no other one can stand there, nor none', () => {
  const value = valueFor(natted);
  const other = tokens.tokenOf({ ...udp, remote: new Endpoint('203.0.113.9', 5060) });
  const there = 'sip:a@10.0.0.2:5060';

  const mark = verdict(there, value);
  assert.ok(typeof mark === 'object');
  assert.equal(tokens.read(mark.flow)?.flow, udp);
  for (const forged of [
    value.replace(/sip:[^@]*@/, `sip:${other}@`),
    value.replace(/sip:[^@]*@/, 'sip:'),
    value.replace(/sip:[^@]*@/, 'sip:a@'),
  ])
    assert.equal(verdict(there, forged), undefined, forged);
  assert.equal(verdict('sip:a@10.0.0.3:5060', value), 403);
});

// [caller's Contact, callee's Contact, whether each of them is bound]
const sides: readonly (readonly [string, string, boolean, boolean])[] = [
  ['<sip:a@192.0.2.11:5060>', `<sip:b@${NAT}:5060>`, false, false],
  ['<sip:a@10.0.0.2:5060>', `<sip:b@${NAT}:5060>`, true, false],
  ['<sip:a@192.0.2.11:5060>', '<sip:b@10.0.1.2:5060>', false, true],
  ['<sip:a@10.0.0.2:5060>', '<sip:b@10.0.1.2:5060>', true, true],
  ['<sip:a@10.0.0.2:5060>', `<sip:b@${NAT}:5060;ob>`, true, true],
];
for (const [caller, callee, callerBound, calleeBound] of sides) {
  test(`${caller} calls ${callee}: each side gets the token of the other`, () => {
    const via = 'SIP/2.0/UDP 192.0.2.11;branch=z9hG4bKa';
    const invite = requestOf('INVITE', 'sip:b@h', [...outside, `Contact: ${caller}`]);
    const calleesFlow = { ...udp, remote: new Endpoint(NAT, 40002) };
    const came = { ...udp, remote: new Endpoint(callerBound ? NAT : '192.0.2.11', 5060) };
    const put = bound.markFor(invite, 7, came);
    const value = (user: string): string => `<sip:${user}192.0.2.1:5060;lr;d=${put.mark}>`;
    const here = value(put.flow === '' ? '' : `${put.flow}@`);
    const tcp = here.replace(';lr', ';transport=tcp;lr');
    // Whoever answers may write Via below Record-Route.
    const lines = ['SIP/2.0 200 OK', `Record-Route: ${here}, ${tcp}`, `Via: ${via}`, `Contact: ${callee}`];
    const rest = ['From: <sip:a@h>;tag=a', 'To: <sip:b@h>;tag=b', 'Call-ID: c', 'CSeq: 1 INVITE', '', ''];
    const response = parseMessage([...lines, ...rest].join('\r\n'));
    assert.ok(response.kind === 'response');

    const text = bound.textForCaller(response, calleesFlow);

    const users = [...text.matchAll(/<sip:(?:([\w-]{42})@)?192\.0\.2\.1[^>]*;d=b[^>]*>/g)].map(
      ([, user]) => user,
    );
    const expected = calleeBound ? tokens.tokenOf(calleesFlow) : undefined;
    assert.equal(put.flow, callerBound ? tokens.tokenOf(came) : '');
    assert.deepEqual(users, [expected, expected]);
    const foreign = text.replaceAll(/<sip:[^>]*;d=[^>]*>/g, '');
    assert.equal(
      foreign,
      response.headers.text.replaceAll(/<sip:[^>]*;d=[^>]*>/g, ''),
      'all else is as it was',
    );
  });
}

test('a value that the callee has written another way is left as it is', () => {
  const value = valueFor(natted).replace('<sip:', '<SIP:');
  const text = replyTo(natted, 200, {
    toTag: 'b',
    headers: [
      ['Record-Route', value],
      ['Contact', '<sip:b@192.0.2.12>'],
    ],
  });
  const response = parseMessage(text);
  assert.ok(response.kind === 'response');

  assert.equal(bound.textForCaller(response, udp), text);
});

for (const [where, order] of [
  ['above our marks', [0, 1, 2]],
  ['between them', [1, 0, 2]],
  ['below them', [1, 2, 0]],
] as const) {
  test(`what is left out of a response may stand ${where}`, () => {
    const invite = requestOf('INVITE', 'sip:b@h', [...outside, 'Contact: <sip:a@192.0.2.11>']);
    const { mark } = guard.markFor(invite, 7);
    const lines = [
      'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours',
      `Record-Route: ${PREFIX}${mark}>`,
      `Record-Route: <sip:192.0.2.1:5060;transport=tcp;lr;d=${mark}>`,
    ];
    const rest = ['From: <sip:a@h>;tag=a', 'To: <sip:b@h>;tag=b', 'Call-ID: c', 'CSeq: 1 INVITE', '', ''];
    const all = [...order.map((line) => lines[line]!), 'Contact: <sip:b@192.0.2.12>', ...rest];
    const response = parseMessage(`SIP/2.0 200 OK\r\n${all.join('\r\n')}`);
    assert.ok(response.kind === 'response');
    const turned = guard.textForCaller(response);

    const text = guard.textForCaller(response, undefined, topViaCut(response.headers));

    assert.equal(turned.includes(mark), false);
    assert.equal(text, turned.replace(`${lines[0]}\r\n`, ''));
  });
}
