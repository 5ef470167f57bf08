import { test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import { Subscribers } from '../subscriber/subscribers.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { CREDENTIALS_MAX, DigestAuth } from './challenge.ts';
import type { ChallengeKind, Refusal, Verdict } from './challenge.ts';
import { NONCE_LIFETIME_MS, Nonces } from './nonce.ts';

const realm = 'example.com';
const target = 'sip:example.com';

interface Trial {
  readonly clock: SimClock;
  readonly auth: DigestAuth;
}

interface TrialOptions {
  readonly algorithms?: readonly ('SHA-256' | 'MD5')[];
  readonly integrity?: boolean;
  readonly hostOnlyUri?: boolean;
}

async function start(options: TrialOptions = {}): Promise<Trial> {
  const clock = new SimClock();
  const random = new SimRandom(1);
  const subscribers = new Subscribers({ writer: new MemoryWriter(clock), clock });
  await clock.until(subscribers.add({ user: 'alice', domain: realm, password: 'wonderland' }));
  await clock.until(
    subscribers.import([{ user: 'old', domain: realm, ha1: digest('md5', `old:${realm}:x`) }]),
  );
  const nonces = new Nonces({ clock, random, secret: 'secret' });
  const realmFor = (): string => realm;
  return {
    clock,
    auth: new DigestAuth({
      isOurs: (host) => host === '192.0.2.1',
      subscribers,
      nonces,
      random,
      realmFor,
      ...options,
    }),
  };
}

function request(lines: readonly string[] = [], method = 'REGISTER', uri = target): SipRequest {
  const text = [
    `${method} ${uri} SIP/2.0`,
    'Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1',
    `From: <sip:alice@${realm}>;tag=1`,
    `To: <sip:alice@${realm}>`,
    'Call-ID: 1',
    `CSeq: 1 ${method}`,
    ...lines,
    '',
    '',
  ].join('\r\n');
  const message = parseMessage(text);
  assert.ok(message instanceof SipRequest);
  return message;
}

/** Written apart from the code under test, straight from RFC 7616 §3.4. */
function digest(name: string, text: string): string {
  return createHash(name).update(text).digest('hex');
}

interface Answer {
  user?: string;
  password?: string;
  realm?: string;
  nonce: string;
  uri?: string;
  method?: string;
  algorithm?: string;
  qop?: string;
  nc?: string;
  cnonce?: string;
  header?: string;
  /** Of what `auth-int` covers. */
  bodyHash?: string;
}

/** What a phone puts into its second request. */
function credentials(answer: Answer): string {
  const { user = 'alice', password = 'wonderland', nonce, uri = target, method = 'REGISTER' } = answer;
  const {
    algorithm = 'SHA-256',
    qop = 'auth',
    nc = '00000001',
    cnonce = 'abc',
    header = 'Authorization',
  } = answer;
  const name = algorithm === 'MD5' ? 'md5' : 'sha256';
  const ha1 = digest(name, `${user}:${answer.realm ?? realm}:${password}`);
  const covered = qop === 'auth-int' ? `:${answer.bodyHash}` : '';
  const ha2 = digest(name, `${method}:${uri}${covered}`);
  const response = digest(name, [ha1, nonce, nc, cnonce, qop, ha2].join(':'));
  return (
    `${header}: Digest username="${user}", realm="${answer.realm ?? realm}", nonce="${nonce}", ` +
    `uri="${uri}", response="${response}", algorithm=${algorithm}, qop=${qop}, nc=${nc}, cnonce="${cnonce}"`
  );
}

function refused(verdict: Verdict): Refusal {
  assert.ok('status' in verdict);
  return verdict;
}

function nonceOf(verdict: Verdict): string {
  return /nonce="([^"]+)"/.exec(refused(verdict).headers[0]?.[1] ?? '')?.[1] ?? '';
}

/** `ok alice`, `401`, `401 stale`, `400` */
function said(verdict: Verdict): string {
  if ('ok' in verdict) return `ok ${verdict.ok.user}`;
  return verdict.headers.some(([, value]) => value.includes('stale=true'))
    ? `${verdict.status} stale`
    : `${verdict.status}`;
}

const challenges: [ChallengeKind, readonly ('SHA-256' | 'MD5')[] | undefined, string][] = [
  ['www', undefined, '401 WWW-Authenticate SHA-256 WWW-Authenticate MD5'],
  ['proxy', undefined, '407 Proxy-Authenticate SHA-256 Proxy-Authenticate MD5'],
  ['www', ['MD5'], '401 WWW-Authenticate MD5'],
  ['proxy', ['MD5', 'SHA-256'], '407 Proxy-Authenticate MD5 Proxy-Authenticate SHA-256'],
];

