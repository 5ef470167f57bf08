/**
 * Packets of RADIUS, in both directions. RFC 2865 §3, RFC 2866 §3, RFC 3579 §3.2
 *
 *     0         1         2                   4                               20
 *     ├─────────┼─────────┼───────────────────┼───────────────────────────────┼──────────────────
 *     │  code   │   id    │      length       │         authenticator         │ attributes …
 *     └─────────┴─────────┴───────────────────┴───────────────────────────────┴──────────────────
 *                                              an attribute:  type │ length │ value of length - 2
 *
 * Every Access-Request carries a Message-Authenticator, and no answer to one counts that has none: without it whoever
 * stands in the middle makes an Access-Accept of an Access-Reject (CVE-2024-3596, "Blast-RADIUS").
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { assert } from '../base/assert.ts';

/** What a packet says. RFC 2865 §3 */
export const RADIUS_CODES = {
  accessRequest: 1,
  accessAccept: 2,
  accessReject: 3,
  accountingRequest: 4,
  accountingResponse: 5,
  accessChallenge: 11,
} as const;

/** Attributes of which packets of ours are made. RFC 2865 §5, RFC 2866 §5, RFC 2869 §5 */
export const RADIUS_ATTRIBUTES = {
  userName: 1,
  calledStationId: 30,
  callingStationId: 31,
  nasIdentifier: 32,
  acctStatusType: 40,
  acctDelayTime: 41,
  acctSessionId: 44,
  acctSessionTime: 46,
  acctTerminateCause: 49,
  acctMultiSessionId: 50,
  eventTimestamp: 55,
  messageAuthenticator: 80,
} as const;

/** One attribute. */
export interface RadiusAttribute {
  readonly type: number;
  readonly value: Uint8Array;
}

/** A packet as it came. */
export interface RadiusPacket {
  readonly code: number;
  readonly id: number;
  readonly authenticator: Uint8Array;
  readonly attributes: readonly RadiusAttribute[];
  /** Its own octets; what a datagram holds beyond them is padding. */
  readonly octets: Uint8Array;
}

/** RFC 2865 §3 */
export const PACKET_OCTETS_MAX = 4096;
/** RFC 2865 §5 */
export const VALUE_OCTETS_MAX = 253;
/** The random octets of an Access-Request, and the hash in the same place of all other packets. */
export const AUTHENTICATOR_OCTETS = 16;

const HEAD_OCTETS = 20;
const AUTHENTICATOR_AT = 4;
const NOTHING = Buffer.alloc(AUTHENTICATOR_OCTETS);

/** A text attribute, of a text with one character a byte. */
export function textAttribute(type: number, text: string): RadiusAttribute {
  return { type, value: Buffer.from(text, 'latin1') };
}

/** An attribute of four octets. */
export function numberAttribute(type: number, value: number): RadiusAttribute {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value >>> 0);
  return { type, value: octets };
}

/** RFC 2865 §4.1. The Message-Authenticator stands first, so that nobody can prefix a collision. */
export function encodeAccessRequest(
  id: number,
  authenticator: Uint8Array,
  attributes: readonly RadiusAttribute[],
  secret: string,
): Buffer {
  const mark = { type: RADIUS_ATTRIBUTES.messageAuthenticator, value: NOTHING };
  const packet = encode(RADIUS_CODES.accessRequest, id, authenticator, [mark, ...attributes]);
  messageAuthenticator(packet, secret).copy(packet, HEAD_OCTETS + 2);
  return packet;
}

/** RFC 2866 §3: its authenticator is a hash over all of it. */
export function encodeAccountingRequest(
  id: number,
  attributes: readonly RadiusAttribute[],
  secret: string,
): Buffer {
  const packet = encode(RADIUS_CODES.accountingRequest, id, NOTHING, attributes);
  hashOf(packet, secret).copy(packet, AUTHENTICATOR_AT);
  return packet;
}

/** What a server answers to a request with this authenticator. RFC 2865 §3, RFC 3579 §3.2 */
export function encodeAnswer(
  code: number,
  request: Pick<RadiusPacket, 'id' | 'authenticator'>,
  attributes: readonly RadiusAttribute[],
  secret: string,
): Buffer {
  const mark = { type: RADIUS_ATTRIBUTES.messageAuthenticator, value: NOTHING };
  const packet = encode(code, request.id, request.authenticator, [mark, ...attributes]);
  messageAuthenticator(packet, secret).copy(packet, HEAD_OCTETS + 2);
  hashOf(packet, secret).copy(packet, AUTHENTICATOR_AT);
  return packet;
}

