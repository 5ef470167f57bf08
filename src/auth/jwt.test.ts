import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { SimRandom } from '../testing/sim-random.ts';
import { signed, tokenIssuer } from '../testing/tokens.ts';
import { type JwtRules, JwtVerifier, TOKEN_LENGTH_MAX, TOKENS_REMEMBERED } from './jwt.ts';
import { KEYS_MAX, parseKeys } from './jwt-keys.ts';

const NOW = 1_800_000_000;
const issuer = tokenIssuer();
const keys = parseKeys(issuer.keys);
const rules: JwtRules = {
  issuers: ['https://login.example.com'],
  audiences: ['sip:example.com'],
  userClaim: 'sub',
  domain: '',
  leewaySeconds: 30,
};
const good = {
  iss: 'https://login.example.com',
  aud: 'sip:example.com',
  sub: 'alice@example.com',
  exp: NOW + 600,
};

function verdictOn(token: string, more: Partial<JwtRules> = {}, now = NOW): string {
  const verdict = new JwtVerifier(keys, { ...rules, ...more }).verify(token, now);
  return 'wrong' in verdict ? verdict.wrong : `${verdict.user}@${verdict.domain}`;
}

function isForged(token: string): boolean {
  const verdict = new JwtVerifier(keys, rules).verify(token, NOW);
  return 'wrong' in verdict && verdict.forged;
}

for (const algorithm of ['HS256', 'ES256', 'RS256'] as const) {
  test(`a token by ${algorithm} is believed, and is not when any one of its characters is another`, () => {
    const token = issuer.token(algorithm, good);
    const random = new SimRandom(5, algorithm);

    assert.equal(verdictOn(token), 'alice@example.com');
    for (let round = 0; round < 60; round++) {
      const at = random.below(token.length);
      const other = token[at] === 'A' ? 'B' : 'A';
      assert.ok(isForged(token.substring(0, at) + other + token.substring(at + 1)), `character ${at}`);
    }
  });

  test(`the key of a token by ${algorithm} is found without a kid, and not by the kid of another`, () => {
    assert.equal(verdictOn(issuer.token(algorithm, good, { kid: undefined })), 'alice@example.com');
    assert.ok(isForged(issuer.token(algorithm, good, { kid: 'unknown' })));
  });
}

const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const parts = issuer.token('ES256', good).split('.');

const FORGED: readonly (readonly [what: string, token: string])[] = [
  ['not signed at all', issuer.token('none', good, { kid: undefined })],
  [
    'that calls none an algorithm in other letters',
    issuer.token('none', good, { alg: 'nOnE', kid: 'ES256' }),
  ],
  ['whose signature is left out', `${parts[0]}.${parts[1]}.`],
  ['signed by a stranger', signed('ES256', { alg: 'ES256', kid: 'ES256' }, good, stranger.privateKey)],
  [
    'signed by a key that it brings',
    signed(
      'ES256',
      { alg: 'ES256', jwk: stranger.publicKey.export({ format: 'jwk' }) },
      good,
      stranger.privateKey,
    ),
  ],
  [
    'with the public key for a shared secret',
    signed('HS256', { alg: 'HS256', kid: 'RS256' }, good, Buffer.from(issuer.publicPem('RS256'))),
  ],
  ['that calls its algorithm another', issuer.token('RS256', good, { alg: 'HS256' })],
  ['by a key for another algorithm', issuer.token('RS256', good, { alg: 'ES256', kid: 'ES256' })],
  ['with zeros for a signature', `${parts[0]}.${parts[1]}.${Buffer.alloc(64).toString('base64url')}`],
  ['with an extension that must be known', issuer.token('ES256', good, { crit: ['b64'], b64: false })],
  ['that has no dots', 'abcdef'],
  ['that has one dot', 'abc.def'],
  ['that has three dots', `${parts.join('.')}.`],
  ['written with padding', `${parts.join('.')}==`],
  ['that is empty', ''],
];

for (const [what, token] of FORGED) {
  test(`a token ${what} is forged`, () => assert.ok(isForged(token)));
}

type Row = readonly [what: string, claims: object, verdict: string];

