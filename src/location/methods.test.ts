import { test } from 'node:test';
import assert from 'node:assert/strict';
import { parseMessage } from '../sip/parse.ts';
import { ALLOW_LENGTH_MAX, ALLOW_LINES_MAX, AllowLines } from './methods.ts';

const BYE = 0b1000;

function methodsIn(lines: AllowLines, ...values: readonly string[]): number | undefined {
  const allow = values.map((value) => `Allow: ${value}\r\n`).join('');
  const message = parseMessage(`REGISTER sip:example.com SIP/2.0\r\n${allow}Content-Length: 0\r\n\r\n`);
  assert.ok(message.kind === 'request');
  return lines.methodsIn(message.headers);
}

const cases: [said: readonly string[], mask: number | undefined][] = [
  [[], undefined],
  [[''], 0],
  [['INVITE'], 0b1],
  [['INVITE, ACK,BYE'], 0b1101],
  [['INVITE', 'ACK, BYE'], 0b1101],
  [['REFER, PRACK, PUBLISH, MESSAGE'], 0b11_1001_0000_0000],
  [['invite, INVITEX, BYEBYE, WHATEVER'], 0],
];

for (const [said, mask] of cases) {
  test(`Allow: ${said.join(' and ')} means ${mask}, the first time and the next`, () => {
    const lines = new AllowLines();

    assert.deepEqual([methodsIn(lines, ...said), methodsIn(lines, ...said)], [mask, mask]);
  });
}

const crowds: [said: number, remembered: number][] = [
  [ALLOW_LINES_MAX, ALLOW_LINES_MAX],
  [ALLOW_LINES_MAX + 1, 1],
];

for (const [said, remembered] of crowds) {
  test(`of ${said} different lines ${remembered} are remembered, and each is read rightly`, () => {
    const lines = new AllowLines();
    const masks = Array.from({ length: said }, (_, place) => methodsIn(lines, `BYE, X${place}`));

    assert.deepEqual([new Set(masks), lines.remembered], [new Set([BYE]), remembered]);
  });
}

for (const [beyond, remembered] of [
  [0, 1],
  [1, 0],
] as const) {
  test(`a line ${beyond} longer than the limit is read rightly, remembered: ${remembered}`, () => {
    const lines = new AllowLines();
    const mask = methodsIn(lines, `BYE, ${'X'.repeat(ALLOW_LENGTH_MAX - 5 + beyond)}`);

    assert.deepEqual([mask, lines.remembered], [BYE, remembered]);
  });
}
