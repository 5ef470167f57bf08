import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMessage } from './parse.ts';
import { hasMagicCookie, responseAddress, scanVia, stampReceived, topVia } from './via.ts';

function headersOf(...vias: string[]) {
  const lines = [
    ...vias.map((via) => `Via: ${via}`),
    'From: <sip:a@h>;tag=f',
    'To: <sip:b@h>',
    'Call-ID: c',
    'CSeq: 1 BYE',
  ];
  const message = parseMessage(['BYE sip:b@h SIP/2.0', ...lines, '', 'body'].join('\r\n'));
  assert.ok(message.kind === 'request');
  return message.headers;
}

// [Via, transport, sent-by, port, branch]
const wellFormed: readonly [string, string, string, number, string][] = [
  ['SIP/2.0/UDP 192.0.2.11:5062;branch=z9hG4bKa', 'UDP', '192.0.2.11:5062', 5062, 'z9hG4bKa'],
  ['SIP/2.0/UDP 192.0.2.11;branch=z9hG4bKa', 'UDP', '192.0.2.11', 0, 'z9hG4bKa'],
  ['SIP/2.0/tcp pc33.example.com', 'TCP', 'pc33.example.com', 0, ''],
  [
    'SIP / 2.0 / TLS  pc33.example.com : 5061 ; branch = z9hG4bKa ; x',
    'TLS',
    'pc33.example.com : 5061',
    5061,
    'z9hG4bKa',
  ],
  ['SIP/2.0/UDP [2001:db8::9:1]:5070;BRANCH=z9hG4bKa', 'UDP', '[2001:db8::9:1]:5070', 5070, 'z9hG4bKa'],
  ['SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKa', 'UDP', '[2001:db8::9:1]', 0, 'z9hG4bKa'],
  ['SIP/2.0/UDP h;x="a;branch=no,";branch=z9hG4bKa', 'UDP', 'h', 0, 'z9hG4bKa'],
  ['SIP/2.0/UDP h;branch=z9hG4bKa,SIP/2.0/UDP g;branch=z9hG4bKb', 'UDP', 'h', 0, 'z9hG4bKa'],
  ['SIP/2.0/UDP h\r\n ;branch=z9hG4bKa', 'UDP', 'h', 0, 'z9hG4bKa'],
];

for (const [via, transport, sentBy, port, branch] of wellFormed) {
  test(`reads ${JSON.stringify(via)}`, () => {
    const headers = headersOf(via);
    const { text } = headers;
    const span = topVia(headers);
    assert.ok(span !== undefined);

    assert.deepEqual(
      [span.transport, text.substring(span.sentByStart, span.sentByEnd), span.port],
      [transport, sentBy, port],
    );
    assert.equal(text.substring(span.branchStart, span.branchEnd), branch);
    assert.equal(hasMagicCookie(text, span), branch !== '');
  });
}

const malformed = [
  '',
  'SIP/2.0',
  'SIP/2.0/UDP',
  'SIP/2.0/UDP ;branch=a',
  'SIP/2.0/UDP h:',
  'SIP/2.0/UDP h:x',
  'SIP/2.0/UDP h x',
  'SIP/2.0/UDP [2001:db8::1',
];

for (const via of malformed) {
  test(`refuses ${JSON.stringify(via)}`, () => {
    assert.equal(scanVia(via, 0, 0, via.length), undefined);
  });
}

for (const port of ['0', '00', '65536', '9'.repeat(400)]) {
  test(`port ${port.substring(0, 9)} is malformed, and tells nonetheless who sent it`, () => {
    const via = `SIP/2.0/UDP h:${port};branch=z9hG4bKa`;
    const span = scanVia(via, 0, 0, via.length);

    assert.deepEqual([span?.isWellFormed, span?.port], [false, 0]);
    assert.equal(via.substring(span?.branchStart ?? 0, span?.branchEnd), 'z9hG4bKa');
  });
}

test('the magic cookie alone, or another branch, is none', () => {
  for (const branch of ['z9hG4bK', 'Z9HG4BKa', '1', '']) {
    const via = `SIP/2.0/UDP h;branch=${branch}`;
    const span = scanVia(via, 0, 0, via.length);
    assert.ok(span !== undefined);
    assert.equal(hasMagicCookie(via, span), false, branch);
  }
});

const HOST = '198.51.100.7';
const AT = 'SIP/2.0/UDP 192.0.2.11:5062';

