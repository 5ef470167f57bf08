/** Rows that others wrote: what no call could use is no binding, and the rest is not harmed by it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimClock, WALL_START } from '../testing/sim-clock.ts';
import { type BindingRow, contactOfRow } from './binding-row.ts';

const ROW: BindingRow = {
  username: 'bob',
  domain: 'example.com',
  contact: 'sip:bob@192.0.2.12:5060',
  received: null,
  path: null,
  expires: WALL_START + 60_000,
  q: 1,
  callid: 'c',
  cseq: 1,
  user_agent: 'phone',
  sip_instance: null,
  reg_id: null,
};

/** As `node:sqlite` answers it, whatever the column is declared as. */
const BYTES = new Uint8Array([0x73, 0xff]) as unknown as string;

// oxfmt-ignore
const rows: readonly [what: string, change: Partial<BindingRow>, isBinding: boolean][] = [
  ['as we write them',                 {},                                                     true],
  ['with an agent in UTF-8 as bytes',  { user_agent: '\u00c3\u00bc' },                         true],
  ['with a flow',                      { received: 'udp:192.0.2.7:5062' },                     true],
  ['with a flow of IPv6',              { received: 'wss:[2001:db8::1]:40001' },                true],
  ['with the last port',               { received: 'tcp:192.0.2.7:65535' },                    true],
  ['with a port beyond it',            { received: 'tcp:192.0.2.7:65536' },                    false],
  ['with port 0',                      { received: 'udp:192.0.2.7:0' },                        false],
  ['with a flow that is a name',       { received: 'tcp:localhost:5060' },                     false],
  ['with a flow that is nothing',      { received: 'garbage' },                                false],
  ['with two proxies',                 { path: '<sip:p1.example.com;lr>, <sip:p2.example.com;lr>' }, true],
  ['with a Path that is none',         { path: 'garbage' },                                    false],
  ['with an empty Path',               { path: '' },                                           false],
  ['with a Contact that is none',      { contact: 'garbage' },                                 false],
  ['with an empty Contact',            { contact: '' },                                        false],
  ['with a Contact of another scheme', { contact: 'mailto:bob@example.com', received: 'udp:192.0.2.7:5062' }, true],
  ['with LF in the Contact',           { contact: 'sip:bob@192.0.2.12\nX-Evil: 1' },           false],
  ['with CR in the Contact',           { contact: 'sip:bob@192.0.2.12\rX-Evil: 1' },           false],
  ['with NUL in the Contact',          { contact: 'sip:b\0b@192.0.2.12' },                     false],
  ['with CR in the Path',              { path: '<sip:p1.example.com;lr>\rX-Evil: 1' },         false],
  ['with CR in the parameters',        { params: ';x="\rX-Evil: 1"' },                         false],
  ['with what a byte makes LF',        { user_agent: 'phone\u010aX-Evil: 1' },                 false],
  ['with what a byte makes CR',        { callid: 'c\u010d' },                                  false],
  ['with bytes for a text',            { contact: BYTES },                                     false],
];
for (const [what, change, isBinding] of rows) {
  test(`a row ${what} is ${isBinding ? 'a' : 'no'} binding`, () => {
    const contact = contactOfRow({ ...ROW, ...change }, new SimClock());

    assert.equal(contact !== undefined, isBinding);
    if (contact?.isOther) assert.equal(contact.hop, undefined);
    else if (contact !== undefined) assert.equal(contact.uri.host, '192.0.2.12');
  });
}
