import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { parseMessage } from '../sip/parse.ts';
import type { SipRequest } from '../sip/message.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { Location } from './location.ts';
import type { RegisterOutcome } from './registrar.ts';

function save(lines: readonly string[]): { location: Location; outcome: RegisterOutcome } {
  const settings = {
    durable: false,
    bindingsMax: 10,
    maxContacts: 3,
    minExpires: 60,
    maxExpires: 7200,
    defaultExpires: 3600,
  };
  const location = new Location({ clock: new SimClock(), random: new SimRandom(1), settings });
  const request = parseMessage([...lines, '', ''].join('\r\n')) as SipRequest;
  const source = { transport: 'udp', remote: new Endpoint('192.0.2.7', 5060) } as const;
  return { location, outcome: location.save(request, source) as RegisterOutcome };
}

// RFC 4475 §3.1.1.4, §3.3.12, §3.3.13, §3.3.14, §3.1.2.13, byte for byte.
const torture: readonly [name: string, status: number, contacts: string[], lines: string[]][] = [
  [
    'escnull',
    200,
    ['<sip:%00%00@host5.example.com>;expires=3600', '<sip:%00@host5.example.com>;expires=3600'],
    [
      'REGISTER sip:example.com SIP/2.0',
      'To: sip:null-%00-null@example.com',
      'From: sip:null-%00-null@example.com;tag=839923423',
      'Max-Forwards: 70',
      'Call-ID: escnull.39203ndfvkjdasfkq3w4otrq0adsfdfnavd',
      'CSeq: 14398234 REGISTER',
      'Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bKkdjuw',
      'Contact: <sip:%00@host5.example.com>',
      'Contact: <sip:%00%00@host5.example.com>',
      'L:0',
    ],
  ],
  [
    'cparam01',
    200,
    ['<sip:+19725552222@gw1.example.net>;unknownparam;expires=3600'],
    [
      'REGISTER sip:example.com SIP/2.0',
      'Via: SIP/2.0/UDP saturn.example.com:5060;branch=z9hG4bKkdjuw',
      'Max-Forwards: 70',
      'From: sip:watson@example.com;tag=DkfVgjkrtMwaerKKpe',
      'To: sip:watson@example.com',
      'Call-ID: cparam01.70710@saturn.example.com',
      'CSeq: 2 REGISTER',
      'Contact: sip:+19725552222@gw1.example.net;unknownparam',
      'l: 0',
    ],
  ],
  [
    'cparam02',
    200,
    ['<sip:+19725552222@gw1.example.net;unknownparam>;expires=3600'],
    [
      'REGISTER sip:example.com SIP/2.0',
      'Via: SIP/2.0/UDP saturn.example.com:5060;branch=z9hG4bKkdjuw',
      'Max-Forwards: 70',
      'From: sip:watson@example.com;tag=838293',
      'To: sip:watson@example.com',
      'Call-ID: cparam02.70710@saturn.example.com',
      'CSeq: 3 REGISTER',
      'Contact: <sip:+19725552222@gw1.example.net;unknownparam>',
      'l: 0',
    ],
  ],
  [
    'regescrt',
    200,
    ['<sip:user@example.com?Route=%3Csip:sip.example.com%3E>;expires=3600'],
    [
      'REGISTER sip:example.com SIP/2.0',
      'To: sip:user@example.com',
      'From: sip:user@example.com;tag=8',
      'Max-Forwards: 70',
      'Call-ID: regescrt.k345asrl3fdbv@192.0.2.1',
      'CSeq: 14398234 REGISTER',
      'Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bKkdjuw',
      'M: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>',
      'L:0',
    ],
  ],
  [
    'regbadct',
    400,
    [],
    [
      'REGISTER sip:example.com SIP/2.0',
      'To: sip:user@example.com',
      'From: sip:user@example.com;tag=998332',
      'Max-Forwards: 70',
      'Call-ID: regbadct.k345asrl3fdbv@10.0.0.1',
      'CSeq: 1 REGISTER',
      'Via: SIP/2.0/UDP 135.180.130.133:5060;branch=z9hG4bKkdjuw',
      'Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E',
      'l: 0',
    ],
  ],
];

for (const [name, status, contacts, lines] of torture) {
  test(`RFC 4475 ${name}`, () => {
    const { outcome } = save(lines);

    assert.equal(outcome.status, status);
    const date = status === 200 ? [['Date', 'Thu, 01 Jan 2026 00:00:00 GMT']] : [];
    assert.deepEqual(outcome.headers, [...contacts.map((contact) => ['Contact', contact]), ...date]);
  });
}

test('headers of a contact URI come back to who looks it up, and are no path', () => {
  const regescrt = torture.find(([name]) => name === 'regescrt')?.[3] ?? [];

  const [contact] = save(regescrt).location.lookup('user@example.com');

  assert.equal(contact?.uri.headers, 'Route=%3Csip:sip.example.com%3E');
  assert.equal(contact.path, undefined);
});
