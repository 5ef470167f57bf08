/** The client's side of digest, against the examples of RFC 7616. */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import type { Random } from '../base/world.ts';
import { parseMessage } from '../sip/parse.ts';
import type { SipResponse } from '../sip/message.ts';
import { CHALLENGES_MAX, nextNonce, parseChallenges } from './digest-challenge.ts';
import { DigestClient, REALMS_MAX } from './digest-client.ts';

function chance(cnonce: string): Random {
  return { bytes: (count) => new Uint8Array(count), below: () => 0, token: () => cnonce };
}

function response(status: number, ...challenges: readonly string[]): SipResponse {
  const field = status === 407 ? 'Proxy-Authenticate' : 'WWW-Authenticate';
  return answer(status, ...challenges.map((challenge) => `${field}: ${challenge}`));
}

function answer(status: number, ...lines: readonly string[]): SipResponse {
  const message = parseMessage(
    [
      `SIP/2.0 ${status} Asked`,
      'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1',
      'From: <sip:a@example.com>;tag=1',
      'To: <sip:b@example.com>;tag=2',
      'Call-ID: 1',
      'CSeq: 1 REGISTER',
      ...lines,
      '',
      '',
    ].join('\r\n'),
  );
  assert.ok(message.kind === 'response');
  return message;
}

