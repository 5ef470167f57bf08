import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseUri } from '../sip/uri.ts';
import { type Registrar, registrar, save, valuesOf } from '../testing/registering.ts';

const DESK = 'urn:uuid:00000000-0000-1000-8000-000A95A0E128';
const MOBILE = 'urn:uuid:00000000-0000-1000-8000-000A95A0E129';

/** Registers a device, and answers its GRUUs. */
function register(
  r: Registrar,
  device: string,
  more: { uri?: string; callId?: string; cseq?: number; supported?: string } = {},
): { pub: string; temp: string } {
  const { uri = 'sip:bob@192.0.2.7', callId = device, cseq = 1, supported = 'gruu' } = more;
  const lines = [`Contact: <${uri}>;+sip.instance="<${device}>"`, `Supported: ${supported}`];
  const contacts = valuesOf(save(r, { lines, callId, cseq }), 'Contact');
  const line = contacts.find((value) => value.includes(`<${uri}>`)) ?? '';
  return { pub: /pub-gruu="(.*?)"/.exec(line)?.[1] ?? '', temp: /temp-gruu="(.*?)"/.exec(line)?.[1] ?? '' };
}

function reached({ location }: Registrar, uri: string): string[] {
  return location.contactsOf(parseUri(uri)).map(({ uriText }) => uriText);
}

test('who asks gets a public and a temporary GRUU, and each leads to that device alone', () => {
  const r = registrar();
  const desk = register(r, DESK, { uri: 'sip:desk@h' });
  const mobile = register(r, MOBILE, { uri: 'sip:mobile@h' });

  assert.equal(desk.pub, `sip:bob@example.com;gr=${DESK}`);
  assert.match(desk.temp, /^sip:tgr\.[\w-]{60,80}@example\.com;gr$/);
  assert.deepEqual(reached(r, desk.pub), ['sip:desk@h']);
  assert.deepEqual(reached(r, desk.temp), ['sip:desk@h']);
  assert.deepEqual(reached(r, mobile.pub.toLowerCase()), ['sip:mobile@h']);
  assert.deepEqual(reached(r, mobile.temp), ['sip:mobile@h']);
  assert.equal(reached(r, 'sip:bob@example.com').length, 2);
});

test('who does not ask gets none', () => {
  assert.deepEqual(register(registrar(), DESK, { supported: 'path' }), { pub: '', temp: '' });
});

test('every refresh brings a new temporary GRUU, the ones before hold; another Call-ID ends them all', () => {
  const r = registrar();
  const first = register(r, DESK);
  const second = register(r, DESK, { cseq: 2 });

  assert.notEqual(first.temp, second.temp);
  assert.equal(first.pub, second.pub);
  assert.deepEqual([reached(r, first.temp).length, reached(r, second.temp).length], [1, 1]);

  const third = register(r, DESK, { callId: 'after a restart of the phone' });

  const left = [first.temp, second.temp, third.temp, first.pub].map((uri) => reached(r, uri).length);
  assert.deepEqual(left, [0, 0, 1, 1]);
});

test('a temporary GRUU says nothing of whose it is, and nobody else makes one', () => {
  const r = registrar();
  const { temp } = register(r, DESK);
  const user = parseUri(temp).user ?? '';
  const bytes = Buffer.from(user.substring(4), 'base64url');

  assert.ok(!bytes.latin1Slice().includes('bob'));
  for (let at = 0; at < bytes.length; at++) {
    const other = Buffer.from(bytes);
    other[at]! ^= 1;
    assert.deepEqual(reached(r, `sip:tgr.${other.toString('base64url')}@example.com;gr`), []);
  }
  assert.deepEqual(reached(r, temp.replace('example.com', 'example.org')), [], 'it is of its domain');
  for (const uri of ['sip:tgr.@example.com;gr', 'sip:tgr.AAAA@example.com;gr', 'sip:bob@example.com;gr'])
    assert.deepEqual(reached(r, uri), []);
});

test('a temporary GRUU outlives a restart with the secret, and not without it', () => {
  const { temp } = register(registrar(), DESK);
  const again = registrar();
  register(again, DESK);

  assert.equal(reached(again, temp).length, 1);
});

test('what may not stand in a URI is escaped in a GRUU, and found all the same', () => {
  const r = registrar();

  const { pub } = register(r, 'urn:x-device:a;b=c,"');

  assert.equal(pub, '', 'a quote ends the string');
  const odd = register(r, 'urn:x-device:a;b=c,d', { uri: 'sip:odd@h' });
  assert.equal(odd.pub, 'sip:bob@example.com;gr=urn:x-device:a%3Bb%3Dc%2Cd');
  assert.deepEqual(reached(r, odd.pub), ['sip:odd@h']);
});
