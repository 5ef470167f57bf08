/** What a script makes is looked at before it leaves; what came is never refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mutate } from '../testing/mutate.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { tortureCases } from '../testing/torture-messages.ts';
import { checkPrintable, checkUriText } from './checked-uri.ts';
import { parseUri, printUri, type Uri } from './uri.ts';

const BOB = parseUri('sip:bob@example.com');
const WHAT = 'the uri of a target';

/** As scripts have it that nobody has compiled. */
const REFUSED: readonly (readonly [parts: Record<string, unknown>, message: RegExp])[] = [
  [
    { user: '+49 30 123456' },
    /the user in the uri of a target: .*numbers\.e164.* expected, not '\+49 30 123456'/,
  ],
  [{ user: 'a>, <sip:evil' }, /the user in /],
  [{ user: 'a@b' }, /the user in /],
  [{ user: 'x\0y' }, /the user in /],
  [{ user: 'a\r\nb' }, /the user in /],
  [{ user: 'a:b' }, /the user in /],
  [{ user: 'a%4' }, /the user in /],
  [{ user: 'müller' }, /the user in /],
  [{ user: '東京' }, /the user in /],
  [{ user: '' }, /the user in /],
  [{ user: 100 }, /the user in .* expected, not 100/],
  [{ user: null }, /the user in .* expected, not null/],
  [{ password: 'a b' }, /the password in /],
  [{ user: undefined, password: 'x' }, /the password in .*: a user beside it/],
  [{ scheme: 'http' }, /the scheme in the uri of a target: sip, sips or tel expected, not 'http'/],
  [{ scheme: 'SIP' }, /the scheme in /],
  [{ host: '' }, /the host in /],
  [{ host: 'a b' }, /the host in /],
  [{ host: 'a..b' }, /the host in /],
  [{ host: 'a;lr' }, /the host in /],
  [{ host: '[::1]' }, /the host in .* IPv6 without brackets/],
  [{ host: '1:2:3' }, /the host in /],
  [{ host: undefined }, /the host in /],
  [{ port: 0 }, /a port from 1 to 65535 expected, not 0/],
  [{ port: 65_536 }, /a port from 1 to 65535 expected, not 65536/],
  [{ port: '5060' }, /a port from 1 to 65535 expected, not '5060'/],
  [{ params: undefined }, /the params in .*: a record/],
  [{ params: { 'a b': 'c' } }, /a name in the params of /],
  [{ params: { '': 'c' } }, /a name in the params of /],
  [{ params: { a: 'c d' } }, /a in the params of /],
  [{ params: { a: 'f;g?h' } }, /a in the params of /],
  [{ params: { a: '' } }, /a in the params of /],
  [{ params: { a: 1 } }, /a in the params of .* expected, not 1/],
  [{ params: { a: undefined } }, /a in the params of /],
  [{ headers: 'a=b c' }, /the headers in /],
  [{ headers: '' }, /the headers in /],
  [{ scheme: 'tel', user: '+49 30' }, /the user in .*: a telephone number/],
  [{ scheme: 'tel', user: 'bob' }, /the user in .*: a telephone number/],
  [{ scheme: 'tel', user: '-' }, /the user in .*: a telephone number/],
  [{ scheme: 'tel', user: '1', headers: 'a=b' }, /the headers in /],
];

for (const [parts, message] of REFUSED) {
  test(`refused, and its part is named: ${JSON.stringify(parts)}`, () => {
    const uri = { ...BOB, ...parts } as Uri;

    assert.throws(() => checkPrintable(WHAT, uri), { code: 'INVALID', message });
  });
}

test('a text in place of a Uri is told what a Uri is', () => {
  const message = /the uri of a target: a Uri, as c\.uri is/;

  assert.throws(() => checkPrintable(WHAT, 'sip:bob@example.com' as unknown as Uri), { message });
});

const ACCEPTED: readonly string[] = [
  'sip:example.com',
  'sip:bob@EXAMPLE.com.',
  'sip:#31#030123@192.0.2.1:65535;lr;transport=tcp',
  'sip:bob:@example.com',
  'sip:[2001:db8::192.0.2.1]:1',
  'sip:%41%20b@a_b;x=%5b1]?a=b&c=',
  'tel:+1-201-555-0123;phone-context=example.com',
];

test('what the parser takes passes, also with a port, password or parameter on the edge of the grammar', () => {
  for (const text of ACCEPTED) checkPrintable(WHAT, parseUri(text));
});

/** What may be a URI: every word of the messages, and what stands in their brackets. */
function candidates(text: string): readonly string[] {
  return text.split(/[\s<>",]+/).filter((word) => word.includes(':'));
}

function passes(text: string): boolean {
  let uri: Uri;
  try {
    uri = parseUri(text);
  } catch {
    return false;
  }
  checkPrintable(WHAT, uri);
  checkUriText(WHAT, text);
  checkUriText(WHAT, printUri(uri));
  return true;
}

test('every URI of RFC 4475 and RFC 5118 that the parser takes passes, and so does what mutation makes of them', () => {
  const random = new SimRandom(4475);
  const messages = tortureCases().map(({ text }) => text);
  const mutated = messages.flatMap((text) =>
    Array.from({ length: 20 }, () => mutate(text, random, messages)),
  );
  const words = messages.flatMap(candidates);
  const changed = mutated.flatMap(candidates);

  assert.ok(words.filter(passes).length > 100);
  assert.ok(changed.filter(passes).length > 100);
});

test('what the check lets through is parsed as it was made', () => {
  const word = fc.string({
    minLength: 1,
    maxLength: 4,
    unit: fc.constantFrom(...'aZ0%2.-:;=?@ <#[]\r'.split('')),
  });
  const uris = fc.record({ user: word, host: word, name: word, value: word });

  fc.assert(
    fc.property(uris, ({ user, host, name, value }) => {
      const uri: Uri = { scheme: 'sip', user, host, params: { [name]: value } };
      try {
        checkPrintable(WHAT, uri);
      } catch {
        return;
      }
      const parsed = parseUri(printUri(uri));
      assert.deepEqual([parsed.user, Object.keys(parsed.params).length], [user, 1]);
      assert.equal(parsed.host, host.toLowerCase().replace(/\.$/, ''));
    }),
  );
});

const TEXTS: readonly string[] = ['', 'sip:a b@c', 'sip:a>@c', 'sip:a\0@c', 'sip:ü@c', 'sip:"@c'];

for (const text of TEXTS) {
  test(`a text that is no URI does not leave as one: ${JSON.stringify(text)}`, () => {
    assert.throws(() => checkUriText(WHAT, text), { code: 'INVALID', message: /a URI as text expected/ });
  });
}