for (const [kind, algorithms, expected] of challenges) {
  test(`without credentials a request is answered ${expected}`, async () => {
    const { auth } = await start(algorithms && { algorithms });

    const { status, headers } = refused(auth.check(request(), kind));

    const offered = headers.map(([name, value]) => `${name} ${/algorithm=([^,]+)/.exec(value)?.[1]}`);
    assert.equal([status, ...offered].join(' '), expected);
    for (const [, value] of headers)
      assert.match(value, /^Digest realm="example\.com", nonce="[0-9a-f]+", qop="auth"/);
  });
}

//  what the phone answers                   over      and what it is told
const answers: [string, Partial<Answer>, ChallengeKind, string][] = [
  ['rightly with SHA-256', {}, 'www', 'ok alice'],
  ['rightly with MD5', { algorithm: 'MD5' }, 'www', 'ok alice'],
  ['rightly to a proxy', { header: 'Proxy-Authorization' }, 'proxy', 'ok alice'],
  ['to the wrong one of the two', {}, 'proxy', '407'],
  ['with a wrong password', { password: 'x' }, 'www', '401'],
  ['as an unknown user', { user: 'bob' }, 'www', '401'],
  ['as an unknown user without a password', { user: 'bob', password: '' }, 'www', '401'],
  ['as a user of another letter case', { user: 'Alice' }, 'www', '401'],
  ['as a user who has no SHA-256 hash', { user: 'old', password: 'x' }, 'www', '401'],
  ['as that user with MD5', { user: 'old', password: 'x', algorithm: 'MD5' }, 'www', 'ok old'],
  ['for another realm', { realm: 'evil.org' }, 'www', '401'],
  ['for another method', { method: 'INVITE' }, 'www', '401'],
  ['for another Request-URI', { uri: 'sip:evil.org' }, 'www', '400'],
  ['for an equal Request-URI', { uri: 'SIP:Example.COM' }, 'www', 'ok alice'],
  // SIPp names the server alone, whatever it asks for.
  ['for our address alone', { uri: 'sip:192.0.2.1:5060' }, 'www', 'ok alice'],
  ['for another user of ours', { uri: 'sip:bob@192.0.2.1' }, 'www', '400'],
  ['for no URI at all', { uri: 'example' }, 'www', '400'],
  ['with a nonce of its own', { nonce: 'f'.repeat(64) }, 'www', '401'],
  ['with an algorithm nobody offered', { algorithm: 'SHA-512' }, 'www', '401'],
  ['with a session algorithm', { algorithm: 'MD5-sess' }, 'www', '401'],
  ['with qop auth-int', { qop: 'auth-int' }, 'www', '400'],
  ['with a nonce count of 7 digits', { nc: '0000001' }, 'www', '400'],
  ['with a nonce count that is no number', { nc: '0000000g' }, 'www', '400'],
  ['with a nonce count of 0', { nc: '00000000' }, 'www', '401'],
  ['with an empty cnonce', { cnonce: '' }, 'www', '400'],
];

for (const [what, answer, kind, expected] of answers) {
  test(`a phone that answers ${what} is told ${expected}`, async () => {
    const { auth } = await start();
    const nonce = nonceOf(auth.check(request(), kind));

    assert.equal(said(auth.check(request([credentials({ nonce, ...answer })]), kind)), expected);
  });
}

const strips: [string, RegExp, string][] = [
  ['qop', /, qop=auth/, '400'],
  ['nc', /, nc=\d+/, '400'],
  ['cnonce', /, cnonce="abc"/, '400'],
  ['response', / response="\w+",/, '400'],
  ['username', / username="alice",/, '400'],
  // Without an algorithm the answer is read as MD5, which it is not.
  ['algorithm', /, algorithm=SHA-256/, '401'],
];

for (const [parameter, pattern, expected] of strips) {
  test(`credentials without ${parameter} are answered ${expected}`, async () => {
    const { auth } = await start();
    const whole = credentials({ nonce: nonceOf(auth.check(request(), 'www')) });

    assert.equal(said(auth.check(request([whole.replace(pattern, '')]), 'www')), expected);
  });
}

test('a setting that allows SHA-256 alone refuses an answer in MD5', async () => {
  const { auth } = await start({ algorithms: ['SHA-256'] });
  const nonce = nonceOf(auth.check(request(), 'www'));

  assert.equal(said(auth.check(request([credentials({ nonce, algorithm: 'MD5' })]), 'www')), '401');
});

