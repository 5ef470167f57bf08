import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { parseMessage } from '../sip/parse.ts';
import type { SipRequest } from '../sip/message.ts';
import type { TransportName } from '../transport/flow.ts';
import { LOCATION_DEFAULTS } from './location.ts';
import { readRegister } from './read-register.ts';

const limits = {
  ...LOCATION_DEFAULTS,
  minExpires: 60,
  maxExpires: 7200,
  defaultExpires: 3600,
  maxContacts: 10,
};

function receivedFor(
  transport: TransportName,
  from: Endpoint,
  via: string,
  contact: string,
  more = '',
): string | undefined {
  const text = [
    'REGISTER sip:example.com SIP/2.0',
    `Via: SIP/2.0/X ${via}`,
    'To: sip:bob@example.com',
    'From: sip:bob@example.com',
    `Contact: <${contact}>`,
    'Call-ID: a',
    'CSeq: 1 REGISTER',
    `${more}`,
  ].filter((line) => line !== '');
  const request = parseMessage(`${text.join('\r\n')}\r\n\r\n`) as SipRequest;
  return readRegister(request, { transport, remote: from }, limits).contacts[0]?.received;
}

const PUBLIC = new Endpoint('192.0.2.7', 40001);
const HOST = new Endpoint('192.0.2.7', 5060);
const SIX = new Endpoint('2001:db8::7', 5060);

const table: readonly [
  name: string,
  TransportName,
  Endpoint,
  via: string,
  contact: string,
  received: string | undefined,
][] = [
  ['a phone that tells the truth', 'udp', HOST, '192.0.2.7:5060;rport', 'sip:b@192.0.2.7:5060', undefined],
  ['the same without a port', 'udp', HOST, '192.0.2.7', 'sip:b@192.0.2.7', undefined],
  ['a neighbour on the same host', 'udp', HOST, '192.0.2.7:5060', 'sip:b@192.0.2.7:7777', undefined],
  ['a private Contact', 'udp', PUBLIC, '192.0.2.7:40001', 'sip:b@10.0.0.5:5060', 'udp:192.0.2.7:40001'],
  ['a private Via', 'udp', PUBLIC, '10.0.0.5:5060', 'sip:b@phone.example.com', 'udp:192.0.2.7:40001'],
  ['both private', 'udp', PUBLIC, '10.0.0.5;rport', 'sip:10.0.0.5', 'udp:192.0.2.7:40001'],
  [
    'a changed port with rport',
    'udp',
    PUBLIC,
    '192.0.2.7:5060;rport',
    'sip:b@192.0.2.7',
    'udp:192.0.2.7:40001',
  ],
  [
    'a changed port with rport filled in',
    'udp',
    PUBLIC,
    '192.0.2.7:5060;RPORT=40001',
    'sip:b@192.0.2.7',
    'udp:192.0.2.7:40001',
  ],
  ['a phone that listens elsewhere', 'udp', PUBLIC, '192.0.2.7:5060', 'sip:b@192.0.2.7:5060', undefined],
  [
    'names are believed over a datagram',
    'udp',
    HOST,
    'pc33.example.com:5060',
    'sip:b@pc33.example.com',
    undefined,
  ],
  [
    'a maddr that leads elsewhere',
    'udp',
    HOST,
    '192.0.2.7:5060',
    'sip:b@192.0.2.7:5060;maddr=127.0.0.1;transport=tcp',
    'udp:192.0.2.7:5060',
  ],
  [
    'a maddr in another spelling, behind a name',
    'udp',
    HOST,
    'pc33.example.com:5060',
    'sip:b@pc33.example.com;M%61DDR=127.0.0.1',
    'udp:192.0.2.7:5060',
  ],
  ['IPv6 that tells the truth', 'udp', SIX, '[2001:DB8::7]:5060', 'sip:b@[2001:db8::7]', undefined],
  ['IPv6 that does not', 'udp', SIX, '[2001:db8::7]:5060', 'sip:b@[fd00::1]', 'udp:[2001:db8::7]:5060'],
  [
    'a connection from where Contact says',
    'tcp',
    PUBLIC,
    '192.0.2.7:5060',
    'sip:b@192.0.2.7:5060',
    undefined,
  ],
  [
    'a connection from elsewhere',
    'tls',
    PUBLIC,
    '192.0.2.7:5060',
    'sip:b@10.0.0.5:5060',
    'tls:192.0.2.7:40001',
  ],
  [
    'a connection with a private Via',
    'tcp',
    PUBLIC,
    '10.0.0.5',
    'sip:b@192.0.2.7:5060',
    'tcp:192.0.2.7:40001',
  ],
  ['a browser', 'wss', PUBLIC, 'df7jal23ls0d.invalid', 'sip:b@df7jal23ls0d.invalid', 'wss:192.0.2.7:40001'],
];

for (const [name, transport, from, via, contact, expected] of table) {
  test(`behind a NAT? ${name}`, () => {
    assert.equal(receivedFor(transport, from, via, contact), expected);
  });
}

test('what a proxy hands on says nothing about the phone', () => {
  const contact = 'sip:b@10.0.0.5';

  assert.equal(receivedFor('udp', HOST, '192.0.2.7:5060', contact, 'Via: SIP/2.0/UDP 10.0.0.5'), undefined);
  assert.equal(receivedFor('udp', HOST, '192.0.2.7:5060, SIP/2.0/UDP 10.0.0.5', contact), undefined);
  assert.equal(receivedFor('udp', HOST, '192.0.2.7:5060', contact, 'Path: <sip:192.0.2.7;lr>'), undefined);
});

// oxfmt-ignore
const paths: readonly [path: string, from: string, isTaken: boolean][] = [
  ['<sip:p.example.com;lr>',                         '192.0.2.7', true],
  ['<sip:198.51.100.1;lr>',                          '192.0.2.7', true],
  ['<sip:127.0.0.1:6379;transport=tcp;lr>',          '192.0.2.7', false],
  ['<sip:[::1]:6379;lr>',                            '192.0.2.7', false],
  ['<sip:p.example.com;maddr=127.0.0.1;lr>',         '192.0.2.7', false],
  ['<sip:p.example.com;m%61ddr=[::1];lr>',           '192.0.2.7', false],
  ['<sip:127.0.0.1:5070;lr>',                        '127.0.0.1', true],
  ['<sip:p.example.com;lr>, <sip:127.0.0.1:9;lr>',   '192.0.2.7', true], // Another proxy's own affair.
];
for (const [path, from, isTaken] of paths) {
  test(`a Path ${path} from ${from} is ${isTaken ? 'taken' : 'refused'}`, () => {
    const register = (): unknown =>
      receivedFor('udp', new Endpoint(from, 5060), from, `sip:b@${from}`, `Path: ${path}`);

    if (isTaken) assert.doesNotThrow(register);
    else assert.throws(register, { status: 403 });
  });
}
