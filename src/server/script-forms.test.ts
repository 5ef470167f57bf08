import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { checkForms } from './script-forms.ts';

const folder = mkdtempSync(join(tmpdir(), 'tandem-forms-'));
after(() => rmSync(folder, { recursive: true }));

function written(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

// what, the script, where it is wrong and how
const scripts: readonly [string, string, string | undefined][] = [
  ['nothing', 'export default (x: number) => x;', undefined],
  ['a let inside a function', 'export default () => { let a = 1; return a; };', undefined],
  ['a table that is filled', "const a = new Map([['49', 'de']]); export default a;", undefined],
  ['module-level let', 'const a = 1;\n  let b = 2;', '2:3 state at module level: let'],
  ['an exported var', 'export var b = 2;', '1:8 state at module level: var'],
  ['an empty Map', 'const calls = new Map<string, number>();', '1:15 state at module level: an empty Map'],
  ['an empty list', 'const calls: string[] = [];', '1:1 state at module level: calls begins empty'],
  [
    'an empty object',
    'const a = 1, b = a;\nexport const seen: {} = {};',
    '2:8 state at module level: seen begins empty',
  ],
  ['a list that is filled', "const a = ['x'];", undefined],
  ['a list that is made of an empty one', 'const a = [].concat(1);', undefined],
  ['an empty list of its own', 'export default () => { const a = []; return a; };', undefined],
  ['the real time', 'export default () => Date.now();', '1:22 the real time in a script'],
  ['the real time as a Date', 'export default () => new Date();', '1:26 the real time in a script'],
  ['a date of the clock', 'export default (c) => new Date(c.wall());', undefined],
  ['a print', "export default () => console.log('a');", '1:22 console in a script'],
  ['a timer', 'export default () => setTimeout(() => {}, 1);', '1:22 setTimeout in a script'],
  ['fetch', "const f = () => fetch('http://a');", '1:17 fetch in a script'],
  ['process', 'const a = process.env.HOME;', '1:11 process in a script'],
  ['a global by its long name', 'globalThis.setInterval(f, 1);', '1:12 setInterval in a script'],
  ['a method of that name', 'export default (x: { fetch(): 1 }) => x.fetch();', undefined],
  ['a key of that name', 'const a = { process: 1 };', undefined],
  ['a name of its own', 'function fetch() {}\nfetch();', undefined],
  ['a text about it', "const a = 'setTimeout'; // fetch", undefined],
  [
    'a module that reaches outside',
    "import { readFileSync } from 'node:fs';",
    '1:30 import of node:fs in a script',
  ],
  ['the same without its prefix', "import net from 'net';", '1:17 import of net in a script'],
  ['the same later', "const a = () => import('node:http');", '1:24 import of node:http in a script'],
  ['a module that computes', "import { createHash } from 'node:crypto';", undefined],
  ['an enum', 'const a = 1;\nenum X { A }', '2:1 TypeScript enum is not supported in strip-only mode'],
  ['no TypeScript', 'let a = ;', '1:9 Expression expected'],
  [
    'an import of what is not there',
    "const a = 1;\nimport b from './gone.ts';",
    '2:15 there is no file ./gone.ts',
  ],
  ['an import without its ending', "import { b } from './b';", '1:19 there is no file ./b'],
];

for (const [what, text, expected] of scripts) {
  test(`a script with ${what} is ${expected === undefined ? 'let pass' : 'refused'}`, () => {
    const { problems, parses } = checkForms(written('route.ts', text));

    const said = problems.map(({ line, column, message }) =>
      line === undefined ? message : `${line}:${column} ${message}`,
    );
    assert.deepEqual(said, expected === undefined ? [] : [expected]);
    assert.equal(parses, !/enum|Expression|no file/.test(expected ?? ''));
    assert.ok(problems.every(({ hint }) => hint !== ''));
  });
}

test('what a script imports from its own folders is looked at too, once, however they import each other', () => {
  const a = written('a.ts', "import { b } from './b.ts';\nexport const a = b;");
  const b = written('b.ts', "import './a.ts';\nimport 'tandem';\nexport let b = 1;");

  const { problems } = checkForms(a);

  assert.deepEqual(
    problems.map(({ file, line }) => [file, line]),
    [[b, 3]],
  );
});
