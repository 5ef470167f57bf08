/** An example is there to be copied: it must load wherever it is put. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ScriptLoader } from '../src/server/script-loader.ts';
import { SimClock } from '../src/testing/sim-clock.ts';

const folder = mkdtempSync(join(tmpdir(), 'tandem-copied-'));
const loader = new ScriptLoader(new SimClock());
after(() => {
  loader.close();
  rmSync(folder, { recursive: true });
});

const examples = readdirSync(import.meta.dirname).filter((name) => /^[\w-]+\.ts$/.test(name));

for (const name of examples) {
  test(`a copy of ${name} loads outside of this project`, async () => {
    const copy = join(folder, name);
    copyFileSync(join(import.meta.dirname, name), copy);

    const { script } = await loader.load(copy);

    assert.equal(typeof script, 'function');
  });
}
