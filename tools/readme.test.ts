import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from './source-files.ts';

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');

test('the script in the README is the one that runs', () => {
  const shown = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? '';
  const example = readFileSync(join(ROOT, 'examples/registrar-proxy.ts'), 'utf8');

  assert.equal(shown, example.slice(example.indexOf('export default')));
});

test('every file the README points to is there', () => {
  const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map((match) => match[1] ?? '');

  assert.deepEqual(
    links.filter((link) => !existsSync(join(ROOT, link))),
    [],
  );
});
