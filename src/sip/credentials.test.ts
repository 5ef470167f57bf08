import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SipError } from '../base/errors.ts';
import { parseCredentials, printChallenge } from './credentials.ts';
import { digestHa1, digestResponse } from './digest.ts';

const FULL =
  'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=SHA-256, ' +
  'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, ' +
  'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, ' +
  'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", opaque="o"';

// RFC 7616 §3.9.1
for (const [algorithm, response] of [
  ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
  ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
] as const) {
  test(`the example of RFC 7616 with ${algorithm}`, () => {
    const given = parseCredentials(FULL);
    assert.ok(given);

    const ha1 = digestHa1(algorithm, 'Mufasa', 'http-auth@example.org', 'Circle of Life');

    assert.equal(digestResponse(algorithm, ha1, 'GET', given), response);
  });
}

test('the example of RFC 2617 without qop', () => {
  const ha1 = digestHa1('MD5', 'Mufasa', 'testrealm@host.com', 'CircleOfLife');
  const parts = { nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c093', uri: '/dir/index.html' };

  assert.equal(digestResponse('MD5', ha1, 'GET', parts), '1949323746fe6a43ef61f9606e7febea');
});

test('quoted strings are unescaped, names have no letter case, blanks and folds mean nothing', () => {
  const given = parseCredentials('DIGEST USERNAME="a\\"b",realm = "r" ,nonce="n", uri="sip:x", response="0"');

  assert.equal(given?.username, 'a"b');
  assert.equal(given?.algorithm, 'MD5');
  assert.equal(given?.qop, undefined);
});

test('any blanks stand behind the name of the scheme', () => {
  for (const blanks of ['\t', ' \t ', '\t ', '\r\n ', '\r\n\t'])
    assert.deepEqual(
      parseCredentials(FULL.replace(' ', blanks)),
      parseCredentials(FULL),
      JSON.stringify(blanks),
    );
});

test('another scheme is no digest', () => {
  for (const value of [
    'NoOneKnowsThisScheme opaque=here',
    'Digest',
    'Digests a=b',
    'Digest,a=b',
    'Digestusername=a',
  ])
    assert.equal(parseCredentials(value), undefined, value);
});

const broken: readonly string[] = [
  'Digest username="a',
  'Digest username',
  'Digest username="a" realm="b"',
  'Digest username="a", username="b", realm="r", nonce="n", uri="u", response="0"',
  'Digest realm="r", nonce="n", uri="u", response="0"',
  'Digest username=, realm="r"',
  'Digest ="a", realm="r", nonce="n", uri="u", response="0"',
  'Digest user name="a", realm="r", nonce="n", uri="u", response="0"',
  'Digest username="a", realm="r", nonce="n", uri="u", response="0\\"',
  `Digest ${Array.from({ length: 40 }, (_, i) => `p${i}=1`).join(',')}`,
];
for (const value of broken) {
  test(`refused: ${value.substring(0, 60)}`, () => assert.throws(() => parseCredentials(value), SipError));
}

test('a challenge says stale only when it is', () => {
  const challenge = { realm: 'a"b', nonce: 'n', algorithm: 'MD5', qop: 'auth' } as const;

  assert.equal(
    printChallenge({ ...challenge, stale: false }),
    'Digest realm="a\\"b", nonce="n", qop="auth", algorithm=MD5',
  );
  assert.match(printChallenge({ ...challenge, stale: true }), /, stale=true$/);
});
