import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SipError } from '../base/errors.ts';
import { EDITED_BYTES_MAX } from './body.ts';
import type { SipRequest, SipResponse } from './message.ts';
import { parseMessage } from './parse.ts';

const FIRST = { request: 'INVITE sip:a@b SIP/2.0', response: 'SIP/2.0 200 OK' } as const;

function message(lines: readonly string[], body = '', first: string = FIRST.request) {
  const parsed = parseMessage([first, 'Via: SIP/2.0/UDP a', ...lines, '', body].join('\r\n'));
  assert.ok(parsed.kind !== 'bad');
  return parsed;
}

/** What stands below the Via: the header fields, and the body behind a bar. */
function rest({ text }: SipRequest | SipResponse): string {
  const [head = '', ...body] = text.split('\r\n\r\n');
  return [...head.split('\r\n').slice(2), `|${body.join('\r\n\r\n')}`].join(' ');
}

const SDP = ['Content-Type: application/sdp', 'Content-Encoding: gzip', 'Content-Length: 4'];

// [what, lines, body, the new one, its type, what becomes of it]
type Row = readonly [
  string,
  readonly string[],
  string,
  string | Uint8Array,
  string | undefined,
  string | undefined,
];
const bodies: readonly Row[] = [
  [
    'of the same kind keeps what is said of it',
    SDP,
    'body',
    'longer body',
    undefined,
    'Content-Type: application/sdp Content-Encoding: gzip Content-Length: 11 |longer body',
  ],
  ['of another kind', SDP, 'body', 'x', 'text/plain', 'Content-Type: text/plain Content-Length: 1 |x'],
  ['that is taken out', SDP, 'body', '', undefined, 'Content-Length: 0 |'],
  ['that is taken out, whatever its type', SDP, 'body', '', 'text/plain', 'Content-Length: 0 |'],
  ['where none was', ['l: 0'], '', 'x', 'text/plain', 'l: 1 Content-Type: text/plain |x'],
  ['in short form', ['c: a/b', 'l: 1'], 'x', 'yy', undefined, 'c: a/b l: 2 |yy'],
  ['in short form of another kind', ['c: a/b', 'l: 1'], 'x', 'yy', 'c/d', 'c: c/d l: 2 |yy'],
  ['as bytes', SDP, 'body', Uint8Array.of(0, 13, 10, 128, 255), 'a/b', undefined],
  ['with bytes beyond ASCII', SDP, 'body', 'a\0b\u00e9\r\n\r\nc', 'a/b', undefined],
  ['with letters beyond latin1', ['c: a/b', 'l: 1'], 'x', 'ł', undefined, 'c: a/b l: 2 |\u00c5\u0082'],
];

for (const [what, lines, body, put, type, left] of bodies) {
  for (const kind of ['request', 'response'] as const) {
    test(`a body ${what}, of a ${kind}`, () => {
      const edited = message(lines, body, FIRST[kind]);

      edited.setBody(put, type);

      if (left !== undefined) assert.equal(rest(edited), left);
      else assert.equal(edited.body, typeof put === 'string' ? put : Buffer.from(put).latin1Slice());
      const again = parseMessage(edited.text);
      assert.ok(again.kind !== 'bad');
      assert.equal(again.text, edited.text);
      assert.equal(Number(again.headers.get('Content-Length')), again.body.length);
    });
  }
}

test('Content-Length goes with the body, and cannot be taken out', () => {
  const edited = message(['Content-Type: a/b', 'Content-Length: 1'], 'x');
  assert.throws(() => edited.headers.remove('Content-Length'), { status: 500 });

  edited.setBody('yy');

  assert.equal(rest(edited), 'Content-Type: a/b Content-Length: 2 |yy');
});

test('what was read as body is put back as it was', () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).latin1Slice();
  const edited = message(['Content-Type: a/b', 'Content-Length: 256'], bytes);
  const { text } = edited;

  edited.setBody(edited.body);

  assert.equal(edited.text, text);
});

test('a body may make the message as long as it may be, and no longer', () => {
  const edited = message(['Content-Type: a/b', 'Content-Length: 0']);
  const most = EDITED_BYTES_MAX - edited.text.length;

  edited.setBody('x'.repeat(most));
  assert.equal(edited.body.length, most);

  assert.throws(() => edited.setBody('x'.repeat(most + 1)), SipError);
  assert.equal(edited.body.length, most, 'what is refused changes nothing');
});

for (const [what, body, type, why] of [
  ['without a type', 'x', undefined, /needs its type/],
  ['whose type would begin a header field', 'x', 'a/b\r\nX: 1', /line break/],
] as const) {
  test(`a body ${what} is refused`, () => {
    assert.throws(() => message(['Content-Length: 0']).setBody(body, type), why);
  });
}
