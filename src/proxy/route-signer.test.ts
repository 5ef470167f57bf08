import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMessage } from '../sip/parse.ts';
import { leadsToCallee, MARK_LENGTH_MAX, type RouteMark, RouteSigner } from './route-signer.ts';

const signer = new RouteSigner('secret');
const said: RouteMark = { call: 1234, fromCaller: false, target: 77, neighbour: -5, flow: '' };
const mark = signer.sign(said, 'call-1 tag-a');

test('a mark of ours comes back with all that it said', () => {
  for (const fromCaller of [false, true]) {
    const made = signer.sign({ ...said, fromCaller }, 'call-1 tag-a');

    assert.deepEqual(signer.verify(made, 'call-1 tag-a'), { ...said, fromCaller });
    assert.equal(leadsToCallee(made), fromCaller);
    assert.equal(made.length, mark.length);
  }
});

test('a mark outlives a restart, and not another secret', () => {
  assert.equal(new RouteSigner('secret').sign(said, 'call-1 tag-a'), mark);
  assert.equal(new RouteSigner('another').verify(mark, 'call-1 tag-a'), undefined);
});

test('a mark of another dialog is not ours', () => {
  for (const about of ['', 'call-2 tag-a', 'call-1 tag-b', 'call-1 tag-a ', 'Call-1 tag-a'])
    assert.equal(signer.verify(mark, about), undefined);
});

test('a mark proves the flow token beside it: another one, or none, makes it no mark of ours', () => {
  const bound = signer.sign({ ...said, flow: 'token' }, 'call-1 tag-a');

  assert.equal(bound.length, mark.length);
  assert.deepEqual(signer.verify(bound, 'call-1 tag-a', 'token'), { ...said, flow: 'token' });
  for (const flow of ['', 'another', 'token '])
    assert.equal(signer.verify(bound, 'call-1 tag-a', flow), undefined);
  assert.equal(signer.verify(mark, 'call-1 tag-a', 'token'), undefined);
});

test('no character of a mark can be changed, added or left out', () => {
  for (let at = 0; at < mark.length; at++) {
    const other = mark[at] === 'x' ? 'y' : 'x';
    for (const forged of [
      mark.slice(0, at) + other + mark.slice(at + 1),
      mark.slice(0, at) + mark.slice(at + 1),
    ]) {
      assert.equal(signer.verify(forged, 'call-1 tag-a'), undefined, forged);
    }
  }
  for (const forged of ['', '.', 'b.', 'bya.', `${mark}0`, `0${mark}`, `1.${mark}`, mark.repeat(2)]) {
    assert.equal(signer.verify(forged, 'call-1 tag-a'), undefined, forged);
  }
});

test('every number of a record comes back, 0 too, and every hash', () => {
  for (const call of [0, 1, 35, 36, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
    assert.equal(signer.verify(signer.sign({ ...said, call }, 'c t'), 'c t')?.call, call);
  }
  for (const target of [0, 1, 255, 256, -1, 0x7fffffff, -0x80000000, 0x12345678]) {
    assert.equal(signer.verify(signer.sign({ ...said, target }, 'c t'), 'c t')?.target, target);
    assert.equal(signer.verify(signer.sign({ ...said, neighbour: target }, 'c t'), 'c t')?.neighbour, target);
  }
});

test('a mark is a token of a URI parameter and of a branch', () => {
  for (let call = 0; call < 200; call++)
    assert.match(signer.sign({ ...said, call }, `c${call} t`), /^[\w.-]+$/);
});

test('a dialog is named by a message as by its text', () => {
  const lines = ['BYE sip:b@h SIP/2.0', 'From: <sip:a@h>;tag=a', 'i:  call-1 ', 'CSeq: 1 BYE', '', ''];
  const message = parseMessage(lines.join('\r\n'));
  assert.ok(message.kind === 'request');
  const { headers } = message;

  assert.equal(signer.sign(said, { headers, tag: 'tag-a' }), mark);
  const both = signer.sign(said, 'call-1 tag-a tag-b');
  assert.deepEqual(signer.verify(both, { headers, tag: 'tag-a', otherTag: 'tag-b' }), said);
  assert.equal(signer.verify(both, { headers, tag: 'tag-a' }), undefined);
  assert.equal(signer.verify(both, { headers, tag: 'tag-b', otherTag: 'tag-a' }), undefined);
});

test('no mark is longer than that of the last number; one that is longer is none of ours', () => {
  const longest = signer.sign({ ...said, call: Number.MAX_SAFE_INTEGER }, 'c t');

  assert.equal(longest.length, MARK_LENGTH_MAX);
  assert.equal(signer.verify(longest, 'c t')?.call, Number.MAX_SAFE_INTEGER);
  assert.equal(signer.verify(longest.replace('.', '0.'), 'c t'), undefined);
});
