import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { claimant, claimDataFolder } from './control-claim.ts';

const root = mkdtempSync(join(tmpdir(), 'tandem-claim-'));
after(() => rmSync(root, { recursive: true }));

const PID_NEVER_USED = 4_194_305;

test('the folder is made for its owner alone, and named as ours', () => {
  const folder = join(root, 'new', 'deep');

  const claim = claimDataFolder(folder);

  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.equal(claimant(folder), process.pid);
  claim.release();
  assert.equal(claimant(folder), undefined);
});

test('a second exchange is refused with the pid of the first', () => {
  const folder = join(root, 'twice');
  const claim = claimDataFolder(folder);

  assert.throws(() => claimDataFolder(folder), new RegExp(`another exchange \\(pid ${process.pid}\\)`));
  claim.release();
});

for (const [what, text] of [
  ['of a process that is gone', `${PID_NEVER_USED} 1\n`],
  ['of a process whose pid another has now', `${process.ppid} 1\n`],
  ['of our own pid before a restart', `${process.pid} 1\n`],
  ['that was cut short', ''],
] as const) {
  test(`a claim ${what} does not count`, { skip: process.platform !== 'linux' && 'needs /proc' }, () => {
    const folder = join(root, what);
    claimDataFolder(folder).release();
    writeFileSync(join(folder, 'tandem.pid'), text);

    const claim = claimDataFolder(folder);

    assert.match(readFileSync(join(folder, 'tandem.pid'), 'utf8'), new RegExp(`^${process.pid} `));
    claim.release();
  });
}

test('a folder that cannot be made is told with its cause', () => {
  const file = join(root, 'file');
  writeFileSync(file, '');

  assert.throws(() => claimDataFolder(join(file, 'data')), { code: 'DATA_FOLDER' });
});
