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
  ['a table without a row', 'const a = new Map([]);', '1:11 state at module level: an empty Map'],
  [
    'an object that is changed',
    'const o = { n: 0 };\nexport default () => { o.n++; };',
    '1:7 state at module level: o is changed in line 2',
  ],
  [
    'a list that is added to',
    "const l = ['x'];\nexport default () => { l.push('y'); };",
    '1:7 state at module level: l is changed in line 2',
  ],
  [
    'a class that counts',
    'class S { static calls = 0; }\nexport default () => { S.calls += 1; };',
    '1:7 state at module level: S is changed in line 2',
  ],
  [
    'an object that is compared',
    'const o = { n: 0 };\nexport default () => o.n === 1 || o.n <= 2;',
    undefined,
  ],
  [
    'an object of the same name that is changed',
    'const o = { n: 0 };\nexport default () => { const o = {}; o.n = 1; };',
    undefined,
  ],
  ['a class with a constant', 'class S { static readonly max = 5; }\nexport default () => S.max;', undefined],
  ['the real time as a text', 'export default () => Date();', '1:22 the real time in a script'],
  [
    'the real time by its long name',
    'export default () => new globalThis.Date();',
    '1:37 the real time in a script',
  ],
  [
    'a Date by another name',
    'export default () => { const T = Date; return T; };',
    '1:34 the real time in a script',
  ],
  ['the time since the start', 'export default () => performance.now();', '1:22 the real time in a script'],
  ['a date that is computed', 'export default (d) => d instanceof Date || Date.UTC(2026, 1);', undefined],
  ['chance', 'export default () => Math.random();', '1:22 Math.random in a script'],
  ['a wait of the thread', 'export default (a) => Atomics.wait(a, 0, 0);', '1:23 Atomics.wait in a script'],
  ['eval in brackets', "export default () => globalThis['eval']('1');", '1:22 globalThis in a script'],
  ['a function of a text', "export default () => new Function('return 1');", '1:26 Function in a script'],
  ['one without new', "export default () => Function('return 1');", '1:22 Function in a script'],
  ['a global of global', 'export default (f) => global.setTimeout(f, 1);', '1:30 setTimeout in a script'],
  [
    'globals that are taken apart',
    'const { setTimeout: later } = globalThis;',
    '1:31 globalThis in a script',
  ],
  ['another global that is taken apart', 'const { setInterval } = global;', '1:25 global in a script'],
  [
    'a global in an object',
    'export default () => { const o = { process }; return o; };',
    '1:36 process in a script',
  ],
  [
    'a global beside a parameter of that name',
    'const f = ({ process }) => process;\nexport default () => process.exit();',
    '2:22 process in a script',
  ],
  ['a parameter of that name', 'export default (fetch, [process]) => { fetch(process); };', undefined],
  ['a name of a loop', 'export default (all) => { for (const process of all) { process(); } };', undefined],
  ['an import of that name', "import { fetch } from './fetch.ts';\nexport default fetch;", undefined],
  [
    'an import of a text',
    'export default () => import(`node:fs`);',
    '1:22 import of what is not written out',
  ],
  ['a process by import', "import p from 'process';", '1:15 import of process in a script'],
  ['a subpath of Node', "import 'dns/promises';", '1:8 import of dns/promises in a script'],
  ['a module that only has a prefix', "import 'node:sqlite';", '1:8 import of node:sqlite in a script'],
  [
    'a method of all texts',
    'export default () => { String.prototype.trim = () => 1; };',
    '1:24 String is changed in a script',
  ],
  ['one by its long name', 'globalThis.Array.prototype.at = 1;', '1:12 Array is changed in a script'],
  ['a function for everybody', 'export default () => { Math.max = 1; };', '1:24 Math is changed in a script'],
  [
    'the same by assign',
    'export default () => Object.assign(Map.prototype, { x: 1 });',
    '1:36 Map is changed in a script',
  ],
  [
    'the same by Reflect',
    "export default () => Reflect.defineProperty(JSON, 'parse', {});",
    '1:45 JSON is changed in a script',
  ],
  ['a global of its own', 'export default () => { globalThis.x = 1; };', '1:24 globalThis.x = in a script'],
  ['a method that is borrowed', 'export default (x) => Array.prototype.map.call(x, (y) => y);', undefined],
  ['a copy', 'export default (a) => Object.assign({}, a, Object.fromEntries([]));', undefined],
  ['a class of that name', 'class Map { n = 1; }\nexport default (x) => Map.from(x);', undefined],
  [
    'a function of a text by way of its class',
    "export default () => (() => {}).constructor('return process')();",
    '1:33 a call of constructor in a script',
  ],
  ['a class with a constructor', 'export class A { constructor() { this.a = 1; } }', undefined],
  [
    'types that are turned off',
    '// A script.\n\n//@ts-nocheck\nexport default 1;',
    '3:1 @ts-nocheck in a script',
  ],
  ['a text about that', "const a = '// @ts-nocheck';\n// @ts-nocheck\nexport default a;", undefined],
  ['an endless loop', 'export default () => { while (true); };', '1:24 a loop without an end in a script'],
  [
    'another endless loop',
    'export default (f) => { for (;;) { f(); } };',
    '1:25 a loop without an end in a script',
  ],
  [
    'an endless loop at its end',
    'export default (f) => { do { f(); } while (true); };',
    '1:37 a loop without an end in a script',
  ],
  ['a loop with a way out', 'export default (f) => { for (;;) if (f()) return; };', undefined],
  ['a loop that waits', 'export default async (f) => { while (true) { await f(); } };', undefined],
  ['an enum', 'const a = 1;\nenum X { A }', '2:1 TypeScript enum is not supported in strip-only mode'],
  ['no TypeScript', 'let a = ;', '1:9 Expression expected'],
  [
    'an import of what is not there',
    "const a = 1;\nimport b from './gone.ts';",
    '2:15 there is no file ./gone.ts',
  ],
  ['an import without its ending', "import { b } from './b';", '1:19 there is no file ./b'],
];

