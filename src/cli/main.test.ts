import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'tandem-main-'));
after(() => rmSync(folder, { recursive: true }));

test('an exchange whose log nobody reads any more stops in order', async () => {
  const config = join(folder, 'tandem.toml');
  writeFileSync(config, '[sip]\nlisten = ["udp:127.0.0.1:0"]\n[data]\nfolder = "data"\n');
  const words = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'main.ts')];
  const child = spawn(process.execPath, [...words, 'start', '--config', config]);
  after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  assert.equal(readFileSync(join(folder, 'data', 'tandem.pid'), 'utf8'), `${child.pid}\n`);
  child.stderr.destroy();
  const ended = once(child, 'exit');

  child.kill('SIGTERM');

  assert.deepEqual(await ended, [0, null]);
});
