import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replyTo } from './build.ts';
import type { SipRequest } from './message.ts';
import { parseMessage } from './parse.ts';

const HEAD = [
  'OPTIONS sip:a@example.com SIP/2.0',
  'Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1',
  'From: <sip:b@example.com>;tag=1',
  'To: <sip:a@example.com>',
  'Call-ID: c',
  'CSeq: 1 OPTIONS',
];

function parsed(more: readonly string[], body = ''): SipRequest {
  const message = parseMessage(`${[...HEAD, ...more].join('\r\n')}\r\n\r\n${body}`);
  assert.equal(message.kind, 'request');
  return message as SipRequest;
}

// [what stands in the head, why it is refused]
const refused: readonly [string, string][] = [
  ['Subject: a\rX: y', 'a CR stands alone'],
  ['Subject: a\r\r\nX: y', 'a CR stands alone'],
  ['Subject: a\r\n \rX: y', 'a CR stands alone'],
  ['Subject: a\0b', 'a NUL stands alone'],
  ['Subject: a\0\r\nX: y', 'a NUL stands alone'],
];

for (const [line, why] of refused) {
  test(`${JSON.stringify(line)} is refused: ${why}`, () => {
    const message = parseMessage(`${[...HEAD, line, 'l: 0'].join('\r\n')}\r\n\r\n`);

    assert.equal(message.kind, 'bad');
    assert.equal(message.kind === 'bad' && message.why, why);
  });
}

/** Broken lines that hold nothing an answer is made of. */
const brokenLines: readonly [line: string, why: string][] = [
  ['Subject', 'a header field has no colon'],
  ['X Foo: a', 'a header field has no name'],
  [': a', 'a header field has no name'],
  ['X Foo: a\r\n Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2', 'a header field has no name'],
  ['Subject: a\rVia: SIP/2.0/UDP 192.0.2.9', 'a CR stands alone'],
  ['Subject: a\0b', 'a NUL stands alone'],
  [Array(260).fill('X: y').join('\r\n'), 'more than 256 header lines'],
];

for (const [line, why] of brokenLines) {
  for (const [where, lines] of [
    ['below', [...HEAD, line]],
    ['among', [...HEAD.slice(0, 2), line.split('\r\nX: y')[0] ?? '', ...HEAD.slice(2), line]],
  ] as const) {
    for (const end of ['\r\n', '\n']) {
      const shown = `${JSON.stringify(line.substring(0, 40))}, lines ended by ${JSON.stringify(end)},`;
      test(`${shown} ${where} the fields of an answer is answered with them alone`, () => {
        const message = parseMessage(`${lines.join(end)}${end}l: 4${end}${end}body`);

        assert.ok(message.kind === 'bad');
        assert.deepEqual([message.status, message.method], [400, 'OPTIONS']);
        assert.equal(message.why, why);
        assert.equal(message.headers?.text, `${HEAD.join('\r\n')}\r\n\r\n`);
      });
    }
  }
}

// [what an answer cannot be made of]
const unanswerable: readonly [what: string, text: string][] = [
  ['no Via', lineless(1)],
  ['no From', lineless(2)],
  ['no To', lineless(3)],
  ['no Call-ID', lineless(4)],
  ['no CSeq', lineless(5)],
  ['a broken From', `${HEAD.join('\r\n').replace('tag=1', 'tag=1\rX: y')}\r\n\r\n`],
  ['a NUL in To', `${HEAD.join('\r\n').replace('To: ', 'To: \0')}\r\nX\r\n\r\n`],
  [
    'its Via behind 32 lines',
    `${[HEAD[0], ...Array(32).fill('X: y'), ...HEAD.slice(1)].join('\r\n')}\r\nX\r\n\r\n`,
  ],
];

/** Without the line at this place, and with a broken one. */
function lineless(place: number): string {
  return `${HEAD.filter((_, at) => at !== place).join('\r\n')}\r\nX Foo: a\r\n\r\n`;
}

for (const [what, text] of unanswerable) {
  test(`a broken request with ${what} cannot be answered`, () => {
    const message = parseMessage(text);

    assert.ok(message.kind === 'bad');
    assert.equal(message.headers, undefined);
  });
}

test('a broken response is no request that could be answered', () => {
  for (const version of ['SIP/2.0', 'sip/2.0']) {
    const message = parseMessage(
      `${[`${version} 200 OK`, ...HEAD.slice(1), 'X Foo: a'].join('\r\n')}\r\n\r\n`,
    );

    assert.ok(message.kind === 'bad');
    assert.equal(message.method, '');
  }
});

test('a request that was cut short within a name can be answered', () => {
  const message = parseMessage(`${HEAD.join('\r\n')}\r\nConte`);

  assert.ok(message.kind === 'bad');
  assert.equal(message.headers?.get('Call-ID'), 'c');
});