const MUFASA = {
  user: 'Mufasa',
  password: 'Circle of Life',
  realm: 'http-auth@example.org',
  nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
  uri: '/dir/index.html',
  cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
};
const JASON = {
  user: 'Jäsøn Doe',
  password: 'Secret, or not?',
  realm: 'api@example.org',
  nonce: '5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK',
  uri: '/doe.json',
  cnonce: 'NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm',
};
/** RFC 7616 §3.9.1; its example of SHA-512-256 hashes the user's name, so that one is as OpenSSL computes it. */
const examples: readonly (readonly [string, typeof MUFASA, string])[] = [
  ['MD5', MUFASA, '8ca523f5e9506fed4657c9700eebdbec'],
  ['SHA-256', MUFASA, '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
  ['SHA-512-256', JASON, '7a4e1192babbba02e91182d2895bfdbf7adafc6e48d4e517ca301974843d840c'],
];
for (const [algorithm, { user, password, realm, nonce, uri, cnonce }, expected] of examples) {
  test(`${algorithm} gives the response that others compute`, () => {
    const client = new DigestClient({ user, password }, chance(cnonce));
    const offered = `realm="${realm}", qop="auth, auth-int", algorithm=${algorithm}, nonce="${nonce}", opaque="x"`;
    const learned = client.learn(response(401, `Digest ${offered}`), new Set());
    const [[name, value] = ['', '']] = client.prove({ method: 'GET', uri, body: '' });

    assert.equal(learned.length, 1);
    assert.equal(name, 'Authorization');
    assert.match(String(value), new RegExp(`response="${expected}", algorithm=${algorithm}, opaque="x"`));
    assert.match(String(value), /qop=auth, nc=00000001$/);
  });
}

test('the count of a nonce rises with each use', () => {
  const client = new DigestClient({ user: 'a', password: 'b' }, chance('c'));
  client.learn(response(401, 'Digest realm="r", nonce="n", qop="auth"'), new Set());
  const counts = [1, 2, 3].map(() => {
    const [proof] = client.prove({ method: 'REGISTER', uri: 'sip:r', body: '' });
    return /nc=(\w+)/.exec(String(proof?.[1]))?.[1];
  });

  assert.deepEqual(counts, ['00000001', '00000002', '00000003']);
});

test('auth-int covers the body where nothing else is offered', () => {
  const client = new DigestClient({ user: 'a', password: 'b' }, chance('c'));
  client.learn(response(401, 'Digest realm="r", nonce="n", qop="auth-int"'), new Set());
  const prove = (body: string): string => {
    const [proof] = client.prove({ method: 'INVITE', uri: 'sip:r', body });
    return /response="(\w+)"/.exec(String(proof?.[1]))?.[1] ?? '';
  };

  assert.match(prove('one'), /^[0-9a-f]{32}$/);
  assert.notEqual(prove('one'), prove('two'));
});

/** The nonces and counts of the fields that prove who we are. */
function nonces(client: DigestClient): readonly string[] {
  const proofs = client.prove({ method: 'REGISTER', uri: 'sip:r', body: '' });
  return proofs.map(([name, value]) => {
    const [, nonce = '', count = ''] = /nonce="(.*?)".*nc=(\w+)/.exec(String(value)) ?? [];
    return `${name === 'Authorization' ? 'server' : 'proxy'} ${nonce} ${Number.parseInt(count, 16)}`;
  });
}

for (const [what, challenges, field, expected] of [
  ['ours', ['r'], 'Authentication-Info: nextnonce="new", qop=auth, nc=00000001', ['server new 1']],
  ['with blanks and in upper case', ['r'], 'authentication-info:  NextNonce = "new"', ['server new 1']],
  ['none', ['r'], 'Authentication-Info: rspauth="x", qop=auth', ['server old 2']],
  [
    'a proxy’s, of whom we know nothing',
    ['r'],
    'Proxy-Authentication-Info: nextnonce="new"',
    ['server old 2'],
  ],
  ['of two realms', ['r', 's'], 'Authentication-Info: nextnonce="new"', ['server old 2', 'server old 2']],
] as const) {
  test(`the next nonce that an answer names is used: ${what}`, () => {
    const client = new DigestClient({ user: 'a', password: 'b' }, chance('c'));
    const asked = challenges.map((realm) => `Digest realm="${realm}", nonce="old", qop="auth"`);
    client.learn(response(401, ...asked), new Set());
    client.prove({ method: 'REGISTER', uri: 'sip:r', body: '' });

    client.heed(answer(200, field));

    assert.deepEqual(nonces(client), expected);
  });
}

test('a next nonce is read whatever stands around it', () => {
  assert.equal(nextNonce('qop=auth, nextnonce="a, b=\\"c", rspauth=""'), 'a, b="c');
  assert.equal(nextNonce('Digest nextnonce="x"'), undefined);
  assert.equal(nextNonce(''), undefined);
});

test('a challenge of RFC 2069 is answered without a count', () => {
  const client = new DigestClient({ user: 'a', password: 'b' }, chance('c'));
  client.learn(response(401, 'Digest realm="r", nonce="n"'), new Set());
  const [proof] = client.prove({ method: 'REGISTER', uri: 'sip:r', body: '' });

  assert.doesNotMatch(String(proof?.[1]), /qop|nc=|cnonce/);
});

const learning: readonly (readonly [string, number, readonly string[], readonly string[], number])[] = [
  [
    'the first that we know',
    401,
    ['Digest realm="r", nonce="1", algorithm=SHA-3', 'Digest realm="r", nonce="2"'],
    [],
    1,
  ],
  ['one of each realm', 407, ['Digest realm="a", nonce="1", Digest realm="b", nonce="2"'], [], 2],
  ['none that was tried', 401, ['Digest realm="r", nonce="2"'], ['server r'], 0],
  ['a stale one again', 401, ['Digest realm="r", nonce="2", stale=TRUE'], ['server r'], 1],
  ['none of another scheme', 401, ['Basic realm="r"', 'Bearer realm="r", nonce="x"'], [], 0],
  ['none without a nonce', 401, ['Digest realm="r"'], [], 0],
  ['none with a protection unknown to us', 401, ['Digest realm="r", nonce="1", qop="best"'], [], 0],
];
for (const [what, status, challenges, tried, count] of learning) {
  test(`of several challenges we take ${what}`, () => {
    const client = new DigestClient({ user: 'a', password: 'b' }, chance('c'));

    assert.equal(client.learn(response(status, ...challenges), new Set(tried)).length, count);
  });
}

for (const [count, read] of [
  [CHALLENGES_MAX, CHALLENGES_MAX],
  [CHALLENGES_MAX + 1, CHALLENGES_MAX],
] as const) {
  test(`of ${count} challenges in one field ${read} are read`, () => {
    const field = Array.from({ length: count }, (_, i) => `Digest realm="${i}", nonce="n"`).join(', ');

    assert.equal(parseChallenges(field).length, read);
  });
}

test('so many realms are remembered, and with one more all begin anew', () => {
  const client = new DigestClient({ user: 'u', password: 'p' }, chance('c'));
  const learn = (realm: number): void =>
    void client.learn(response(401, `Digest realm="${realm}", nonce="n"`), new Set());
  const known = (): number => client.prove({ method: 'REGISTER', uri: 'sip:h', body: '' }).length;

  for (let realm = 0; realm < REALMS_MAX; realm++) learn(realm);
  assert.equal(known(), REALMS_MAX);
  learn(0);
  assert.equal(known(), REALMS_MAX);
  learn(REALMS_MAX);
  assert.equal(known(), 1);
});

test('what is hashed is what is sent: names, realms and bodies beyond ASCII, byte for byte in UTF-8', () => {
  const bytes = (text: string): string => Buffer.from(text, 'utf8').latin1Slice();
  const md5 = (text: string): string => hash('md5', Buffer.from(text, 'utf8'));
  const client = new DigestClient({ user: 'jürgen', password: 'Łódź' }, chance('c'));
  const challenge = bytes('Digest realm="Büro", nonce="n", qop="auth-int"');
  client.learn(response(401, challenge), new Set());

  // A body as it came by another leg, one character a byte.
  const [[, value] = ['', '']] = client.prove({ method: 'INVITE', uri: 'sip:r', body: bytes('s=Käse') });

  const ha2 = md5(`INVITE:sip:r:${md5('s=Käse')}`);
  const expected = md5(`${md5('jürgen:Büro:Łódź')}:n:00000001:c:auth-int:${ha2}`);
  assert.ok(String(value).startsWith(bytes('Digest username="jürgen", realm="Büro"')), String(value));
  assert.match(String(value), new RegExp(`response="${expected}"`));
});
