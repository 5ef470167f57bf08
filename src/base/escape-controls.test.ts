import assert from 'node:assert/strict';
import { test } from 'node:test';
import { escapeControls, escapeWithinLines } from './escape-controls.ts';

//    a text                   on one line                 as several lines
const texts: [string, string, string][] = [
  ['Zoë \u{1f600}', 'Zoë \u{1f600}', 'Zoë \u{1f600}'],
  ['a\u001b[2Jb', 'a\\u001b[2Jb', 'a\\u001b[2Jb'],
  ['a\u009b2Jb', 'a\\u009b2Jb', 'a\\u009b2Jb'],
  ['a\rb\u0008\u007f', 'a\\u000db\\u0008\\u007f', 'a\\u000db\\u0008\\u007f'],
  ['\u202ecod.exe', '\\u202ecod.exe', '\\u202ecod.exe'],
  ['a\n\tb', 'a\\u000a\\u0009b', 'a\n\tb'],
];

for (const [text, line, lines] of texts) {
  test(`${JSON.stringify(text)} is shown and steers nothing`, () => {
    assert.deepEqual([escapeControls(text), escapeWithinLines(text)], [line, lines]);
  });
}
