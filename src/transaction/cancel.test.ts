import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { isOfInvite } from './cancel.ts';

type Fields = Readonly<Record<string, string>>;

function asked(method: string, changes: Fields): SipRequest {
  const fields = {
    Via: 'SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1',
    From: '<sip:a@example.com>;tag=1',
    To: '<sip:b@example.com>',
    'Call-ID': 'c',
    CSeq: '1',
    ...changes,
  };
  const lines = Object.entries({ ...fields, CSeq: `${fields.CSeq} ${method}` });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const message = parseMessage(`${method} sip:b@example.com SIP/2.0\r\n${head}\r\n`);
  assert.ok(message.kind === 'request');
  return message;
}

const TAGGED = { To: '<sip:b@example.com>;tag=2' };

// oxfmt-ignore
const cancels: readonly [what: string, invite: Fields, cancel: Fields, is: boolean][] = [
  ['the same',                          {},     {},                                         true],
  ['a tag that only it has',            {},     TAGGED,                                     true],
  ['the tag of a re-INVITE',            TAGGED, TAGGED,                                     true],
  ['no tag, that of a re-INVITE',       TAGGED, {},                                         true],
  ['another tag than the re-INVITE',    TAGGED, { To: '<sip:b@example.com>;tag=3' },        false],
  ['another spelling of From and To',   {},     { From: 'sip:A@h;x;tag=1', To: '"b" <sip:b@h>' }, true],
  ['another From tag',                  {},     { From: '<sip:a@example.com>;tag=2' },      false],
  ['another Call-ID',                   {},     { 'Call-ID': 'C' },                         false],
  ['another number',                    {},     { CSeq: '2' },                              false],
  ['the number with a zero in front',   {},     { CSeq: '01' },                             true],
];

for (const [what, invite, cancel, is] of cancels) {
  test(`a CANCEL with ${what} ${is ? 'is' : 'is not'} of its INVITE`, () =>
    assert.equal(isOfInvite(asked('CANCEL', cancel), asked('INVITE', invite)), is));
}
