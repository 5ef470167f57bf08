import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMessage } from './parse.ts';

// oxfmt-ignore
const cases: readonly [what: string, uri: string, line: string | undefined][] = [
  ['another URI',                   'sip:carol@example.net', 'OPTIONS sip:carol@example.net SIP/2.0'],
  ['letters beyond latin1, as UTF-8', 'sip:Łódź@example.net', 'OPTIONS sip:Å\x81Ã³dÅº@example.net SIP/2.0'],
  ['a letter whose low byte is LF', 'sip:Ċ@example.net',     'OPTIONS sip:Ä\x8a@example.net SIP/2.0'],
  ['a line break',                  'sip:a@h\r\nX: y',       undefined],
  ['a bare LF',                     'sip:a@h\nX: y',         undefined],
  ['NUL',                           'sip:a\0@h',             undefined],
];

for (const [what, uri, line] of cases) {
  test(`a Request-URI set to ${what} ${line === undefined ? 'is refused' : 'leaves as one line'}`, () => {
    const request = parseMessage('OPTIONS sip:bob@example.com SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n');
    assert.ok(request.kind === 'request');

    if (line === undefined) {
      assert.throws(() => (request.uriText = uri), { code: 'BAD_HEADER', status: 500 });
      assert.equal(request.uriText, 'sip:bob@example.com');
      return;
    }
    request.uriText = uri;
    assert.equal(request.headers.text.split('\r\n')[0], line);
    assert.equal(request.headers.get('CSeq'), '1 OPTIONS');
  });
}