written('fetch.ts', 'export const fetch = 1;');

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

// what, the body of a route, what is told of it
const routes: readonly [string, string, string | undefined][] = [
  ['returns', 'if (x) return c.reply(404);\nreturn c.relay();', undefined],
  [
    'answers in one of its cases',
    'switch (x) { case 1: return c.reply(404); default: return c.relay(); }',
    undefined,
  ],
  ['answers by a choice', 'return x ? c.reply(404) : c.relay();', undefined],
  ['throws a reply away', 'if (x) c.reply(404);\nreturn c.relay();', '2:8 c.reply'],
  ['throws one away in a block', 'if (x) { c.redirect(y) }\nreturn c.relay();', '2:10 c.redirect'],
  ['throws one away in an else', 'if (x) return c.relay(); else c.drop();', '2:31 c.drop'],
  ['throws one away in a case', 'switch (x) { case 1: c.reply(404); }\nreturn c.relay();', '2:22 c.reply'],
  ['throws one away without a semicolon', 'const y = x\nc.follow()\nreturn c.relay();', '3:1 c.follow'],
  ['throws one away in a void', 'void c.reply(404);\nreturn c.relay();', '2:6 c.reply'],
  ['throws one away behind an await', 'await c.answer(x);\nreturn c.relay();', '2:7 c.answer'],
  ['decides when it is over', 'look().then((p) => c.relay(p));\nreturn c.reply(404);', '2:20 c.relay'],
  ['decides in a promise', 'return look().then((p) => c.relay(p)).catch(() => c.reply(500));', undefined],
  ['waits for a promise', 'const d = await look().then(() => c.relay());\nreturn d;', undefined],
  [
    'decides in a callback of its options',
    'return c.relay(x, { onFailure: (f) => f.reply(408) });',
    undefined,
  ],
  ['rings', 'c.progress(183);\nreturn c.relay();', undefined],
];

for (const [what, body, expected] of routes) {
  test(`a route that ${what} is ${expected === undefined ? 'let pass' : 'refused'}`, () => {
    const text = `export default (app, x, y, look) => app.invite(async (c) => {\n${body}\n});`;

    const { problems } = checkForms(written('decides.ts', text));

    const said = problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
    assert.deepEqual(said, expected === undefined ? [] : [`${expected}(…) is not returned`]);
  });
}

for (const [what, text, expected] of [
  ['forgets what is behind it', 'export default (c, next) => { void next(); return c.reply(200); };', 1],
  [
    'waits for it and forgets it',
    'export default async (c, next) => { await next(); return c.reply(200); };',
    1,
  ],
  ['hands it on', 'export default (c, next) => next({ a: 1 });', 0],
] as const) {
  test(`a middleware that ${what} has ${expected} problems`, () => {
    assert.equal(checkForms(written('middleware.ts', text)).problems.length, expected);
  });
}

test('a route for replies is no decision, and what others send is none either', () => {
  const text = `export default (app, socket) => {
  app.reply((r) => r.pass());
  app.local((c) => c.pass());
  socket.send('x');
  socket.drop();
};`;

  assert.deepEqual(checkForms(written('router.ts', text)).problems, []);
});

test('what a script imports from its own folders is looked at too, once, however they import each other', () => {
  const a = written('a.ts', "import { b } from './b.ts';\nexport const a = b;");
  const b = written('b.ts', "import './a.ts';\nimport 'tandem';\nexport let b = 1;");

  const { problems } = checkForms(a);

  assert.deepEqual(
    problems.map(({ file, line }) => [file, line]),
    [[b, 3]],
  );
});
