/**
 * The keep-alive of a phone behind a NAT over UDP: a STUN binding request, answered with the address it came from.
 * RFC 5626 §3.5.2, RFC 8489
 *
 *    0                   1                   2                   3
 *   │0 0│ message type, 14 bits │ length of what follows, 16 bits   │
 *   │ magic cookie 0x2112A442                                       │
 *   │ transaction id, 96 bits                                       │
 *   │ attribute: type, 16 bits  │ length, 16 bits │ value, padded to 32 bits …
 */
import { addressWords, mappedIp4 } from '../base/network.ts';
import type { Endpoint } from '../base/endpoint.ts';

const HEADER_BYTES = 20;
const COOKIE = '\x21\x12\xa4\x42';
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const BINDING_ERROR = 0x0111;
const XOR_MAPPED_ADDRESS = 0x0020;
const ERROR_CODE = 0x0009;
const UNKNOWN_ATTRIBUTES = 0x000a;
/** USERNAME, MESSAGE-INTEGRITY, REALM, NONCE: we ask nobody for them, and need not look at them. */
const IGNORED = new Set([0x0006, 0x0008, 0x0014, 0x0015]);
/** Attributes below must be understood, those above may be passed over. RFC 8489 §14 */
const OPTIONAL_FROM = 0x8000;
/** Named in an error, so that it stays small. */
const UNKNOWN_MAX = 4;

/** Whether a datagram may be STUN: a SIP message begins with a letter. RFC 5626 §8 */
export function mayBeStun(datagram: string): boolean {
  return datagram.charCodeAt(0) < 4;
}

/** The answer to a binding request from there; undefined when it is none, and gets no answer. Latin1 text. */
export function stunAnswer(datagram: string, from: Endpoint): string | undefined {
  if (datagram.length < HEADER_BYTES || !datagram.startsWith(COOKIE, 4)) return undefined;
  if (uint16(datagram, 0) !== BINDING_REQUEST) return undefined;
  if (uint16(datagram, 2) !== datagram.length - HEADER_BYTES) return undefined;
  const unknown = unknownAttributes(datagram);
  const id = datagram.substring(8, HEADER_BYTES);
  if (unknown === undefined) return undefined;
  if (unknown.length > 0) return message(BINDING_ERROR, id, refusal(unknown));
  const address = xorMappedAddress(from, id);
  return address === undefined ? undefined : message(BINDING_SUCCESS, id, address);
}

/** Undefined when the attributes do not fill the message. */
function unknownAttributes(datagram: string): readonly number[] | undefined {
  const unknown: number[] = [];
  let at = HEADER_BYTES;
  while (at + 4 <= datagram.length) {
    const type = uint16(datagram, at);
    if (type < OPTIONAL_FROM && !IGNORED.has(type) && unknown.length < UNKNOWN_MAX) unknown.push(type);
    at += 4 + padded(uint16(datagram, at + 2));
  }
  return at === datagram.length ? unknown : undefined;
}

/** 420 Unknown Attribute. RFC 8489 §14.8, §14.9 */
function refusal(unknown: readonly number[]): string {
  const types = unknown.map(print16).join('');
  return attribute(ERROR_CODE, '\0\0\x04\x14') + attribute(UNKNOWN_ATTRIBUTES, types);
}

/** Hidden from routers that rewrite whatever looks like their client's address. RFC 8489 §14.2 */
function xorMappedAddress(from: Endpoint, id: string): string | undefined {
  const words = addressWords(from.host);
  if (words === undefined) return undefined;
  const is4 = mappedIp4(words) !== undefined;
  const address = (is4 ? words.slice(3) : words).map(print32).join('');
  const head = `\0${is4 ? '\x01' : '\x02'}`;
  return attribute(XOR_MAPPED_ADDRESS, head + xor(print16(from.port), COOKIE) + xor(address, COOKIE + id));
}

function message(type: number, id: string, attributes: string): string {
  return print16(type) + print16(attributes.length) + COOKIE + id + attributes;
}

function attribute(type: number, value: string): string {
  return print16(type) + print16(value.length) + value + '\0'.repeat(padded(value.length) - value.length);
}

function padded(length: number): number {
  return (length + 3) & ~3;
}

function xor(text: string, key: string): string {
  let out = '';
  for (let i = 0; i < text.length; i++) out += String.fromCharCode(text.charCodeAt(i) ^ key.charCodeAt(i));
  return out;
}

function uint16(text: string, at: number): number {
  return (text.charCodeAt(at) << 8) | text.charCodeAt(at + 1);
}

function print16(value: number): string {
  return String.fromCharCode((value >> 8) & 255, value & 255);
}

function print32(value: number): string {
  return print16(value >>> 16) + print16(value & 0xffff);
}
