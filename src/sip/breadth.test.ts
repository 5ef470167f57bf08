import assert from 'node:assert/strict';
import { test } from 'node:test';
import { breadthShare, maxBreadth, widthOf } from './breadth.ts';
import type { SipRequest } from './message.ts';
import { parseMessage } from './parse.ts';

type Plan = Parameters<typeof widthOf>[0];
const parallel = (...plans: Plan[]): Plan => ({ parallel: plans });
const serial = (...plans: Plan[]): Plan => ({ serial: plans });
const one: Plan = { uri: { scheme: 'sip', host: 'h', params: {} } };
const many = (count: number): Plan => parallel(...Array.from({ length: count }, () => one));

function request(lines: readonly string[]): SipRequest {
  const message = parseMessage(['INVITE sip:b@h SIP/2.0', ...lines, '', ''].join('\r\n'));
  assert.ok(message.kind === 'request');
  return message;
}

// [plan, branches open at one time]
const widths: readonly [Plan, number][] = [
  [one, 1],
  [many(3), 3],
  [serial(one, one), 1],
  [serial(many(2), many(3), one), 3],
  [parallel(serial(one, many(2)), one), 3],
  [parallel(), 0],
  [serial(), 0],
];

for (const [plan, width] of widths) {
  test(`a plan of width ${width}: ${JSON.stringify(plan).replace(/\{"uri":[^}]*\}\}\}?/g, '•')}`, () => {
    assert.equal(widthOf(plan), width);
  });
}

// RFC 5393 §5. [plan, Max-Breadth that came, what each branch gets: undefined leaves it, 0 is 440]
const shares: readonly [string, Plan, number | undefined, number | undefined][] = [
  ['one branch leaves it alone', one, 7, undefined],
  ['one branch, none said', one, undefined, undefined],
  ['serial branches leave it alone', serial(one, one), 7, undefined],
  ['two branches halve it', many(2), 7, 3],
  ['none said: sixty', many(2), undefined, 30],
  ['just enough', many(3), 3, 1],
  ['not enough', many(3), 2, 0],
  ['nothing left for one', one, 0, 0],
  ['sixty are the most: one branch gets no more', one, 61, 60],
  ['sixty may stay', one, 60, undefined],
  ['serial branches get no more either', serial(one, one), 2_000_000_000, 60],
  ['sixty are the most that are shared', many(10), 2_000_000_000, 6],
  ['more than 32 branches are never opened', many(80), undefined, 1],
  ['nobody to ring', parallel(), 5, undefined],
];

for (const [what, plan, breadth, share] of shares) {
  test(`breadth: ${what}`, () => assert.equal(breadthShare(plan, breadth), share));
}

// RFC 5393 §5.3.3: one or more digits. [value, what it counts as]
const values: readonly [string, number][] = [
  ['12', 12],
  ['0', 0],
  ['007', 7],
  ['-5', 0],
  ['+5', 0],
  ['5.5', 0],
  ['1e3', 0],
  ['5 5', 0],
  ['lots', 0],
  ['', 0],
  ['2147483647', 2_147_483_647],
  ['2147483648', 2_147_483_647],
  ['9'.repeat(400), 2_147_483_647],
];

for (const [value, breadth] of values) {
  test(`Max-Breadth: ${value.substring(0, 12)} is ${breadth}`, () => {
    assert.equal(maxBreadth(request([`max-breadth: ${value}`])), breadth);
  });
}

test('a request without Max-Breadth says nothing', () => assert.equal(maxBreadth(request([])), undefined));
