import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Presented } from './challenge.ts';
import { digestAttributes, type RadiusDialect, STERMAN_OCTETS_MAX } from './radius-digest.ts';
import { VALUE_OCTETS_MAX } from './radius-packet.ts';

function presented(given: Partial<Presented['given']> = {}): Presented {
  return {
    given: {
      username: 'alice',
      realm: 'example.com',
      nonce: 'n',
      uri: 'sip:example.com',
      response: 'r',
      algorithm: 'MD5',
      cnonce: 'c',
      nc: '00000001',
      qop: 'auth',
      opaque: undefined,
      ...given,
    },
    algorithm: 'MD5',
    realm: 'example.com',
    kind: 'www',
    source: '',
    state: 'fresh',
  };
}

function told(
  dialect: RadiusDialect,
  given: Partial<Presented['given']> = {},
): readonly string[] | undefined {
  return digestAttributes(presented(given), 'REGISTER', dialect)?.map(
    ({ type, value }) => `${type} ${Buffer.from(value).toString('latin1')}`,
  );
}

test('in the dialect of draft-sterman the values stand within Digest-Attributes', () => {
  assert.deepEqual(told('sterman'), [
    '1 alice@example.com',
    '207 \x0a\x07alice',
    '207 \x01\x0dexample.com',
    '207 \x02\x03n',
    '207 \x03\x0aREGISTER',
    '207 \x04\x11sip:example.com',
    '207 \x05\x06auth',
    '207 \x06\x05MD5',
    '207 \x08\x03c',
    '207 \x09\x0a00000001',
    '206 r',
  ]);
});

test('in that of RFC 5090 each has an attribute, and the address-of-record too', () => {
  assert.deepEqual(told('rfc5090'), [
    '1 alice@example.com',
    '115 alice',
    '104 example.com',
    '105 n',
    '108 REGISTER',
    '109 sip:example.com',
    '110 auth',
    '111 MD5',
    '113 c',
    '114 00000001',
    '103 r',
    '122 sip:alice@example.com',
  ]);
});

test('who gives his domain is not given it twice', () => {
  assert.equal(told('sterman', { username: 'alice@example.com' })?.[0], '1 alice@example.com');
});

const uriOf = (length: number): { uri: string } => ({ uri: 'x'.repeat(length) });
const nameOf = (length: number): { username: string } => ({
  username: `${'x'.repeat(length - 12)}@example.com`,
});

const LIMITS: readonly (readonly [
  what: string,
  RadiusDialect,
  given: Partial<Presented['given']>,
  fits: boolean,
])[] = [
  ['a URI of 251 octets', 'sterman', uriOf(STERMAN_OCTETS_MAX), true],
  ['a URI of 252 octets', 'sterman', uriOf(STERMAN_OCTETS_MAX + 1), false],
  ['a URI of 253 octets', 'rfc5090', uriOf(VALUE_OCTETS_MAX), true],
  ['a URI of 254 octets', 'rfc5090', uriOf(VALUE_OCTETS_MAX + 1), false],
  ['a name of 251 octets', 'sterman', nameOf(STERMAN_OCTETS_MAX), true],
  ['a name of 252 octets', 'sterman', nameOf(STERMAN_OCTETS_MAX + 1), false],
  ['a name of 253 octets', 'rfc5090', nameOf(VALUE_OCTETS_MAX), true],
  ['a name that is too long with its domain', 'rfc5090', { username: 'x'.repeat(242) }, false],
  ['a response of 253 octets', 'sterman', { response: 'x'.repeat(VALUE_OCTETS_MAX) }, true],
  ['a response of 254 octets', 'sterman', { response: 'x'.repeat(VALUE_OCTETS_MAX + 1) }, false],
  ['no response', 'sterman', { response: '' }, false],
  ['no name', 'rfc5090', { username: '' }, false],
];

for (const [what, dialect, given, fits] of LIMITS) {
  test(`${what} ${fits ? 'fits' : 'does not fit'}: ${dialect}`, () => {
    assert.equal(told(dialect, given) !== undefined, fits);
  });
}
