import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteSigner } from './route-signer.ts';

const signer = new RouteSigner('secret');
const mark = signer.sign('call-1', 'tag-a', 1234);

test('a mark of ours names the record and the side it comes from', () => {
  assert.deepEqual(signer.verify(mark, 'call-1', 'tag-a'), { call: 1234, fromCaller: true });
  assert.deepEqual(signer.verify(mark, 'call-1', 'tag-b'), { call: 1234, fromCaller: false });
});

test('a mark outlives a restart, and not another secret', () => {
  assert.equal(new RouteSigner('secret').sign('call-1', 'tag-a', 1234), mark);
  assert.equal(new RouteSigner('another').verify(mark, 'call-1', 'tag-a'), undefined);
});

test('a mark of another call is not ours', () => {
  for (const callId of ['', 'call-2', 'call-1 ', 'Call-1'])
    assert.equal(signer.verify(mark, callId, 'tag-a'), undefined);
});

test('no character of a mark can be changed, added or left out', () => {
  for (let at = 0; at < mark.length; at++) {
    const other = mark[at] === 'x' ? 'y' : 'x';
    for (const forged of [
      mark.slice(0, at) + other + mark.slice(at + 1),
      mark.slice(0, at) + mark.slice(at + 1),
    ]) {
      assert.equal(signer.verify(forged, 'call-1', 'tag-a'), undefined, forged);
    }
  }
  for (const forged of ['', '.', 'ya.', `${mark}0`, `0${mark}`, `1.${mark}`, mark.repeat(2)]) {
    assert.equal(signer.verify(forged, 'call-1', 'tag-a'), undefined, forged);
  }
});

test('every number of a record comes back, 0 too', () => {
  for (const call of [0, 1, 35, 36, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
    assert.equal(signer.verify(signer.sign('c', 't', call), 'c', 't')?.call, call);
  }
});

test('a mark is a token of a URI parameter and of a branch', () => {
  for (let call = 0; call < 200; call++) assert.match(signer.sign(`c${call}`, 't', call), /^[\w.-]+$/);
});
