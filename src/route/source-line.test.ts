import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TandemError } from '../base/errors.ts';
import { callingLine, describeFault, scriptLineOf } from './source-line.ts';

function withStack(...frames: string[]): Error {
  const error = new Error('a mistake');
  error.stack = ['Error: a mistake', ...frames.map((frame) => `    at ${frame}`)].join('\n');
  return error;
}

const OURS = new URL('../auth/challenge.ts', import.meta.url).href;

for (const [what, frames, expected] of [
  ['a function', ['f (file:///srv/route.ts:3:7)'], 'file:///srv/route.ts:3:7'],
  ['no function', ['file:///srv/route.ts:3:7'], 'file:///srv/route.ts:3:7'],
  ['after a wait', ['async file:///srv/route.ts:3:7'], 'file:///srv/route.ts:3:7'],
  ['a service of ours', [`check (${OURS}:9:1)`, 'f (file:///srv/route.ts:3:7)'], 'file:///srv/route.ts:3:7'],
  [
    'a script beside another file',
    ['f (file:///srv/x.ts:1:1)', 'g (file:///srv/route.ts?generation=8.ab12:3:7)'],
    'file:///srv/route.ts?generation=8.ab12:3:7',
  ],
  ['a package', ['f (file:///srv/node_modules/x/y.js:1:1)'], undefined],
  ['Node', ['f (node:internal/timers:1:1)'], undefined],
] as const) {
  test(`the line of a script is found in a stack with ${what}`, () => {
    const found = scriptLineOf(withStack(...frames));

    assert.equal(found && `${found.file}:${found.line}:${found.column}`, expected);
  });
}

test('what was thrown is told with its file and line, and without the generation', () => {
  const facts = describeFault(withStack('f (file:///srv/my%20route.ts?generation=8.ab12:3:7)'));

  assert.deepEqual([facts.file, facts.line], ['/srv/my route.ts', 3]);
  assert.equal(describeFault(new TandemError('INVALID', 'too long')).why, 'INVALID too long');
  assert.deepEqual(describeFault('a text'), { why: 'a text' });
});

test('a script that asks finds its own line', () => {
  assert.match(callingLine() ?? '', /^source-line\.test\.ts:\d+$/);
});
