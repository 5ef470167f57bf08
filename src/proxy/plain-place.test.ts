import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf } from '../base/bytes.ts';
import { parseMessage } from '../sip/parse.ts';
import { parseUri } from '../sip/uri.ts';
import { placeOf } from './dialog-guard.ts';
import { CLOSE, isPlainContactOf, PLAIN, plainEnd, plainTransport } from './plain-place.ts';

// [a Contact, whether it is written plainly]
const contacts: readonly [string, boolean][] = [
  ['<sip:a@192.0.2.11:5060>', true],
  ['<sip:+49-30*1!~@192.0.2.11:1>', true],
  ['<sip:a@192.0.2.11:5060>;expires=60', true],
  ['<sip:a@192.0.2.11:5060;transport=tcp>', true],
  ['<sip:a@192.0.2.11:5060;transport=UDP>;expires=60', true],
  ['<sip:a@192.0.2.11:5060;transport=wss>', true],
  ['<sip:a@192.0.2.11:5060;transport=sctp>', false],
  ['<sip:a@192.0.2.11:5060;transport=tcp;maddr=192.0.2.9>', false],
  ['<sip:a@192.0.2.11:5060;maddr=192.0.2.9;transport=tcp>', false],
  ['<sip:a@192.0.2.11:5060;transport=tcp', false],
  ['<sip:a@192.0.2.11:5060;>', false],
  ['<sip:a@192.0.2.11:;transport=tcp>', false],
  ['<sip:a@192.0.2.11;transport=tcp>', false],
  ['<sip:a@192.0.2.11>', false],
  ['<sip:192.0.2.11:5060>', false],
  ['<sip:a@192.0.2.11:05060>', false],
  ['<sip:a@192.0.2.11.:5060>', false],
  ['<sip:a@192.0.2.11:50.60>', false],
  ['<sip:a@192.0.2.11:5060:1>', false],
  ['<sip:a@192.0.2.11:>', false],
  ['<sip:%61@192.0.2.11:5060>', false],
  ['<sip:a:b@192.0.2.11:5060>', false],
  ['<sip:a@192.0.2.11:5060;ob>', false],
  ['<sip:a@example.com:5060>', false],
  ['<sip:a@[2001:db8::11]:5060>', false],
  ['<sips:a@192.0.2.11:5060>', false],
  ['<sip:a', false],
];

for (const [contact, isPlain] of contacts) {
  test(`${contact} ${isPlain ? 'need not' : 'must'} be parsed`, () => {
    const isSip = contact.startsWith('<sip:');
    const end = isSip ? plainEnd(bytesOf(contact), PLAIN.length, CLOSE) : 0;

    assert.equal(end > 0, isPlain);
    if (!isPlain) return;
    const plain = contact.substring(PLAIN.length, end);
    const transport = plainTransport(bytesOf(contact), end, CLOSE);
    const uri = contact.substring(1, contact.indexOf('>'));
    assert.equal(`${plain}${transport}`, placeOf(parseUri(uri)));
  });
}

// [a Contact, whether it names 192.0.2.1]
const named: readonly [string, boolean][] = [
  ['<sip:a@192.0.2.1:5060>', true],
  ['<sip:192.0.2.1@192.0.2.1:5060>', true],
  ['<sip:a@192.0.2.1:5060;transport=tcp>', true],
  ['<sip:a@192.0.2.1:5060;transport=tcp;ob>', false],
  ['<sip:a@192.0.2.11:5060>', false],
  ['<sip:192.0.2.1@192.0.2.2:5060>', false],
  ['<sip:a@192.0.2.1>', false],
  ['"192.0.2.1" <sip:a@192.0.2.2:5060>', false],
];

for (const [contact, isThere] of named) {
  test(`a plain Contact of 192.0.2.1: ${contact} is ${isThere ? 'one' : 'none'}`, () => {
    const message = parseMessage(`SIP/2.0 200 OK\r\nContact: ${contact}\r\nContent-Length: 0\r\n\r\n`);
    assert.ok(message.kind === 'response');

    assert.equal(isPlainContactOf(message.headers, '192.0.2.1'), isThere);
  });
}