// RFC 3261 §18.2.1, RFC 3581 §4. [the Via that came from HOST:40000, the Via as it goes on]
const stamps: readonly [string, string, string][] = [
  ['another host', `${AT};branch=z9hG4bKa`, `${AT};branch=z9hG4bKa;received=${HOST}`],
  ['the same host', `SIP/2.0/UDP ${HOST}:9;branch=z9hG4bKa`, `SIP/2.0/UDP ${HOST}:9;branch=z9hG4bKa`],
  [
    'a name',
    'SIP/2.0/UDP pc.example.com;branch=z9hG4bKa',
    `SIP/2.0/UDP pc.example.com;branch=z9hG4bKa;received=${HOST}`,
  ],
  [
    'rport before branch',
    `${AT};rport;branch=z9hG4bKa`,
    `${AT};rport=40000;branch=z9hG4bKa;received=${HOST}`,
  ],
  [
    'rport behind branch',
    `${AT};branch=z9hG4bKa;rport`,
    `${AT};branch=z9hG4bKa;rport=40000;received=${HOST}`,
  ],
  [
    'rport, the same host',
    `SIP/2.0/UDP ${HOST};rport;branch=a`,
    `SIP/2.0/UDP ${HOST};rport=40000;branch=a;received=${HOST}`,
  ],
  ['rport with blanks', `${AT} ; rport ; branch=a`, `${AT} ; rport=40000 ; branch=a;received=${HOST}`],
  ['no branch at all', AT, `${AT};received=${HOST}`],
  [
    'a second value on the line',
    `${AT};rport, SIP/2.0/UDP g`,
    `${AT};rport=40000;received=${HOST}, SIP/2.0/UDP g`,
  ],
  // What only who receives a request may write is taken out: RFC 3261 §7.3.1, §18.2.1, RFC 3581 §4.
  ['received', `${AT};received=1.2.3.4;branch=a`, `${AT};branch=a;received=${HOST}`],
  [
    'received, the same host',
    `SIP/2.0/UDP ${HOST};received=1.2.3.4;branch=a`,
    `SIP/2.0/UDP ${HOST};branch=a`,
  ],
  [
    'received in every spelling',
    `${AT} ; RECEIVED = 1.2.3.4;branch=a;Received="x;y";received\r\n =[::1] ;x`,
    `${AT} ;branch=a ;x;received=${HOST}`,
  ],
  ['received without a value', `${AT};received;branch=a`, `${AT};branch=a;received=${HOST}`],
  ['rport with a value', `${AT};branch=a;rport=9;x`, `${AT};branch=a;rport=40000;x;received=${HOST}`],
  [
    'rport with a value of its own kind',
    `${AT} ; RPort = "9;rport" ;branch=a`,
    `${AT} ; RPort=40000 ;branch=a;received=${HOST}`,
  ],
  [
    'rport again and again',
    `${AT};rport=1;rport;branch=a;rport=2;rport`,
    `${AT};rport=40000;branch=a;received=${HOST}`,
  ],
  ['rport twice', `${AT};rport;rport;branch=a`, `${AT};rport=40000;branch=a;received=${HOST}`],
  ['rport, then with a value', `${AT};rport;branch=a;rport=2`, `${AT};rport=40000;branch=a;received=${HOST}`],
  [
    'both, before another value',
    `${AT};received=1.2.3.4;rport=9, SIP/2.0/UDP g;received=1.2.3.4;rport=9`,
    `${AT};rport=40000;received=${HOST}, SIP/2.0/UDP g;received=1.2.3.4;rport=9`,
  ],
  [
    'received within quotes',
    `${AT};x=";received=1.2.3.4;rport=9";branch=a`,
    `${AT};x=";received=1.2.3.4;rport=9";branch=a;received=${HOST}`,
  ],
  ['other parameters of such names', `${AT};receive=1;rports=2`, `${AT};receive=1;rports=2;received=${HOST}`],
  [
    'IPv6 sent-by',
    'SIP/2.0/UDP [2001:db8::9]:5060;branch=a',
    `SIP/2.0/UDP [2001:db8::9]:5060;branch=a;received=${HOST}`,
  ],
];

for (const [what, came, left] of stamps) {
  test(`stamped: ${what}`, () => {
    const headers = headersOf(came, 'SIP/2.0/UDP below;branch=z9hG4bKb');
    const via = topVia(headers);
    assert.ok(via !== undefined);

    stampReceived(headers, via, HOST, 40_000);

    const whole = headersOf(left, 'SIP/2.0/UDP below;branch=z9hG4bKb');
    assert.equal(headers.text, whole.text);
    assert.deepEqual(headers.index, whole.index, 'the other fields are still found');
    assert.deepEqual(topVia(headers), topVia(whole));
  });
}

// RFC 3261 §18.2.2. [Via, where a response goes]
const addresses: readonly [string, string | undefined][] = [
  ['SIP/2.0/UDP 192.0.2.11:5062;branch=a', '192.0.2.11 5062'],
  ['SIP/2.0/UDP 192.0.2.11;branch=a', '192.0.2.11 5060'],
  ['SIP/2.0/UDP h:5062;branch=a;received=198.51.100.7', '198.51.100.7 5062'],
  ['SIP/2.0/UDP h:5062;rport=40000;branch=a;received=198.51.100.7', '198.51.100.7 40000'],
  ['SIP/2.0/UDP 192.0.2.11:5062 ; RPORT = 40000', '192.0.2.11 40000'],
  ['SIP/2.0/UDP [2001:db8::9]:5070;branch=a', '2001:db8::9 5070'],
  ['SIP/2.0/UDP h;branch=a;received=2001:db8::9', '2001:db8::9 5060'],
  ['SIP/2.0/UDP h;branch=a;received=[2001:db8::9]', '2001:db8::9 5060'],
  ['SIP/2.0/UDP pc33.example.com;branch=a', undefined],
  ['SIP/2.0/UDP 192.0.2.11;x=";received=1.2.3.4;rport=9"', '192.0.2.11 5060'],
  ['SIP/2.0/UDP 192.0.2.11;receiver=1.2.3.4;rports=9', '192.0.2.11 5060'],
  ['SIP/2.0/UDP 192.0.2.11;rport=x;received=y', '192.0.2.11 5060'],
  ['SIP/2.0/UDP 192.0.2.11;rport=65536', '192.0.2.11 5060'],
  ['SIP/2.0/UDP 012.0.0.5', undefined],
];

for (const [via, address] of addresses) {
  test(`a response to ${via} goes to ${address ?? 'nobody'}`, () => {
    const found = responseAddress(headersOf(via));

    assert.equal(found && `${found.host} ${found.port}`, address);
  });
}
