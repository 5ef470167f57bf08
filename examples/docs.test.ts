import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { fakes } from '../src/testing/fakes.ts';
import type { Script } from '../src/index.ts';

const ROOT = join(import.meta.dirname, '..');
const DOORS = { tandem: 'src/index.ts', 'tandem/testing': 'src/testing/index.ts' };
/** What the compiler is told beside the source. */
const DECLARATIONS = join(ROOT, 'src/base/latin1.d.ts');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const folder = mkdtempSync(join(tmpdir(), 'tandem-docs-'));
after(() => rmSync(folder, { recursive: true }));

/** Every `ts` block of a page as a file of its own, its imports led to our source. */
function blocksOf(page: string): string[] {
  const blocks = [...read(page).matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block = '']) => block);
  return blocks.map((block, i) => {
    const path = join(folder, `${page.replaceAll('/', '-')}-${i + 1}.ts`);
    const led = Object.entries(DOORS).reduce(
      (text, [door, file]) => text.replaceAll(`'${door}'`, `'${join(ROOT, file)}'`),
      block,
    );
    writeFileSync(path, led);
    return path;
  });
}

const PAGES = [
  'docs/routing.md',
  'docs/registrations.md',
  'docs/security.md',
  'docs/services.md',
  'docs/testing.md',
] as const;
const blocks = PAGES.flatMap(blocksOf);

test('every block of the pages for scripts passes the compiler', () => {
  const base = JSON.parse(read('tsconfig.json')) as { compilerOptions: object };
  const compilerOptions = {
    ...base.compilerOptions,
    typeRoots: [join(ROOT, 'node_modules/@types')],
    noUnusedLocals: false,
  };
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: [...blocks, DECLARATIONS] }),
  );
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');

  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });

  assert.equal(stdout, '');
  assert.equal(status, 0);
});

for (const path of blocks) {
  test(`${basename(path)} runs`, async () => {
    const { default: script } = (await import(pathToFileURL(path).href)) as { default?: Script };
    if (script === undefined) return; // It holds tests, and they run on their own.

    const decision = await script(fakes()).decide('INVITE sip:bob@example.com SIP/2.0');

    assert.ok(['reply', 'relay'].includes(decision.do));
  });
}

test('every file that docs/lifecycle.md names is there', () => {
  const named = [...read('docs/lifecycle.md').matchAll(/\b((?:[a-z]+\/)+[a-z-]+\.(?:ts|md))\b/g)].map(
    ([name]) => name,
  );
  const there = (name: string): boolean =>
    existsSync(join(ROOT, 'src', name)) || existsSync(join(ROOT, name));

  assert.ok(named.length > 30);
  assert.deepEqual(
    named.filter((name) => !there(name)),
    [],
  );
});

const files = readdirSync(import.meta.dirname);
const examples = files.filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
/** What is longer is no example any more. */
const EXAMPLE_LINES_MAX = 80;

test('every example has its page, and fits on it', () => {
  const lines = (name: string): number => read(`examples/${name}`).trimEnd().split('\n').length;
  const page = (name: string): string => `docs/examples/${name.replace(/\.ts$/, '.md')}`;

  assert.deepEqual(
    examples.filter((name) => lines(name) > EXAMPLE_LINES_MAX || !existsSync(join(ROOT, page(name)))),
    [],
  );
});

test('every example has its tests', () => {
  assert.ok(examples.length >= 8);
  assert.deepEqual(
    examples.filter((name) => !files.includes(name.replace(/\.ts$/, '.test.ts'))),
    [],
  );
});
