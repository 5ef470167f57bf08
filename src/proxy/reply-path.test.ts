import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMessage } from '../sip/parse.ts';
import { edited, withoutTopVia } from './reply-path.ts';

const OURS = 'SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours';
const NEXT = 'SIP/2.0/UDP 192.0.2.11;branch=z9hG4bKnext';
const QUOTED = 'SIP/2.0/UDP 192.0.2.1;x="a,b";branch=z9hG4bKours';

// [what, the lines that came, those that go on]
const cases: readonly [string, string[], string[]][] = [
  ['on lines of their own', [`Via: ${OURS}`, `Via: ${NEXT}`], [`Via: ${NEXT}`]],
  ['on one line', [`Via: ${OURS}, ${NEXT}`], [`Via: ${NEXT}`]],
  ['on one line without blanks', [`v:${OURS},${NEXT}`], [`v:${NEXT}`]],
  ['three on two lines', [`Via: ${OURS} , ${NEXT}`, `Via: ${NEXT}`], [`Via: ${NEXT}`, `Via: ${NEXT}`]],
  ['another field between', [`Via: ${OURS}`, 'X: y', `Via: ${NEXT}`], ['X: y', `Via: ${NEXT}`]],
  ['not at the top', ['X: y', `Via: ${OURS}`, `Via: ${NEXT}`], ['X: y', `Via: ${NEXT}`]],
  ['a comma in quotes', [`Via: ${QUOTED}, ${NEXT}`], [`Via: ${NEXT}`]],
  ['a comma and a fold', [`Via: ${OURS},\r\n ${NEXT}`], [`Via: ${NEXT}`]],
  ['ours alone', [`Via: ${OURS}`], []],
];

for (const [what, lines, left] of cases) {
  test(`our Via comes off: ${what}`, () => {
    const text = (fields: readonly string[]): string =>
      ['SIP/2.0 200 OK', ...fields, 'CSeq: 1 INVITE', 'Content-Length: 4', '', 'body'].join('\r\n');
    const response = parseMessage(text(lines));
    assert.ok(response.kind === 'response');

    assert.equal(withoutTopVia(response), text(left));
  });
}

test('edits are made in the order of their places; what stands between is as it was', () => {
  const text = '0123456789';

  assert.equal(edited(text, []), text);
  assert.equal(edited(text, [{ from: 2, to: 4, put: 'two' }]), '01two456789');
  const edits = [
    { from: 0, to: 1, put: '' },
    { from: 4, to: 4, put: '-' },
    { from: 9, to: 10, put: 'nine' },
  ];
  assert.equal(edited(text, edits), '123-45678nine');
});
