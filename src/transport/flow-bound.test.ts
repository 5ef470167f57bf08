import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { parseMessage } from '../sip/parse.ts';
import { needsFlow } from './flow-bound.ts';
import type { TransportName } from './flow.ts';

const HERE = new Endpoint('192.0.2.7', 5060);
const MOVED = new Endpoint('192.0.2.7', 40001);
const SIX = new Endpoint('2001:db8::7', 5060);

// Where it came from, its Via, its Contact, whether requests within its dialog must take the flow back.
const rows: readonly [string, TransportName, Endpoint, via: string, contact: string, boolean][] = [
  ['the truth', 'udp', HERE, '192.0.2.7:5060', '<sip:a@192.0.2.7:5060>', false],
  ['the truth without ports', 'udp', HERE, '192.0.2.7', '<sip:a@192.0.2.7>', false],
  ['another host of the same peer', 'udp', HERE, '192.0.2.7', '<sip:a@192.0.2.9>', false],
  ['a name', 'udp', HERE, 'pc.example.com', '<sip:a@pc.example.com>', false],
  ['a private Contact', 'udp', HERE, '192.0.2.7', '<sip:a@10.0.0.5:5060>', true],
  ['a private Contact with parameters', 'udp', HERE, '192.0.2.7', '"A" <sip:a@192.168.1.2;x>;y', true],
  ['a private Via', 'udp', HERE, '10.0.0.5', '<sip:a@pc.example.com>', true],
  ['a shared address', 'udp', HERE, '192.0.2.7', '<sip:a@100.64.0.1>', true],
  ['172.32 is nobody’s private network', 'udp', HERE, '192.0.2.7', '<sip:a@172.32.0.1>', false],
  ['a port that a NAT has changed', 'udp', MOVED, '192.0.2.7:5060;rport', '<sip:a@192.0.2.7:5060>', true],
  ['a port without rport', 'udp', MOVED, '192.0.2.7:5060', '<sip:a@192.0.2.7:5060>', false],
  ['ob', 'udp', HERE, '192.0.2.7', '<sip:a@192.0.2.7:5060;ob>', true],
  ['a transport', 'tcp', MOVED, '192.0.2.7:5070', '<sip:a@192.0.2.7:5070;transport=tcp>', false],
  ['a transport, by a NAT', 'udp', MOVED, '192.0.2.7;rport', '<sip:a@192.0.2.7;transport=UDP>', true],
  ['a transport and a private place', 'tcp', MOVED, '192.0.2.7', '<sip:a@10.0.0.5;transport=tcp>', true],
  ['a transport and ob', 'tcp', MOVED, '192.0.2.7', '<sip:a@192.0.2.7;transport=tcp;ob>', true],
  ['ob in a name', 'udp', HERE, '192.0.2.7', '<sip:ob@192.0.2.7:5060;x=ob>', false],
  ['a connection from where Contact says', 'tcp', MOVED, '192.0.2.7', '<sip:a@192.0.2.7>', false],
  ['a connection with a private Contact', 'tcp', MOVED, '10.0.0.5', '<sip:a@10.0.0.5>', true],
  ['IPv6', 'udp', SIX, '[2001:db8::7]', '<sip:a@[2001:DB8::7]:5060>', false],
  ['a local IPv6', 'udp', SIX, '[2001:db8::7]', '<sip:a@[fd00::1]>', true],
  ['a proxy before us', 'udp', HERE, '192.0.2.7, SIP/2.0/UDP 10.0.0.5', '<sip:a@10.0.0.5>', false],
  ['what cannot be read', 'udp', HERE, '192.0.2.7', '<nonsense>', false],
  ['no Contact', 'udp', HERE, '10.0.0.5', '', false],
];

for (const [name, transport, remote, via, contact, needs] of rows) {
  test(`${name}: ${needs ? 'back by its flow' : 'to its Contact'}`, () => {
    const lines = [
      `Via: SIP/2.0/UDP ${via}`,
      ...(contact === '' ? [] : [`Contact: ${contact}`]),
      'CSeq: 1 INVITE',
    ];
    const message = parseMessage(`INVITE sip:b@h SIP/2.0\r\n${lines.join('\r\n')}\r\n\r\n`);
    assert.ok(message.kind === 'request');

    assert.equal(needsFlow(message.headers, { transport, remote }), needs);
  });
}
