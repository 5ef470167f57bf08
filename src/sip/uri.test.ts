import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SipError } from '../base/errors.ts';
import { aorOf, escapeUser, parseUri, printUri, sameUri, unescapeUser } from './uri.ts';

const canonical: readonly string[] = [
  'sip:bob@example.com',
  'sips:bob:secret@example.com:5061;transport=tcp;lr',
  'sip:[2001:db8::10]:5070',
  'sip:user@[2001:db8::192.0.2.1]',
  'sip:user;par=u%40example.net@example.com',
  'sip:bob@example.com;method=INVITE?subject=project%20x&priority=urgent',
  'tel:+1-201-555-0123;phone-context=example.com',
  'sip:example.com;__proto__=1;constructor',
];

for (const text of canonical) {
  test(`printing what was parsed gives it back: ${text}`, () => assert.equal(printUri(parseUri(text)), text));
}

test('the semicolon before the @ belongs to the user', () => {
  const uri = parseUri('sip:user;par=u%40example.net@EXAMPLE.com');

  assert.equal(uri.user, 'user;par=u%40example.net');
  assert.equal(uri.host, 'example.com');
  assert.deepEqual(Object.keys(uri.params), []);
});

const malformed: readonly (readonly [text: string, status: number])[] = [
  ['', 400],
  ['example.com', 400],
  ['<sip:bob@example.com>', 400],
  ['sip:', 400],
  ['sip:bob@', 400],
  ['sip:@example.com', 400],
  ['sip:bob@exa mple.com', 400],
  ['sip:bob@example.com:', 400],
  ['sip:bob@example.com:0', 400],
  ['sip:bob@example.com:65536', 400],
  ['sip:2001:db8::10', 400],
  ['sip:[2001:db8:::192.0.2.1]', 400],
  ['sip:[2001:db8::10', 400],
  ['sip:bob@exa%6Dple.com', 400],
  ['sip:bo%zz@example.com', 400],
  ['sip:bob@example.com;', 400],
  ['sip:bob@example.com;a=1;a=2', 400],
  ['sip:bob@example.com?', 400],
  ['sip:a@b@c', 400],
  ['sip:bob\r\n@example.com', 400],
  ['tel:+', 400],
  ['http://example.com', 416],
  ['nobodyKnowsThisScheme:totallyopaquecontent', 416],
];

for (const [text, status] of malformed) {
  test(`refused with ${status}: ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => parseUri(text),
      (error) => error instanceof SipError && error.status === status,
    );
  });
}

const pairs: readonly (readonly [a: string, b: string, same: boolean])[] = [
  ['sip:%61lice@atlanta.com;transport=TCP', 'sip:alice@AtLanTa.CoM;Transport=tcp', true],
  ['sip:carol@chicago.com', 'sip:carol@chicago.com;newparam=5', true],
  ['sip:carol@chicago.com;newparam=5', 'sip:carol@chicago.com;security=on', true],
  ['sip:a@b?subject=x&priority=urgent', 'sip:a@b?priority=urgent&Subject=x', true],
  ['SIP:ALICE@atlanta.com', 'sip:alice@atlanta.com', false],
  ['sip:bob@biloxi.com', 'sip:bob@biloxi.com:5060', false],
  ['sip:bob@biloxi.com', 'sip:bob@biloxi.com;transport=udp', false],
  ['sip:carol@chicago.com', 'sip:carol@chicago.com?Subject=next%20meeting', false],
  ['sip:bob@biloxi.com', 'sips:bob@biloxi.com', false],
  ['sip:bob@biloxi.com', 'sip:bob@biloxi.com.', true],
  ['tel:+1-201-555-0123', 'tel:+12015550123', true],
  ['tel:+12015550123', 'tel:12015550123', false],
];

for (const [a, b, same] of pairs) {
  test(`RFC 3261 §19.1.4: ${a} ${same ? 'is' : 'is not'} ${b}`, () => {
    assert.equal(sameUri(parseUri(a), parseUri(b)), same);
    assert.equal(sameUri(parseUri(b), parseUri(a)), same);
  });
}

const aors: readonly (readonly [uri: string, aor: string])[] = [
  ['sip:%61lice:pw@EXAMPLE.com:5070;lr', 'alice@example.com'],
  ['sip:a%3bb@example.com', 'a%3Bb@example.com'],
  ['sip:%00@example.com', '%00@example.com'],
  ['sip:#31#@example.com', '%2331%23@example.com'],
  ['sip:example.com', 'example.com'],
  ['sip:alice@Example.COM.', 'alice@example.com'],
  ['sip:alice@example.com.:5070;lr', 'alice@example.com'],
  ['tel:+1-(201)-555.0123', '+12015550123'],
];

for (const [uri, aor] of aors) {
  test(`the address-of-record of ${uri} is ${aor}`, () => assert.equal(aorOf(parseUri(uri)), aor));
}

test('a user part is escaped and unescaped without loss', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii' }), (name) => unescapeUser(escapeUser(name)) === name),
    { seed: 1, numRuns: 300 },
  );
});

test('parse and print are inverse for any user, host, port and parameters', () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,9}$/);
  const parts = fc.record({
    user: fc.string({ minLength: 1, unit: 'binary-ascii' }),
    host: fc.oneof(
      word.map((label) => `${label}.example`),
      fc.ipV4(),
      fc.ipV6().map((ip) => `[${ip}]`),
    ),
    port: fc.option(fc.integer({ min: 1, max: 65_535 })),
    params: fc.uniqueArray(word, { maxLength: 4 }),
  });

  fc.assert(
    fc.property(parts, ({ user, host, port, params }) => {
      const tail = params.map((name, i) => (i % 2 === 0 ? `;${name}` : `;${name}=v%20${i}`)).join('');
      const text = `sip:${escapeUser(user)}@${host}${port === null ? '' : `:${port}`}${tail}`;
      assert.equal(printUri(parseUri(text)), text.replace(host, host.toLowerCase()));
      assert.deepEqual(parseUri(printUri(parseUri(text))), parseUri(text));
    }),
    { seed: 2, numRuns: 200 },
  );
});
