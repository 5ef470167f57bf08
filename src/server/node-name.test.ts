import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SimRandom } from '../testing/sim-random.ts';
import { NODE_NAME_FILE, nodeName } from './node-name.ts';

const root = mkdtempSync(join(tmpdir(), 'tandem-node-name-'));
after(() => rmSync(root, { recursive: true }));
const random = new SimRandom(1);

test('a data folder keeps its name, and another one has another', () => {
  const [one, other] = [mkdtempSync(join(root, 'a')), mkdtempSync(join(root, 'b'))];

  const first = nodeName(one, random);

  assert.equal(nodeName(one, random), first);
  assert.notEqual(nodeName(other, random), first);
});

test('a name that was cut short by a crash is made anew', () => {
  const folder = mkdtempSync(join(root, 'c'));
  writeFileSync(join(folder, NODE_NAME_FILE), 'abc');

  const made = nodeName(folder, random);

  assert.equal(readFileSync(join(folder, NODE_NAME_FILE), 'utf8'), `${made}\n`);
});

test('a folder that cannot be written to is named', () => {
  assert.throws(() => nodeName(join(root, 'none'), random), { code: 'DATA_FOLDER' });
});