const CLAIMS: readonly Row[] = [
  ['with sip: before its user', { sub: 'sip:alice@example.com' }, 'alice@example.com'],
  ['for several', { aud: ['https://x.example', 'sip:example.com'] }, 'alice@example.com'],
  ['that has expired within the leeway', { exp: NOW - 29 }, 'alice@example.com'],
  ['that has expired', { exp: NOW - 30 }, 'it has expired'],
  ['without an end', { exp: undefined }, 'exp is missing'],
  ['whose end is a text', { exp: `${NOW + 600}` }, 'exp is missing'],
  ['that begins within the leeway', { nbf: NOW + 30 }, 'alice@example.com'],
  ['that has not begun', { nbf: NOW + 31 }, 'nbf has not come'],
  ['whose beginning is a text', { nbf: 'now' }, 'nbf has not come'],
  ['made in the future', { iat: NOW + 31 }, 'iat has not come'],
  ['of another issuer', { iss: 'https://login.example.net' }, 'iss is nobody we believe'],
  ['of several issuers', { iss: ['https://login.example.com'] }, 'iss is nobody we believe'],
  ['of no issuer', { iss: undefined }, 'iss is nobody we believe'],
  ['for another', { aud: 'sip:example.net' }, 'aud is not us'],
  ['for nobody', { aud: undefined }, 'aud is not us'],
  ['of nobody', { sub: undefined }, 'sub is no user'],
  ['of a number', { sub: 7 }, 'sub is no user'],
  ['of a user without a domain', { sub: 'alice' }, 'sub is no user'],
  ['of a domain without a user', { sub: '@example.com' }, 'sub is no user'],
  ['of a user with a header field behind', { sub: 'alice@example.com\r\nX: y' }, 'sub is no user'],
];

for (const [what, claims, verdict] of CLAIMS) {
  test(`a token ${what}: ${verdict}`, () => {
    assert.equal(verdictOn(issuer.token('HS256', { ...good, ...claims })), verdict);
  });
}

test('a user without a domain is one of the domain in the settings', () => {
  const token = issuer.token('HS256', { ...good, sub: 'alice' });

  assert.equal(verdictOn(token, { domain: 'example.com' }), 'alice@example.com');
});

test('claims that are no object are none', () => {
  const secret = Buffer.alloc(32, 'a secret of tests ');

  for (const claims of [null, [], 7, 'text']) {
    assert.ok(isForged(signed('HS256', { alg: 'HS256' }, claims, secret)), JSON.stringify(claims));
  }
});

test('a token may have 8192 characters, and not one more', () => {
  const withLength = (length: number): string => {
    for (let fill = length / 2; ; fill++) {
      const token = issuer.token('HS256', { ...good, fill: 'x'.repeat(fill) });
      if (token.length >= length) return token;
    }
  };

  const longest = withLength(TOKEN_LENGTH_MAX - 1);
  assert.ok(longest.length <= TOKEN_LENGTH_MAX);
  assert.equal(verdictOn(longest), 'alice@example.com');
  assert.ok(isForged(withLength(TOKEN_LENGTH_MAX + 1)));
});

test('what is remembered of a token ends with it, begins with it, and has a limit', () => {
  const verifier = new JwtVerifier(keys, rules);
  const token = issuer.token('HS256', { ...good, nbf: NOW });
  const isBelieved = (now: number): boolean => 'user' in verifier.verify(token, now);

  assert.deepEqual([NOW, NOW + 629, NOW + 630, NOW, NOW - 31].map(isBelieved), [
    true,
    true,
    false,
    true,
    false,
  ]);
  for (let i = 0; i <= TOKENS_REMEMBERED; i++) {
    assert.ok('user' in verifier.verify(issuer.token('HS256', { ...good, jti: i }), NOW));
  }
  assert.equal(verifier.remembered, TOKENS_REMEMBERED);
});

const weakRsa = {
  ...generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' }),
};
const oct = (octets: number): object => ({ kty: 'oct', k: Buffer.alloc(octets, 1).toString('base64url') });
const many = (count: number): object => ({ keys: Array.from({ length: count }, () => oct(32)) });

const KEY_SETS: readonly (readonly [what: string, set: unknown, problem: RegExp | number])[] = [
  ['of nothing', { keys: [] }, /no key/],
  ['that is a list', [], /an object/],
  ['without keys', {}, /expected \{ "keys"/],
  ['with a secret of 31 octets', { keys: [oct(31)] }, /at least 32/],
  ['with a secret of 32 octets', { keys: [oct(32)] }, 1],
  ['with an RSA key of 1024 bits', { keys: [weakRsa] }, /at least 2048/],
  ['with a key on no curve', { keys: [{ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }] }, /cannot be used/],
  ['with keys for other things', { keys: [oct(32), { ...oct(32), use: 'enc' }, { kty: 'OKP' }] }, 1],
  ['whose key may sign only', { keys: [{ ...oct(32), key_ops: ['sign'] }] }, /no key/],
  ['whose secret is for another algorithm', { keys: [{ ...oct(64), alg: 'HS512' }] }, /no key/],
  ['with a hundred keys', many(KEYS_MAX), KEYS_MAX],
  ['with a hundred and one', many(KEYS_MAX + 1), /at most 100/],
];

for (const [what, set, problem] of KEY_SETS) {
  test(`a key set ${what}`, () => {
    const read = (): number => parseKeys(JSON.stringify(set)).length;

    if (typeof problem === 'number') assert.equal(read(), problem);
    else assert.throws(read, problem);
  });
}
