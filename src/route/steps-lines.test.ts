import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScriptLines, WAYS_MAX } from './steps-lines.ts';

const relay = (lines: ScriptLines, path = 1): string => lines.of(path, 'relay', 0) ?? '';
const relayElsewhere = (lines: ScriptLines, path = 1): string => lines.of(path, 'relay', 0) ?? '';
const refuse = (lines: ScriptLines): string => lines.of(1, 'reply', 403) ?? '';
const refuseElsewhere = (lines: ScriptLines): string => lines.of(1, 'reply', 403) ?? '';

test('a way that leads to one line needs the stack a few times in a thousand', () => {
  const lines = new ScriptLines();

  for (let i = 0; i < 1_000; i++) assert.equal(relay(lines), 'steps-lines.test.ts:5');

  assert.ok(lines.read < 30, `${lines.read}`);
});

test('a way that is seen to end at two lines is looked up each time from then on', () => {
  const lines = new ScriptLines();

  for (let i = 0; i < 100; i++) {
    assert.equal(relay(lines), 'steps-lines.test.ts:5');
    assert.equal(relayElsewhere(lines), 'steps-lines.test.ts:6');
  }

  assert.equal(lines.read, 200);
});

test('a refusal is never taken for another one', () => {
  const lines = new ScriptLines();

  for (let i = 0; i < 100; i++) assert.equal(refuse(lines), 'steps-lines.test.ts:7');

  assert.equal(refuseElsewhere(lines), 'steps-lines.test.ts:8');
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
