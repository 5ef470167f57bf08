import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
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

test('tandem.pid is the pid alone, as kill and service managers read it', () => {
  const folder = join(root, 'alone');

  const claim = claimDataFolder(folder);

  assert.equal(readFileSync(join(folder, 'tandem.pid'), 'utf8'), `${process.pid}\n`);
  claim.release();
  assert.deepEqual(readdirSync(folder), []);
});

test('a second exchange is refused with the pid of the first', () => {
  const folder = join(root, 'twice');
  const claim = claimDataFolder(folder);

  assert.throws(() => claimDataFolder(folder), new RegExp(`another exchange \\(pid ${process.pid}\\)`));
  claim.release();
});

for (const [what, pid, startedAt] of [
  ['of a process that is gone', `${PID_NEVER_USED}\n`, '1\n'],
  ['of a process whose pid another has now', `${process.ppid}\n`, '1\n'],
  ['of our own pid before a restart', `${process.pid}\n`, '1\n'],
  ['of an earlier release', `${process.ppid} 1\n`, undefined],
  ['that was cut short', '', ''],
  ['that was cut short behind the pid', `${PID_NEVER_USED}\n`, undefined],
] as const) {
  test(`a claim ${what} does not count`, { skip: process.platform !== 'linux' && 'needs /proc' }, () => {
    const folder = join(root, what);
    claimDataFolder(folder).release();
    writeFileSync(join(folder, 'tandem.pid'), pid);
    if (startedAt !== undefined) writeFileSync(join(folder, 'tandem.started'), startedAt);

    const claim = claimDataFolder(folder);

    assert.equal(readFileSync(join(folder, 'tandem.pid'), 'utf8'), `${process.pid}\n`);
    claim.release();
  });
}

test('a folder that the system refuses to make is told, too', { skip: process.platform !== 'linux' }, () => {
  assert.throws(() => claimDataFolder('/proc/tandem/data'), { code: 'DATA_FOLDER', message: /ENOENT/ });
});

test('a folder that cannot be made is told with its cause', () => {
  const file = join(root, 'file');
  writeFileSync(file, '');

  assert.throws(() => claimDataFolder(join(file, 'data')), { code: 'DATA_FOLDER' });
});
