import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'tandem-overdue-'));
after(() => rmSync(folder, { recursive: true }));

function run(name: string, limitMs: number, text: string) {
  const file = join(folder, name);
  writeFileSync(file, text);
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env; // Or it would take itself for a part of this test.
  const env = { ...inherited, TANDEM_TEST_FILE_MS: String(limitMs) };
  const flags = ['--test', `--import=${join(import.meta.dirname, 'overdue.ts')}`];
  const done = spawnSync(process.execPath, [...flags, file], { env, encoding: 'utf8', timeout: 60_000 });
  return { status: done.status, said: done.stdout + done.stderr };
}

test('a test file whose tests are over but that does not end is ended, and says what held it', () => {
  const { status, said } = run(
    'hangs.test.mjs',
    1_000,
    'import net from "node:net"; net.createServer().listen(0);',
  );

  assert.equal(status, 1, said);
  assert.match(said, /hangs\.test\.mjs: not over after 1000 ms; held by TCPServerWrap/);
});

test('a test file that ends is not waited for', () => {
  const { status, said } = run(
    'ends.test.mjs',
    60_000,
    'import { test } from "node:test"; test("it", () => {});',
  );

  assert.equal(status, 0, said);
  assert.match(said, /pass 1/);
});
