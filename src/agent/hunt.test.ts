/** Whom a call rings, and in which order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseUri } from '../sip/uri.ts';
import { type Callee, type CalleePlan, hunt, type HuntStep } from './hunt.ts';

const [a, b, c] = ['a', 'b', 'c'].map((user): Callee => ({ uri: parseUri(`sip:${user}@h`) })) as [
  Callee,
  Callee,
  Callee,
];

/** Plan, who settles it, who is rung, what comes of it. */
const rows: readonly (readonly [string, CalleePlan, string, string, HuntStep])[] = [
  ['one', a, '', 'a', 'next'],
  ['one after the other', { serial: [a, b, c] }, '', 'abc', 'next'],
  ['nobody after the one who answers', { serial: [a, b, c] }, 'b', 'ab', 'stop'],
  ['all at once', { parallel: [a, b, c] }, 'a', 'abc', 'stop'],
  ['those in the middle at once', { serial: [a, { parallel: [b, c] }] }, 'c', 'abc', 'stop'],
  ['nobody', { serial: [] }, '', '', 'next'],
];
for (const [name, plan, settles, expected, step] of rows) {
  test(`a plan rings ${name}`, async () => {
    let rung = '';
    const end = await hunt(plan, ({ uri }) => {
      rung += uri.user;
      return Promise.resolve(uri.user === settles ? 'stop' : 'next');
    });

    assert.deepEqual([rung, end], [expected, step]);
  });
}
