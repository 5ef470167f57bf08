import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { parseUri } from '../sip/uri.ts';
import { addDiversion, DIVERSIONS_MAX, diversionsOf, forgetPlaces } from './diversion.ts';

function request(...headers: string[]): SipRequest {
  const lines = ['INVITE sip:bob@example.com SIP/2.0', ...headers, '', ''];
  const message = parseMessage(lines.join('\r\n'));
  assert.ok(message.kind === 'request');
  return message;
}

// [headers, how often it was forwarded]
const COUNTS: readonly (readonly [headers: readonly string[], count: number])[] = [
  [[], 0],
  [['Diversion: <sip:a@x.example>;reason=user-busy'], 1],
  [['Diversion: <sip:a@x.example>;counter=3, <tel:+4930>;reason=no-answer'], 4],
  [['Diversion: <sip:a@x.example>;counter=many'], 1],
  [['Diversion: <sip:a@x.example>;counter=-5'], 1],
  [['Diversion: <<>>', 'Diversion: <sip:a@x.example>'], 2],
  [['History-Info: <sip:a@x.example>;index=1, <sip:b@x.example;cause=302>;index=1.1'], 1],
  [['History-Info: <sip:b@x.example;cause=302>;index=1.1', 'Diversion: <sip:a@x.example>;counter=2'], 2],
];

for (const [headers, count] of COUNTS) {
  test(`${headers.length === 0 ? 'a call that comes straight' : headers.join(' ')}: ${count}`, () => {
    assert.equal(diversionsOf(request(...headers)), count);
  });
}

for (const [headers, count] of COUNTS) {
  test(`${headers.join(' ') || 'nothing'}, once forgotten, is ${count} times without a place`, () => {
    const asked = request(...headers);

    forgetPlaces(asked);

    assert.equal(diversionsOf(asked), count);
    assert.doesNotMatch(asked.text, /x\.example|4930|History-Info/);
  });
}

test('more forwardings than any call may have are forgotten down to those', () => {
  const asked = request('Diversion: <sip:a@x.example>;counter=99999');

  forgetPlaces(asked);

  assert.equal(diversionsOf(asked), DIVERSIONS_MAX);
});

const step = {
  from: parseUri('sip:bob@example.com;transport=tcp'),
  to: parseUri('sip:carol@example.com'),
  reason: 'user-busy',
} as const;

// [the index of the last entry that came, that of ours]
const INDEXES: readonly (readonly [last: string | undefined, ours: string])[] = [
  [undefined, '1.1'],
  ['1', '1.1'],
  ['1.2.3', '1.2.3.1'],
  ['1..2', '1.1'],
  ['x', '1.1'],
  [`1${'.1'.repeat(31)}`, `1${'.1'.repeat(32)}`],
  [`1${'.1'.repeat(32)}`, '1.1'],
];

for (const [last, ours] of INDEXES) {
  test(`after index ${last} comes ${ours}`, () => {
    const asked = request(
      ...(last === undefined ? [] : [`History-Info: <sip:bob@example.com>;index=${last}`]),
    );

    addDiversion(asked, step);

    const entry = asked.headers.all('History-Info').at(-1);
    const [, index] = /;index=([\d.]+);mp=/.exec(entry ?? '') ?? [];
    assert.equal(index, ours);
  });
}

test('the newest Diversion stands on top, and has the address alone', () => {
  const asked = request('Diversion: <sip:a@x.example>');

  addDiversion(asked, step);

  assert.deepEqual(asked.headers.all('Diversion'), [
    '<sip:bob@example.com>;reason=user-busy;counter=1;privacy=off',
    '<sip:a@x.example>',
  ]);
});
