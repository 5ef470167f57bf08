import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replyTo } from '../sip/build.ts';
import type { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { DialogGuard } from './dialog-guard.ts';
import { viewRoutes } from './loose-route.ts';
import { RouteSigner } from './route-signer.ts';

const PREFIX = '<sip:192.0.2.1:5060;lr;d=';
const own = { isOwn: (host: string) => host === '192.0.2.1', prefixes: [PREFIX] };
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
  const mark = guard.markFor(requestOf('INVITE', 'sip:b@h', [...outside, `Contact: ${contact}`]), 7);
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
  const mark = guard.markFor(invite, 7);
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