for (const version of ['sip/2.0', 'Sip/2.0', 'SIP/2.0']) {
  test(`a status line of ${version} is one, and goes on in capitals`, () => {
    const message = parseMessage(`${[`${version} 183 Yes`, ...HEAD.slice(1)].join('\r\n')}\r\n\r\n`);

    assert.ok(message.kind === 'response');
    assert.deepEqual([message.status, message.reason, message.callId], [183, 'Yes', 'c']);
    assert.equal(message.text.startsWith('SIP/2.0 183 Yes\r\nVia'), true);
  });
}

for (const start of [
  'sip/3.0 200 OK',
  'sip/2.0',
  'sip/2.00200 OK',
  'sip/2.0\t200 OK',
  'six/2.0 200 OK',
  'sip/2.0 99 OK',
]) {
  test(`${JSON.stringify(start)} is no status line`, () => {
    assert.equal(parseMessage(`${[start, ...HEAD.slice(1)].join('\r\n')}\r\n\r\n`).kind, 'bad');
  });
}

test('a CR in the request line is refused', () => {
  const text = `${HEAD.join('\r\n')}\r\n\r\n`.replace('a@example.com SIP', 'a@example.com\rX:y SIP');

  assert.equal(parseMessage(text).kind, 'bad');
});

test('a NUL behind a backslash in quotes is allowed', () => {
  assert.equal(parsed(['Subject: "a\\\0b"', 'l: 0']).headers.get('Subject'), '"a\\\0b"');
});

test('bare line feeds become line ends in the head, and stay what they are in the body', () => {
  const message = parseMessage(`${HEAD.join('\n')}\nSubject: a\n b\nl: 3\n\na\nb`);

  assert.equal(message.kind, 'request');
  assert.equal((message as SipRequest).text, `${HEAD.join('\r\n')}\r\nSubject: a\r\n b\r\nl: 3\r\n\r\na\nb`);
});

test('a datagram without Content-Length gets one, so that it may go on over a stream', () => {
  assert.equal(parsed([], 'four').headers.get('Content-Length'), '4');
  assert.equal(parsed([], 'four').body, 'four');
});

test('a request that was cut short can be answered: its fields are read as far as they came', () => {
  const message = parseMessage(HEAD.join('\r\n'));

  assert.equal(message.kind, 'bad');
  assert.deepEqual(
    message.kind === 'bad' && [message.status, message.method, message.headers?.get('Call-ID')],
    [400, 'OPTIONS', 'c'],
  );
});

test('a folded field is one line, and no byte of its letters is taken for a blank', () => {
  const folded = parsed(['Subject: voil\xc3\xa0\r\n  \t\xc3\xa0 la \r\n\tfin', 'l: 0']).headers.get(
    'Subject',
  );

  assert.equal(folded, 'voil\xc3\xa0 \xc3\xa0 la fin');
});

// [what stands in To, its tag]
const tags: readonly [string, string][] = [
  ['<sip:a@b>;tag=1', '1'],
  ['<sip:a@b>\r\n ;\r\n\ttag \t= \r\n 98 ;x=y', '98'],
  ['<sip:a@b>;x=";tag=9";TAG=2', '2'],
  ['sip:a@b;tag=x', 'x'],
  ['<sip:a@b>;tag;tag=4', '4'],
  ['<sip:a;tag=1@b>', ''],
  ['"a;tag=3" <sip:a@b>', ''],
  ['<sip:a@b>;tagx=1', ''],
];

for (const [to, tag] of tags) {
  test(`the tag of ${JSON.stringify(to)} is ${JSON.stringify(tag)}`, () => {
    const text = `${HEAD.join('\r\n')}\r\nl: 0\r\n\r\n`.replace('To: <sip:a@example.com>', `To: ${to}`);

    assert.equal((parseMessage(text) as SipRequest).toTag, tag);
  });
}

test('what a script answers with goes out in UTF-8, and cannot begin a field of its own', () => {
  const request = parsed(['l: 0']);

  const reply = replyTo(request, 404, { reason: 'Nobody … here', headers: [['Subject', 'łódź']], body: '✓' });

  assert.match(
    Buffer.from(reply, 'latin1').toString(),
    /^SIP\/2.0 404 Nobody … here\r\n[^]*Subject: łódź\r\n/,
  );
  assert.match(reply, /Content-Length: 3\r\n\r\n...$/);
  assert.throws(() => replyTo(request, 404, { reason: 'No\r\nX: y' }), { code: 'BAD_HEADER' });
  assert.throws(() => replyTo(request, 404, { headers: [['Subject', 'a\r\nX: y']] }), { code: 'BAD_HEADER' });
});
