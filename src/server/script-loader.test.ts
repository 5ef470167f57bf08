import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Router } from '../route/router.ts';
import { fakes } from '../testing/fakes.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { CHECKS_MAX, loadChecked } from './script-check.ts';
import { checkForms } from './script-forms.ts';
import { LOAD_MS, ScriptChanged, ScriptLoader } from './script-loader.ts';

const folder = mkdtempSync(join(tmpdir(), 'tandem-loader-'));
mkdirSync(join(folder, 'parts'));
const clock = new SimClock();
const loader = new ScriptLoader(clock);
after(() => {
  loader.close();
  rmSync(folder, { recursive: true });
});

function written(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

async function reasonOf(file: string): Promise<string> {
  const { script } = await loader.load(file);
  const decision = await script(fakes()).decide('OPTIONS sip:a@example.com SIP/2.0');
  return decision.do === 'reply' ? (decision.reason ?? '') : decision.do;
}

test('a script lies anywhere and imports tandem by its name; its helpers are read anew with it', async () => {
  const helper = (word: string): string =>
    written(
      'parts/word.ts',
      `import { parallel } from 'tandem';\nexport const word = '${word}' + typeof parallel;`,
    );
  const file = written(
    'route.ts',
    `import { Router, script } from 'tandem';
     import { word } from './parts/word.ts';
     export default script(() => new Router().request((c) => c.reply(200, word)));`,
  );

  helper('first ');
  const first = await reasonOf(file);
  helper('second ');
  const second = await reasonOf(file);

  assert.deepEqual([first, second], ['first function', 'second function']);
});

test('what is loaded again has the same Router as everybody else, and is known by its files', async () => {
  const file = written(
    'same.ts',
    `import { Router, script } from 'tandem';
     import './parts/word.ts';
     export default script(() => new Router());`,
  );

  const { script, files } = await loader.load(file);

  assert.ok(script(fakes()) instanceof Router);
  assert.deepEqual(files, [file, join(folder, 'parts/word.ts')]);
});

for (const [what, text, why] of [
  ['is not there', undefined, /no script at/],
  ['has no default export', 'export const a = 1;', /no default export/],
  ['throws', 'throw new Error("no luck");', /does not load: no luck/],
  ['is no TypeScript', 'export default (;', /does not load/],
  ['has an enum', 'enum A { B }', /does not load: TypeScript enum/],
  ['imports what is not there', "import './gone.ts';", /does not load: Cannot find module/],
] as const) {
  test(`a script that ${what} is refused`, async () => {
    const file = text === undefined ? join(folder, 'gone.ts') : written('wrong.ts', text);

    await assert.rejects(loader.load(file), { code: 'SCRIPT_INVALID', message: why });
  });
}

for (const [what, name] of [
  ['the script', 'changes.ts'],
  ['a file that it imports', 'changed.ts'],
  ['a table that it imports', 'changed.json'],
] as const) {
  test(`what was checked is loaded: ${what} changes meanwhile, nothing of it runs, it is checked again`, async () => {
    const marks = globalThis as { ran?: string | undefined };
    const text = (word: string): string =>
      name.endsWith('json') ? `"${word}"` : `globalThis.ran = '${word}';`;
    const file = written(
      'changes.ts',
      `import './changed.ts';
       import word from './changed.json' with { type: 'json' };
       export default () => word;`,
    );
    written('changed.ts', '');
    written('changed.json', '"first"');
    const end = name === 'changes.ts' ? '\nexport default () => {};' : '';
    const seen: ReturnType<typeof checkForms>[] = [];
    const check = async () => {
      const forms = checkForms(file);
      if (seen.push(forms) === 1) written(name, `${text('second')}${end}`);
      return forms;
    };

    await loadChecked(
      async () => ({ ...(await check()), problems: [] }),
      (sources) => loader.load(file, sources),
    );

    assert.equal(seen.length, 2);
    assert.equal(seen.at(-1)?.sources.size, name === 'changes.ts' ? 1 : 3);
    marks.ran = undefined;
    await assert.rejects(loader.load(file, seen[0]?.sources), ScriptChanged);
    assert.equal(marks.ran, undefined);
  });
}

test('a script whose files change at each check is refused in the end', async () => {
  const file = written('never.ts', 'export default () => 0;');
  let checks = 0;
  const check = async () => {
    const { sources } = checkForms(file);
    written('never.ts', `export default () => ${++checks};`);
    return { problems: [], sources };
  };

  await assert.rejects(
    loadChecked(check, (sources) => loader.load(file, sources)),
    ScriptChanged,
  );

  assert.equal(checks, CHECKS_MAX);
});

test('a script whose top level waits for what does not come is refused after ten seconds', async () => {
  const file = written('waits.ts', 'await new Promise(() => {});');
  const refused = assert.rejects(loader.load(file), { message: /had not loaded after 10 s/ });

  await clock.run(LOAD_MS);

  await refused;
});