test('a nonce may be used again with the next count, not with the same one', async () => {
  const { auth } = await start();
  const nonce = nonceOf(auth.check(request(), 'www'));
  const told = ['00000001', '00000002', '00000002', '00000001', '00000003'].map((nc) => {
    return said(auth.check(request([credentials({ nonce, nc })]), 'www'));
  });

  assert.deepEqual(told, ['ok alice', 'ok alice', '401', '401', 'ok alice']);
});

test('each request is proven by its own method, URI and algorithm, whatever was proven before it', async () => {
  const { auth } = await start();
  const nonce = nonceOf(auth.check(request(), 'www'));
  const asked = ['REGISTER SHA-256', 'REGISTER MD5', 'OPTIONS MD5', 'REGISTER SHA-256'];
  const told = asked.map((words, place) => {
    const [method = '', algorithm = ''] = words.split(' ');
    const nc = `${place + 1}`.padStart(8, '0');
    const right = credentials({ nonce, nc, method, algorithm });
    const stolen = credentials({ nonce, nc, method: 'PUBLISH', algorithm });
    return [stolen, right].map((line) => said(auth.check(request([line], method), 'www'))).join(', ');
  });

  assert.deepEqual(new Set(told), new Set(['401, ok alice']));
});

test('a wrong answer uses up no count of the nonce', async () => {
  const { auth } = await start();
  const nonce = nonceOf(auth.check(request(), 'www'));
  auth.check(request([credentials({ nonce, password: 'x' })]), 'www');

  assert.equal(said(auth.check(request([credentials({ nonce })]), 'www')), 'ok alice');
});

test('stale is said to a right password with an old nonce, and to nobody else', async () => {
  const { clock, auth } = await start();
  const nonce = nonceOf(auth.check(request(), 'www'));
  await clock.run(NONCE_LIFETIME_MS + 1);
  const told = [{}, { password: 'x' }, { user: 'bob' }].map((answer) => {
    return said(auth.check(request([credentials({ nonce, ...answer })]), 'www'));
  });

  assert.deepEqual(told, ['401 stale', '401', '401']);
});

test('an unknown user and a wrong password are told the same, but for the nonce', async () => {
  const { auth } = await start();
  const nonce = nonceOf(auth.check(request(), 'www'));
  const told = [{ password: 'x' }, { user: 'bob' }].map((answer) => {
    const { status, headers } = refused(auth.check(request([credentials({ nonce, ...answer })]), 'www'));
    return { status, headers: headers.map(([name, value]) => [name, value.replace(/nonce="\w+"/, 'nonce')]) };
  });

  assert.deepEqual(told[0], told[1]);
});

test('credentials for other realms beside ours do no harm', async () => {
  const { auth } = await start();
  const nonce = nonceOf(auth.check(request(), 'proxy'));
  const header = 'Proxy-Authorization';
  const foreign = credentials({ nonce: 'other', realm: 'evil.org', header });
  const ours = credentials({ nonce, header });
  const basic = `${header}: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==`;

  assert.equal(said(auth.check(request([foreign, basic, ours]), 'proxy')), 'ok alice');
  assert.equal(said(auth.check(request([foreign, basic]), 'proxy')), '407');
});

//  method      Request-URI                digest uri                   any host?  told
const uris: readonly [string, string, string, boolean, string][] = [
  ['REGISTER', 'sip:example.com', 'sip:192.0.2.1:5060', false, 'ok alice'],
  ['REGISTER', 'sip:alice@example.com', 'sip:192.0.2.1:5060', false, '400'],
  ['REGISTER', 'sip:example.com', 'sip:192.0.2.99', false, '400'],
  ['INVITE', 'sip:bob@example.com', 'sip:192.0.2.1:5060', false, '400'],
  ['INVITE', 'sip:bob@example.com', 'sip:192.0.2.1:5060', true, 'ok alice'],
  ['INVITE', 'sip:bob@example.com', 'sip:carol@192.0.2.1', true, '400'],
  ['INVITE', 'sip:bob@example.com', 'sip:evil.org', true, '400'],
  ['INVITE', 'sip:bob@example.com', 'sip:bob@example.com', false, 'ok alice'],
  ['INVITE', 'sip:bob@example.com', 'sip:bob@EXAMPLE.com', false, 'ok alice'],
  ['INVITE', 'sip:bob@example.com', 'sip:bob@example.com;transport=tcp', false, '400'],
];

