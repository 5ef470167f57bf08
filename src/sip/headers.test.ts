import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SipError } from '../base/errors.ts';
import { indexed, indexHeaders } from './header-index.ts';
import { type Headers } from './headers.ts';
import { parseMessage } from './parse.ts';

const TEXT =
  'INVITE sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP a\r\nSubject:\r\nX-A : one\r\n  two\r\nx-a: three\r\nl: 4\r\n\r\nbody';

function fields(text = TEXT): Headers {
  const message = parseMessage(text);
  assert.equal(message.kind, 'request');
  return message.kind === 'request' ? message.headers : assert.fail();
}

test('compact names, letter case and folding make no difference', () => {
  const headers = fields();

  assert.equal(headers.get('VIA'), 'SIP/2.0/UDP a');
  assert.equal(headers.get('Content-Length'), '4');
  assert.equal(headers.get('S'), '');
  assert.deepEqual(headers.all('X-a'), ['one two', 'three']);
  assert.equal(headers.has('X-B'), false);
  assert.equal(headers.text, TEXT);
});

const edits: readonly (readonly [what: string, edit: (h: Headers) => void, from: string, to: string])[] = [
  ['set replaces all lines', (h) => h.set('X-A', '1'), 'X-A : one\r\n  two\r\nx-a: three\r\n', 'X-A : 1\r\n'],
  ['set adds what is missing', (h) => h.set('X-B', 2), 'l: 4\r\n', 'l: 4\r\nX-B: 2\r\n'],
  ['remove takes every line', (h) => h.remove('x-A'), 'X-A : one\r\n  two\r\nx-a: three\r\n', ''],
  ['add at the top of its kind', (h) => h.add('x-a', '0', 'top'), 'X-A :', 'x-a: 0\r\nX-A :'],
  ['add at the bottom', (h) => h.add('x-a', '4'), 'l: 4\r\n', 'l: 4\r\nx-a: 4\r\n'],
];

for (const [what, edit, from, to] of edits) {
  test(`${what}, all else as it came`, () => {
    const headers = fields();

    edit(headers);

    assert.equal(
      headers.text,
      TEXT.replace(from, () => to),
    );
    assert.equal(headers.text.substring(headers.bodyAt), 'body');
  });
}

for (const value of ['a\r\nX-Evil: 1', 'a\nb', 'a\rb', 'a\0b']) {
  test(`a value cannot begin a field of its own: ${JSON.stringify(value)}`, () => {
    const headers = fields();

    assert.throws(() => headers.set('X-A', value), SipError);
    assert.throws(() => headers.add('X-C', value), SipError);
    assert.equal(headers.text, TEXT);
  });
}

test('tags are found behind folds, tabs and quoted parameters', () => {
  const message = parseMessage(
    'BYE sip:a@b SIP/2.0\r\nFrom: "x;tag=no" <sip:a@b;tag=no>\r\n ;\r\n\ttag = one\r\n' +
      'To: sip:b@c;x=";tag=no";TAG=two\r\n\r\n',
  );

  assert.equal(message.kind, 'request');
  if (message.kind === 'request') assert.deepEqual([message.fromTag, message.toTag], ['one', 'two']);
});

const REQUEST = [
  'INVITE sip:a@b SIP/2.0',
  'Via: SIP/2.0/UDP a;branch=z9hG4bK1',
  'v: SIP/2.0/UDP b;branch=z9hG4bK2',
  'From: <sip:c@d>;tag=1',
  'To: <sip:a@b>',
  'Call-ID: x@y',
  'CSeq: 1 INVITE',
  's: old',
  'X-A : one',
  '  two',
  'm: <sip:c@e>',
  'x-a: three',
  'Content-Length: 4',
  '',
  'body',
].join('\r\n');

/** What an edit may be called with. */
const EDITED = ['X-A', 'x-a', 'Subject', 's', 'Route', 'Event', 'o', 'P-Asserted-Identity', 'k'];
const VALUES = ['', 'v', ' v ', 'a longer value than before', '<sip:a@b;lr>', 'x'.repeat(300), 'é', '☎', 7];

for (let seed = 1; seed <= 40; seed++) {
  test(`after edits the fields are found where they stand, seed ${seed}`, () => {
    const message = parseMessage(REQUEST);
    assert.ok(message.kind === 'request');
    let random = seed * 7919;
    const pick = <T>(from: readonly T[]): T => {
      random = (random * 1_103_515_245 + 12_345) & 0x7fff_ffff;
      return from[(random >> 8) % from.length]!;
    };
    const before = message.text;
    const copy = message.copy();
    for (let edit = 0; edit < 12; edit++) {
      void [copy.callId, copy.cseq, copy.fromTag, copy.toTag];
      const name = pick(EDITED);
      const how = pick(['set', 'set', 'add', 'top', 'remove']);
      if (how === 'remove') copy.headers.remove(name);
      else if (how === 'set') copy.headers.set(name, pick(VALUES));
      else copy.headers.add(name, pick(VALUES), how === 'top' ? 'top' : 'bottom');
      const { text, index, startsAt, endsAt, bodyAt, seen, twice } = copy.headers;
      const anew = indexHeaders(text, startsAt);
      assert.deepEqual(index, anew, `${how} ${name}:\n${text}`);
      assert.deepEqual(
        [endsAt, bodyAt, seen, twice],
        [indexed.endsAt, indexed.bodyAt, indexed.seen, indexed.twice],
      );
      const again = parseMessage(text);
      assert.ok(again.kind === 'request');
      assert.deepEqual(
        [copy.callId, copy.cseq, copy.fromTag, copy.toTag],
        [again.callId, again.cseq, again.fromTag, again.toTag],
      );
    }
    assert.equal(message.text, before);
  });
}
