import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimRandom } from '../testing/sim-random.ts';
import {
  encodeAccessRequest,
  encodeAccountingRequest,
  encodeAnswer,
  isAccountingRequest,
  isAnswerTo,
  isMarkedRequest,
  numberAttribute,
  PACKET_OCTETS_MAX,
  parseRadius,
  RADIUS_CODES,
  type RadiusPacket,
  textAttribute,
  VALUE_OCTETS_MAX,
} from './radius-packet.ts';

const SECRET = 'xyzzy5461';
const AUTHENTICATOR = Buffer.from('0f403f9473978057bd83d5cb98f4227a', 'hex');

function parsed(octets: Buffer): RadiusPacket {
  const packet = parseRadius(octets);
  assert.ok(packet);
  return packet;
}

/** A packet with this Length, of so many octets, all of its attributes of two octets. */
function sized(length: number, octets = length): Buffer {
  const packet = Buffer.alloc(octets);
  packet[0] = RADIUS_CODES.accessAccept;
  packet.writeUInt16BE(length, 2);
  for (let at = 20; at + 1 < octets; at += 2) packet.set([26, 2], at);
  return packet;
}

test('the answer of RFC 2865 §7.1 belongs to its request, but carries no Message-Authenticator', () => {
  const accept = Buffer.from(
    '0200002686fe220e7624ba2a1005f6bf9b55e0b2060600000001' + '0f06000000000e06c0a80103',
    'hex',
  );
  const answer = parsed(accept);

  assert.deepEqual(
    answer.attributes.map(({ type }) => type),
    [6, 15, 14],
  );
  assert.equal(isAnswerTo(answer, AUTHENTICATOR, SECRET), false);
});

test('an Access-Request begins with its Message-Authenticator', () => {
  const request = parsed(encodeAccessRequest(7, AUTHENTICATOR, [textAttribute(1, 'alice')], SECRET));

  assert.deepEqual([request.code, request.id], [1, 7]);
  assert.deepEqual(
    request.attributes.map(({ type }) => type),
    [80, 1],
  );
  assert.ok(isMarkedRequest(request, SECRET));
  assert.equal(isMarkedRequest(request, 'another'), false);
});

test('an Accounting-Request is a hash over itself', () => {
  const octets = encodeAccountingRequest(9, [numberAttribute(40, 1)], SECRET);

  assert.ok(isAccountingRequest(parsed(octets), SECRET));
  octets[25]! ^= 1;
  assert.equal(isAccountingRequest(parsed(octets), SECRET), false);
});

for (const code of [RADIUS_CODES.accessAccept, RADIUS_CODES.accessReject, RADIUS_CODES.accountingResponse]) {
  test(`an answer ${code} counts, and does not when any one of its bits is another`, () => {
    const octets = encodeAnswer(
      code,
      { id: 7, authenticator: AUTHENTICATOR },
      [textAttribute(18, 'hi')],
      SECRET,
    );

    assert.ok(isAnswerTo(parsed(octets), AUTHENTICATOR, SECRET));
    assert.equal(isAnswerTo(parsed(octets), Buffer.alloc(16), SECRET), false);
    for (let bit = 0; bit < octets.length * 8; bit++) {
      const other = Buffer.from(octets);
      other[bit >> 3]! ^= 1 << (bit & 7);
      const packet = parseRadius(other);
      assert.ok(packet === undefined || !isAnswerTo(packet, AUTHENTICATOR, SECRET), `bit ${bit}`);
    }
  });
}

test('an Access-Reject that a man in the middle makes an Access-Accept counts for nothing', () => {
  const request = { id: 7, authenticator: AUTHENTICATOR };
  const reject = encodeAnswer(RADIUS_CODES.accessReject, request, [], SECRET);
  const accept = encodeAnswer(RADIUS_CODES.accessAccept, request, [], SECRET);

  reject[0] = RADIUS_CODES.accessAccept;
  // The collision of CVE-2024-3596 gives the Response Authenticator, and no Message-Authenticator.
  accept.copy(reject, 4, 4, 20);

  assert.equal(isAnswerTo(parsed(reject), AUTHENTICATOR, SECRET), false);
});

const MALFORMED: readonly (readonly [what: string, octets: Buffer])[] = [
  ['nothing', Buffer.alloc(0)],
  ['less than a head', Buffer.alloc(19)],
  ['a length of less than a head', sized(19, 20)],
  ['a length of more than came', sized(30, 28)],
  [`a length of more than ${PACKET_OCTETS_MAX}`, sized(PACKET_OCTETS_MAX + 2)],
  ['an attribute of length 0', Buffer.concat([sized(22, 20), Buffer.from([1, 0])])],
  ['an attribute of length 1', Buffer.concat([sized(22, 20), Buffer.from([1, 1])])],
  ['an attribute that ends behind the packet', Buffer.concat([sized(23, 20), Buffer.from([1, 4, 0])])],
  ['an attribute of one octet', Buffer.concat([sized(21, 20), Buffer.from([1])])],
];

for (const [what, octets] of MALFORMED) {
  test(`${what} is no packet`, () => assert.equal(parseRadius(octets), undefined));
}

test('a packet may have 4096 octets, and padding behind it', () => {
  assert.equal(parseRadius(sized(PACKET_OCTETS_MAX))?.attributes.length, (PACKET_OCTETS_MAX - 20) / 2);
  assert.equal(parseRadius(sized(22, 30))?.attributes.length, 1);
});

test('a value may have 253 octets, and not one more', () => {
  const octets = encodeAccountingRequest(0, [textAttribute(1, 'x'.repeat(VALUE_OCTETS_MAX))], SECRET);

  assert.equal(parsed(octets).attributes[0]?.value.length, VALUE_OCTETS_MAX);
  assert.throws(() =>
    encodeAccountingRequest(0, [textAttribute(1, 'x'.repeat(VALUE_OCTETS_MAX + 1))], SECRET),
  );
});

test('whatever octets come, they are a packet of their length or none, and never an answer', () => {
  const random = new SimRandom(7, 'octets');
  const good = encodeAnswer(2, { id: 1, authenticator: AUTHENTICATOR }, [textAttribute(18, 'hello')], SECRET);

  for (let round = 0; round < 3000; round++) {
    const isMade = random.below(2) === 0;
    const octets = isMade ? Buffer.from(random.bytes(random.below(80))) : Buffer.from(good);
    if (isMade && octets.length > 3) octets.writeUInt16BE(random.below(octets.length + 3), 2);
    const changes = isMade ? 0 : 1 + random.below(3);
    for (let i = 0; i < changes; i++) octets[random.below(octets.length)] = random.below(256);
    const packet = parseRadius(octets.subarray(0, octets.length - random.below(2)));
    if (packet === undefined) continue;
    const length = packet.attributes.reduce((sum, { value }) => sum + value.length + 2, 20);
    assert.equal(packet.octets.length, length);
    assert.equal(isAnswerTo(packet, AUTHENTICATOR, SECRET), octets.equals(good));
  }
});