for (const [method, uri, answered, hostOnlyUri, expected] of uris) {
  const where = hostOnlyUri ? ' where the host is enough' : '';
  test(`${method} ${uri} with an answer for ${answered}${where} is told ${expected}`, async () => {
    const { auth } = await start({ hostOnlyUri });
    const nonce = nonceOf(auth.check(request([], method, uri), 'www'));
    const line = credentials({ nonce, method, uri: answered });

    assert.equal(said(auth.check(request([line], method, uri), 'www')), expected);
  });
}

//  answered from    where the nonce    told              counted as a guess
const places: readonly [Partial<Answer>, string, string, boolean][] = [
  [{}, '192.0.2.7', 'ok alice', false],
  [{}, '192.0.2.8', '401 stale', false],
  [{ password: 'x' }, '192.0.2.7', '401', true],
  [{ user: 'bob' }, '192.0.2.7', '401', true],
  // Whoever put another's address on a datagram has not seen the nonce that was sent there.
  [{ password: 'x' }, '192.0.2.8', '401', false],
  [{ nonce: 'f'.repeat(52) }, '192.0.2.7', '401', false],
];

for (const [answer, source, expected, counted] of places) {
  const what = JSON.stringify(answer);
  test(`${what} from ${source} with a nonce of 192.0.2.7 is told ${expected}, a guess: ${counted}`, async () => {
    const { auth } = await start();
    const nonce = nonceOf(auth.check(request(), 'www', '192.0.2.7'));

    const verdict = auth.check(request([credentials({ nonce, ...answer })]), 'www', source);

    assert.equal(said(verdict), expected);
    assert.equal('wrongPassword' in verdict, counted);
  });
}

test('a guess with a nonce that is too old is not counted', async () => {
  const { clock, auth } = await start();
  const nonce = nonceOf(auth.check(request(), 'www'));
  await clock.run(NONCE_LIFETIME_MS + 1);

  const verdict = auth.check(request([credentials({ nonce, password: 'x' })]), 'www');

  assert.equal('wrongPassword' in verdict, false);
});

//  body proven     body sent     offered    told
const bodies: readonly [string, string, boolean, string][] = [
  ['v=0', 'v=0', true, 'ok alice'],
  ['v=0', 'v=1', true, '401'],
  ['v=\xe9', 'v=\xe9', true, 'ok alice'],
  ['', '', true, 'ok alice'],
  ['v=0', 'v=0', false, '400'],
];

for (const [proven, sent, integrity, expected] of bodies) {
  const offered = integrity ? '' : ', which nobody offered,';
  test(`auth-int${offered} over "${proven}" with the body "${sent}" is told ${expected}`, async () => {
    const { auth } = await start({ integrity });
    const nonce = nonceOf(auth.check(request(), 'www'));
    const body = createHash('sha256').update(proven, 'latin1');
    const line = credentials({ nonce, qop: 'auth-int', bodyHash: body.digest('hex') });
    const head = request([line]).text.replace('Content-Length: 0', `Content-Length: ${sent.length}`);
    const message = parseMessage(head + sent);

    assert.ok(message instanceof SipRequest);
    assert.equal(said(auth.check(message, 'www')), expected);
  });
}

test('where the body may be proven, both kinds of proof are offered and taken', async () => {
  const { auth } = await start({ integrity: true });
  const verdict = auth.check(request(), 'www');

  assert.match(refused(verdict).headers[0]?.[1] ?? '', /qop="auth,auth-int"/);
  assert.equal(said(auth.check(request([credentials({ nonce: nonceOf(verdict) })]), 'www')), 'ok alice');
});

test('one line of credentials beyond the limit is not looked at', async () => {
  const { auth } = await start();
  const nonce = nonceOf(auth.check(request(), 'www'));
  const foreign = credentials({ nonce: 'other', realm: 'evil.org' });
  const behind = (count: number): string[] => [
    ...Array.from({ length: count }, () => foreign),
    credentials({ nonce }),
  ];

  assert.equal(said(auth.check(request(behind(CREDENTIALS_MAX)), 'www')), '401');
  assert.equal(said(auth.check(request(behind(CREDENTIALS_MAX - 1)), 'www')), 'ok alice');
});

test('malformed credentials are answered 400', async () => {
  const { auth } = await start();

  assert.equal(said(auth.check(request(['Authorization: Digest username="alice']), 'www')), '400');
});

test('every prefix of right credentials is refused', async () => {
  const { auth } = await start();
  const whole = credentials({ nonce: nonceOf(auth.check(request(), 'www')) });
  for (let length = 'Authorization: '.length; length < whole.length; length++) {
    assert.match(said(auth.check(request([whole.slice(0, length)]), 'www')), /^40[01]$/);
  }
});
