import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SimClock } from '../testing/sim-clock.ts';
import { CLAIM_WAIT_MS, claimant, claimDataFolder, claimForExchange } from './control-claim.ts';

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

test('an exchange waits for a command that is about to be done', async () => {
  const folder = join(root, 'command');
  const clock = new SimClock();
  const command = claimDataFolder(folder, 'command');

  const claiming = claimForExchange(folder, clock);
  await clock.run(CLAIM_WAIT_MS / 2);
  command.release();
  await clock.run(CLAIM_WAIT_MS / 2);

  (await claiming).release();
  assert.equal(claimant(folder), undefined);
});

for (const [by, waitMs, message] of [
  ['command', CLAIM_WAIT_MS, /^a command \(pid \d+\) changes what is in the data folder/],
  ['exchange', 0, /^another exchange \(pid \d+\) has the data folder/],
] as const) {
  test(`an exchange is refused after ${waitMs} ms by a living ${by}`, async () => {
    const folder = join(root, `living ${by}`);
    const clock = new SimClock();
    const other = claimDataFolder(folder, by);
    let isRefused = false;

    const claiming = claimForExchange(folder, clock).catch((error: unknown) => {
      isRefused = true;
      throw error;
    });
    const refused = assert.rejects(claiming, { code: 'CONFLICT', message });
    if (waitMs > 0) {
      await clock.run(waitMs - 1_000);
      assert.equal(isRefused, false);
      await clock.run(2_000);
    }

    await refused;
    other.release();
  });
}

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