/** Undefined when the octets are no packet; RFC 2865 §3 has such dropped in silence. */
export function parseRadius(octets: Buffer): RadiusPacket | undefined {
  if (octets.length < HEAD_OCTETS) return undefined;
  const length = octets.readUInt16BE(2);
  if (length < HEAD_OCTETS || length > PACKET_OCTETS_MAX || length > octets.length) return undefined;
  const attributes: RadiusAttribute[] = [];
  for (let at = HEAD_OCTETS; at < length;) {
    const size = at + 1 < length ? octets[at + 1]! : 0;
    if (size < 2 || at + size > length) return undefined;
    attributes.push({ type: octets[at]!, value: octets.subarray(at + 2, at + size) });
    at += size;
  }
  const authenticator = octets.subarray(AUTHENTICATOR_AT, HEAD_OCTETS);
  return { code: octets[0]!, id: octets[1]!, authenticator, attributes, octets: octets.subarray(0, length) };
}

/** Whether an answer comes from who has the secret, and belongs to the request with this authenticator. */
export function isAnswerTo(answer: RadiusPacket, requestAuthenticator: Uint8Array, secret: string): boolean {
  const copy = Buffer.from(answer.octets);
  copy.set(requestAuthenticator, AUTHENTICATOR_AT);
  if (!timingSafeEqual(hashOf(copy, secret), answer.authenticator)) return false;
  const at = markAt(answer);
  // Accounting-Response may come without one: RFC 2869 §5.14 names Access packets alone.
  if (at < 0) return answer.code === RADIUS_CODES.accountingResponse && at !== MARK_TWICE;
  return isMarked(copy, at, secret);
}

/** Whether an Access-Request carries the one Message-Authenticator that its sender could make with the secret. */
export function isMarkedRequest(request: RadiusPacket, secret: string): boolean {
  const at = markAt(request);
  return at >= 0 && isMarked(Buffer.from(request.octets), at, secret);
}

/** Whether an Accounting-Request was made with the secret. RFC 2866 §3 */
export function isAccountingRequest(request: RadiusPacket, secret: string): boolean {
  const copy = Buffer.from(request.octets);
  copy.set(NOTHING, AUTHENTICATOR_AT);
  return timingSafeEqual(hashOf(copy, secret), request.authenticator);
}

const MARK_TWICE = -2;

/** Where the value of the Message-Authenticator stands; negative when there is none, or not exactly one. */
function markAt({ attributes }: RadiusPacket): number {
  let found = -1;
  let at = HEAD_OCTETS;
  for (const { type, value } of attributes) {
    if (type === RADIUS_ATTRIBUTES.messageAuthenticator) {
      if (found !== -1 || value.length !== AUTHENTICATOR_OCTETS) return MARK_TWICE;
      found = at + 2;
    }
    at += value.length + 2;
  }
  return found;
}

/** `packet` has the authenticator of the request in its head, and is changed. */
function isMarked(packet: Buffer, at: number, secret: string): boolean {
  const mark = Buffer.from(packet.subarray(at, at + AUTHENTICATOR_OCTETS));
  packet.fill(0, at, at + AUTHENTICATOR_OCTETS);
  return timingSafeEqual(messageAuthenticator(packet, secret), mark);
}

function encode(
  code: number,
  id: number,
  authenticator: Uint8Array,
  attributes: readonly RadiusAttribute[],
): Buffer {
  const length = attributes.reduce((sum, { value }) => sum + value.length + 2, HEAD_OCTETS);
  assert(length <= PACKET_OCTETS_MAX, 'a RADIUS packet of at most 4096 octets');
  const packet = Buffer.alloc(length);
  packet[0] = code;
  packet[1] = id;
  packet.writeUInt16BE(length, 2);
  packet.set(authenticator, AUTHENTICATOR_AT);
  let at = HEAD_OCTETS;
  for (const { type, value } of attributes) {
    assert(value.length > 0 && value.length <= VALUE_OCTETS_MAX, 'a RADIUS value of 1 to 253 octets');
    packet[at] = type;
    packet[at + 1] = value.length + 2;
    packet.set(value, at + 2);
    at += value.length + 2;
  }
  return packet;
}

function hashOf(packet: Buffer, secret: string): Buffer {
  return createHash('md5').update(packet).update(secret).digest();
}

function messageAuthenticator(packet: Buffer, secret: string): Buffer {
  return createHmac('md5', secret).update(packet).digest();
}
