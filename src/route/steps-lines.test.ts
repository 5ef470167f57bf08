import assert from 'node:assert/strict';
import { test } from 'node:test';
import { markOfRelay, ScriptLines, WAYS_MAX } from './steps-lines.ts';
import { parallel, type Plan, serial, type Target } from '../proxy/plan.ts';
import type { RelayOptions } from './decision.ts';

const relay = (lines: ScriptLines, path = 1): string => lines.of(path, 'relay', 0, 0) ?? '';
const relayElsewhere = (lines: ScriptLines, path = 1): string => lines.of(path, 'relay', 0, 0) ?? '';
const refuse = (lines: ScriptLines): string => lines.of(1, 'reply', 403, 0) ?? '';
const refuseElsewhere = (lines: ScriptLines): string => lines.of(1, 'reply', 403, 0) ?? '';

test('a way that leads to one line needs the stack a few times in a thousand', () => {
  const lines = new ScriptLines();

  for (let i = 0; i < 1_000; i++) assert.match(relay(lines), /^~?steps-lines\.test\.ts:7$/);

  assert.ok(lines.read < 30, `${lines.read}`);
});

test('a line that was read stands as it is, one that was taken from others that came the same way is marked', () => {
  const lines = new ScriptLines();

  for (let i = 0; i < 1_000; i++) {
    const { read } = lines;
    const line = relay(lines);
    assert.equal(line.startsWith('~'), lines.read === read);
  }
});

test('what is not marked is right, also where a way that has led to one line leads to another', () => {
  const lines = new ScriptLines();
  for (let i = 0; i < 100; i++) relay(lines);

  for (let i = 0; i < 1_000; i++)
    assert.match(relayElsewhere(lines), /^(?:~steps-lines\.test\.ts:7|steps-lines\.test\.ts:8)$/);

  assert.equal(relayElsewhere(lines), 'steps-lines.test.ts:8', 'known by now to have two ends');
});

const a: Target = { uri: { scheme: 'sip', user: 'x', host: '192.0.2.51', params: {} } };
const b: Target = { uri: { ...a.uri, host: '192.0.2.52' } };
const tel: Target = { uri: { scheme: 'tel', user: '1', host: '', params: {} } };
const noRoute = (): never => assert.fail();

// Each is a way of its own; those after it differ from it. [plan, options]
const relays: readonly (readonly [Plan, RelayOptions<never>])[] = [
  [a, {}],
  [b, {}],
  [tel, {}],
  [serial(a, b), {}],
  [parallel(a, b), {}],
  [serial(a, b, a), {}],
  [a, { onBranch: noRoute }],
  [a, { onReply: noRoute }],
  [a, { onFailure: noRoute }],
  [a, { onFailure: noRoute, onReply: noRoute }],
];

test('relays that differ in how many targets, in the first of them or in their routes are told apart', () => {
  const marks = relays.map(([plan, options]) => markOfRelay(plan, options));

  assert.equal(new Set(marks).size, relays.length, marks.join(' '));
  assert.ok(marks.every((mark) => Number.isInteger(mark)));
});

test('ways that differ in their mark alone do not share a line', () => {
  const lines = new ScriptLines();
  for (let i = 0; i < 100; i++) relay(lines);

  assert.equal(lines.of(1, 'relay', 0, 1), 'steps-lines.test.ts:70');
});

test('a way that is seen to end at two lines is looked up each time from then on', () => {
  const lines = new ScriptLines();

  for (let i = 0; i < 100; i++) {
    assert.equal(relay(lines), 'steps-lines.test.ts:7');
    assert.equal(relayElsewhere(lines), 'steps-lines.test.ts:8');
  }

  assert.equal(lines.read, 200);
});

test('a refusal is never taken for another one', () => {
  const lines = new ScriptLines();

  for (let i = 0; i < 100; i++) assert.equal(refuse(lines), 'steps-lines.test.ts:9');

  assert.equal(refuseElsewhere(lines), 'steps-lines.test.ts:10');
});

for (const [ways, readAgain] of [
  [WAYS_MAX, 0],
  [WAYS_MAX + 1, 1],
] as const) {
  test(`after ${ways} ways the first one is ${readAgain === 0 ? 'remembered' : 'forgotten'}`, () => {
    const lines = new ScriptLines();
    for (let i = 0; i < 8; i++) relay(lines, 0);
    for (let path = 1; path < ways; path++) relay(lines, path);
    const { read } = lines;

    for (let i = 0; i < 2; i++) relay(lines, 0);

    assert.equal(lines.read - read, readAgain * 2);
  });
}
