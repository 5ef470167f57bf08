import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { parseMessage } from '../sip/parse.ts';
import type { SipRequest } from '../sip/message.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { Location } from './location.ts';
import type { RegisterOutcome } from './registrar.ts';

const limits = { minExpires: 60, maxExpires: 7200, defaultExpires: 3600, maxContacts: 3 };
const source = { transport: 'udp', remote: new Endpoint('192.0.2.7', 5060) } as const;

function registrar(): { clock: SimClock; location: Location } {
  const clock = new SimClock();
  const settings = { ...limits, durable: false, bindingsMax: 100 };
  return { clock, location: new Location({ clock, random: new SimRandom(1), settings }) };
}

function registerText(
  lines: readonly string[],
  cseq = 1,
  callId = 'a84b4c76e66710',
  to = '<sip:bob@example.com>',
): string {
  const usual = [
    'REGISTER sip:example.com SIP/2.0',
    'Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKnashds7',
    'From: <sip:bob@example.com>;tag=456248',
    `To: ${to}`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} REGISTER`,
  ];
  return [...usual, ...lines, 'Content-Length: 0', '', ''].join('\r\n');
}

function request(text: string): SipRequest {
  const message = parseMessage(text);
  assert.equal(message.kind, 'request');
  return message as SipRequest;
}

function save(
  location: Location,
  lines: readonly string[],
  cseq = 1,
  callId?: string,
  to?: string,
): RegisterOutcome {
  return location.save(request(registerText(lines, cseq, callId, to)), source) as RegisterOutcome;
}

function contactsIn(outcome: RegisterOutcome): string[] {
  return outcome.headers
    .filter(([name]) => name === 'Contact')
    .map(([, value]) => value)
    .sort();
}

function expectStatus(outcome: RegisterOutcome, status: number): void {
  assert.equal(outcome.status, status, `answered ${outcome.status} ${outcome.reason ?? ''}`);
}

const A = '<sip:bob@192.0.2.7:5060>';
const B = '<sip:bob@192.0.2.8:5060>';

// RFC 3261 §10.3: what stands registered first, what is asked, what is answered.
const table: readonly [name: string, first: string[], asked: string[], status: number, contacts: string[]][] =
  [
    ['a query lists the bindings', [`Contact: ${A}`], [], 200, [`${A};expires=3600`]],
    ['a query of nobody is answered without Contact', [], [], 200, []],
    ['one contact gets the default expiry', [], [`Contact: ${A}`], 200, [`${A};expires=3600`]],
    ['the Expires field counts', [], [`Contact: ${A}`, 'Expires: 120'], 200, [`${A};expires=120`]],
    [
      'expires of the contact counts before it',
      [],
      [`Contact: ${A};expires=90`, 'Expires: 120'],
      200,
      [`${A};expires=90`],
    ],
    ['the longest expiry is ours', [], [`Contact: ${A};expires=86400`], 200, [`${A};expires=7200`]],
    [
      'an expiry beyond 32 bits is the longest',
      [],
      [`Contact: ${A};expires=99999999999999999999`],
      200,
      [`${A};expires=7200`],
    ],
    ['a malformed expires means an hour', [], [`Contact: ${A};expires=soon`], 200, [`${A};expires=3600`]],
    ['a negative expires means an hour', [], [`Contact: ${A};expires=-1`], 200, [`${A};expires=3600`]],
    [
      'a malformed Expires means an hour',
      [],
      [`Contact: ${A}`, 'Expires: never'],
      200,
      [`${A};expires=3600`],
    ],
    ['just at the least expiry', [], [`Contact: ${A};expires=60`], 200, [`${A};expires=60`]],
    ['just below the least expiry', [], [`Contact: ${A};expires=59`], 423, []],
    ['too brief beside one that is not', [], [`Contact: ${A}, ${B};expires=1`], 423, []],
    [
      'a comma list and a second line',
      [],
      [`Contact: ${A};q=0.5, ${B}`, 'm: <sip:bob@h.example.com>'],
      200,
      [
        '<sip:bob@192.0.2.7:5060>;q=0.5;expires=3600',
        `${B};expires=3600`,
        '<sip:bob@h.example.com>;expires=3600',
      ],
    ],
    [
      'a display name is dropped',
      [],
      ['Contact: "Bob, \\"<x>" <sip:bob@192.0.2.7:5060>'],
      200,
      [`${A};expires=3600`],
    ],
    [
      'parameters without brackets are the header’s',
      [],
      ['Contact: sip:bob@192.0.2.7:5060;expires=70'],
      200,
      [`${A};expires=70`],
    ],
    [
      'a folded Contact',
      [],
      ['Contact:\r\n <sip:bob@192.0.2.7:5060>\r\n ;expires=70'],
      200,
      [`${A};expires=70`],
    ],
    ['expires 0 removes', [`Contact: ${A}, ${B}`], [`Contact: ${A};expires=0`], 200, [`${B};expires=3600`]],
    [
      'expires 0 of a stranger is no error',
      [`Contact: ${A}`],
      [`Contact: ${B};expires=0`],
      200,
      [`${A};expires=3600`],
    ],
    [
      'Expires 0 removes all that are named',
      [`Contact: ${A}, ${B}`],
      [`Contact: ${A}, ${B}`, 'Expires: 0'],
      200,
      [],
    ],
    ['the star removes all', [`Contact: ${A}, ${B}`], ['Contact: *', 'Expires: 0'], 200, []],
    ['the star without Expires', [`Contact: ${A}`], ['Contact: *'], 400, []],
    ['the star with another Expires', [`Contact: ${A}`], ['Contact: *', 'Expires: 1'], 400, []],
    ['the star beside a contact', [], ['Contact: *', `Contact: ${A}`, 'Expires: 0'], 400, []],
    ['the star in a list', [`Contact: ${A}`], [`Contact: *, ${B}`, 'Expires: 0'], 400, []],
    ['the star with expires of its own', [`Contact: ${A}`], ['Contact: *;expires=0'], 400, []],
    ['the star in brackets', [`Contact: ${A}`], ['Contact: <*>', 'Expires: 0'], 400, []],
    ['the star with an Expires that is no number', [`Contact: ${A}`], ['Contact: *', 'Expires: -1'], 400, []],
    ['the star twice', [], ['Contact: *', 'Contact: *', 'Expires: 0'], 400, []],
    ['the star in a list', [], [`Contact: ${A}, *`, 'Expires: 0'], 400, []],
    [
      'an equal URI in other words is the same binding',
      ['Contact: <sip:b%6Fb@H.example.com>'],
      ['Contact: <sip:bob@h.example.com;x=1>'],
      200,
      ['<sip:bob@h.example.com;x=1>;expires=3600'],
    ],
    [
      'another transport is another binding',
      [`Contact: ${A}`],
      ['Contact: <sip:bob@192.0.2.7:5060;transport=tcp>'],
      200,
      [`${A};expires=3600`, '<sip:bob@192.0.2.7:5060;transport=tcp>;expires=3600'],
    ],
    [
      'one URI twice: the later counts',
      [],
      [`Contact: ${A};expires=90, ${A};expires=80`],
      200,
      [`${A};expires=80`],
    ],
    ['added and removed at once is not added', [], [`Contact: ${A};expires=90, ${A};expires=0`], 200, []],
    [
      'as many contacts as allowed',
      [],
      [`Contact: ${A}, ${B}, <sip:c@h>`],
      200,
      [`${A};expires=3600`, `${B};expires=3600`, '<sip:c@h>;expires=3600'],
    ],
    ['one contact too many', [], [`Contact: ${A}, ${B}, <sip:c@h>, <sip:d@h>`], 403, []],
    [
      'a full AOR may swap',
      [`Contact: ${A}, ${B}, <sip:c@h>`],
      [`Contact: ${A};expires=0, <sip:d@h>, ${B};expires=0`],
      200,
      ['<sip:c@h>;expires=3600', '<sip:d@h>;expires=3600'],
    ],
    ['q of three decimals', [], [`Contact: ${A};q=0.125`], 200, [`${A};q=0.125;expires=3600`]],
    ['q above 1', [], [`Contact: ${A};q=1.1`], 400, []],
    ['q that is no number', [], [`Contact: ${A};q=high`], 400, []],
    ['a bracket that does not close', [], ['Contact: <sip:bob@192.0.2.7'], 400, []],
    [
      'a URI of another scheme is kept',
      [],
      [`Contact: ${A}, <mailto:bob@example.com>;q=0.1`],
      200,
      [`${A};expires=3600`, '<mailto:bob@example.com>;q=0.1;expires=3600'],
    ],
    [
      'a URI of another scheme is known by its text',
      ['Contact: <mailto:bob@example.com>, <mailto:Bob@example.com>'],
      ['Contact: <mailto:bob@example.com>;expires=0'],
      200,
      ['<mailto:Bob@example.com>;expires=3600'],
    ],
    ['a URI without a scheme', [], ['Contact: <bob@example.com>'], 400, []],
    ['a URI that is a scheme alone', [], ['Contact: <mailto:>'], 400, []],
    ['a URI of another scheme with a blank', [], ['Contact: <mailto:bob @example.com>'], 400, []],
    ['a URI of another scheme with a broken escape', [], ['Contact: <mailto:bob%4@example.com>'], 400, []],
    ['text behind the parameters', [], [`Contact: ${A} x`], 400, []],
    [
      'the Path comes back',
      [],
      [`Contact: ${A}`, 'Path: <sip:p1.example.com;lr>'],
      200,
      [`${A};expires=3600`],
    ],
  ];

for (const [name, first, asked, status, contacts] of table) {
  test(`REGISTER: ${name}`, () => {
    const { location } = registrar();
    if (first.length > 0) assert.equal(save(location, first).status, 200);
    const before = location.lookup('bob@example.com');

    const outcome = save(location, asked, 2);

    expectStatus(outcome, status);
    if (status === 200) assert.deepEqual(contactsIn(outcome), [...contacts].sort());
    else assert.deepEqual(location.lookup('bob@example.com'), before);
  });
}

test('423 says the least expiry', () => {
  const { location } = registrar();

  const outcome = save(location, [`Contact: ${A}`, 'Expires: 30']);

  assert.deepEqual(outcome.headers, [['Min-Expires', '60']]);
});

// RFC 3261 §10.3 steps 6 and 7: Call-ID and CSeq put the updates of one phone in order.
const order: readonly [name: string, callId: string, cseq: number, lines: string[], status: number][] = [
  ['a higher CSeq updates', 'first', 6, [`Contact: ${A}`], 200],
  ['an equal CSeq is the same request again', 'first', 5, [`Contact: ${A}`], 200],
  ['a lower CSeq is refused', 'first', 4, [`Contact: ${A}`], 500],
  ['a lower CSeq of another Call-ID updates', 'other', 1, [`Contact: ${A}`], 200],
  ['a late removal is refused', 'first', 4, [`Contact: ${A};expires=0`], 500],
  ['a late star is refused', 'first', 4, ['Contact: *', 'Expires: 0'], 500],
  ['a star of another Call-ID removes', 'other', 1, ['Contact: *', 'Expires: 0'], 200],
  ['one that is late spoils the new one too', 'first', 4, ['Contact: <sip:new@h>', `Contact: ${A}`], 500],
  ['a new contact needs no higher CSeq', 'first', 5, ['Contact: <sip:new@h>'], 200],
  ['a query needs no higher CSeq', 'first', 1, [], 200],
];

for (const [name, callId, cseq, lines, status] of order) {
  test(`order of updates: ${name}`, () => {
    const { location } = registrar();
    save(location, [`Contact: ${A}`], 5, 'first');

    const outcome = save(location, lines, cseq, callId);

    expectStatus(outcome, status);
    if (status !== 200)
      assert.deepEqual(
        location.lookup('bob@example.com').map((c) => c.cseq),
        [5],
      );
  });
}

test('a binding whose time is over asks for no order and takes no place', async () => {
  const { clock, location } = registrar();
  await clock.run(500);
  save(location, [`Contact: ${A}, ${B}, <sip:c@h>`, 'Expires: 60'], 9);
  await clock.run(60_000);
  assert.equal(location.count, 3, 'no sweep has come yet');

  assert.equal(save(location, [`Contact: ${A}`, 'Contact: <sip:d@h>'], 2).status, 200);
  assert.equal(location.lookup('bob@example.com').length, 2);
});

// Security: every spelling of an AOR is one AOR, and To alone says which.
const spellings: readonly [to: string, aor: string][] = [
  ['<sip:bob@EXAMPLE.com>', 'bob@example.com'],
  ['sip:bob@example.com;tag=1', 'bob@example.com'],
  ['"x" <sip:%62ob@example.com;user=phone>', 'bob@example.com'],
  ['<sips:bob@example.com:5061;transport=tcp>', 'bob@example.com'],
  ['<sip:Bob@example.com>', 'Bob@example.com'],
  ['<sip:bob%00@example.com>', 'bob%00@example.com'],
  ['<sip:example.com>', 'example.com'],
  ['sip:%75se%72@example.com', 'user@example.com'], // RFC 4475 §3.1.1.3 esc01
];

for (const [to, aor] of spellings) {
  test(`To ${to} registers ${aor}`, () => {
    const { location } = registrar();

    const asked: string[] = [];
    const register = request(registerText([`Contact: ${A}`], 1, 'x', to));
    const outcome = location.save(register, source, (name) => asked.push(name) > 0) as RegisterOutcome;

    expectStatus(outcome, 200);
    assert.deepEqual(asked, [aor]);
    assert.equal(location.lookup(aor).length, 1);
  });
}

test('To that names two is refused', () => {
  const { location } = registrar();
  const twice = [
    '<sip:bob@example.com>, <sip:alice@example.com>',
    '<sip:a@h>\r\nTo: <sip:b@h>',
    '<sip:a@h> <sip:b@h>',
  ];

  for (const to of twice) assert.equal(save(location, [`Contact: ${A}`], 1, 'x', to).status, 400);
  assert.equal(location.count, 0);
});

test('who may not register an address-of-record changes nothing', () => {
  const { location } = registrar();

  const outcome = location.save(
    request(registerText([`Contact: ${A}`])),
    source,
    () => false,
  ) as RegisterOutcome;

  assert.equal(outcome.status, 403);
  assert.equal(location.count, 0);
});

// Each limit at its edge and one beyond.
const lengths: readonly [
  name: string,
  most: number,
  ask: (fill: string) => [lines: string[], callId?: string, to?: string],
][] = [
  ['Contact', 512 - 6, (fill) => [[`Contact: <sip:${fill}@h>`]]],
  ['Contact parameters', 1024 - 1, (fill) => [[`Contact: ${A};${fill}`]]],
  ['Call-ID', 255, (fill) => [[`Contact: ${A}`], fill]],
  ['Path', 1024 - 8, (fill) => [[`Contact: ${A}`, `Path: <sip:${fill}@h>`]]],
  ['user', 64, (fill) => [[`Contact: ${A}`], 'x', `<sip:${fill}@example.com>`]],
];

for (const [name, most, ask] of lengths) {
  test(`the longest ${name} is taken, a longer one refused`, () => {
    const { location } = registrar();
    const [lines, callId, to] = ask('x'.repeat(most));
    const [more, longCallId, longTo] = ask('x'.repeat(most + 1));

    assert.equal(save(location, lines, 1, callId, to).status, 200);
    assert.ok(save(location, more, 2, longCallId, longTo).status >= 400);
    assert.equal(location.count, 1);
  });
}

test('a binding of the greatest lengths fits the table', () => {
  const { location } = registrar();
  const fill = (length: number): string => 'x'.repeat(length);
  const lines = [
    `Contact: <sip:${fill(506)}@h>;${fill(1023)}`,
    `Path: <sip:${fill(1016)}@h>`,
    `User-Agent: ${fill(300)}`,
  ];

  assert.equal(save(location, lines, 1, fill(255), `<sip:${fill(64)}@${fill(60)}.com>`).status, 200);
});

test('contacts without end are refused before anything is compared', () => {
  const { location } = registrar();
  const many = Array.from({ length: 101 }, (_, i) => `<sip:u${i}@h>;expires=0`).join(',');

  assert.equal(save(location, [`Contact: ${many}`]).status, 403);
});

test('a Contact with every prefix of its text is answered, never thrown at', () => {
  const { location } = registrar();
  const contact =
    '"B\\"ob" <sip:bob@192.0.2.7:5060;transport=tcp?Route=%3Csip:h%3E> ; q=0.5;+x="a,b;c" , sip:c@h;expires=70';

  for (let end = 1; end <= contact.length; end++) {
    const { status } = save(location, [`Contact: ${contact.substring(0, end)}`], end + 1, `prefix-${end}`);
    assert.ok([200, 400, 403, 423].includes(status));
  }
});
