import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { silentLogger } from '../base/silent-logger.ts';
import { SimClock } from '../testing/sim-clock.ts';
import type { Ban } from './bans.ts';
import { KEEP_AFTER_MS, KEPT_BYTES_MAX, KeptBans } from './kept-bans.ts';

const BAN: Ban = { source: '192.0.2.66', reason: 'scans us', since: 1, until: 2_000_000_000_000 };

interface Trial {
  readonly file: string;
  readonly clock: SimClock;
  readonly warnings: string[];
  open(): Promise<KeptBans>;
}

function start(t: TestContext): Trial {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-bans-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'bans.json');
  const clock = new SimClock();
  const warnings: string[] = [];
  const log = { ...silentLogger, warn: (what: string) => void warnings.push(what) };
  return { file, clock, warnings, open: () => KeptBans.open({ file, clock, log }) };
}

test('bans are there again after a restart, in a file of its owner alone', async (t) => {
  const { file, open, warnings } = start(t);
  const before = await open();
  assert.deepEqual(before.bans, []);

  before.changed(() => [BAN]);
  await before.close();

  assert.deepEqual((await open()).bans, [BAN]);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(warnings, []);
});

test('a flood of bans is written once, a moment later, as it stands then', async (t) => {
  const { file, clock, open } = start(t);
  const keeper = await open();
  let asked = 0;

  for (let i = 0; i < 1_000; i++)
    keeper.changed(() => {
      asked++;
      return [BAN];
    });
  await clock.run(KEEP_AFTER_MS - 1);
  assert.equal(asked, 0);
  await clock.run(1);
  await keeper.close();

  assert.equal(asked, 1);
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), [BAN]);
});

// oxfmt-ignore
const files: readonly [what: string, text: string][] = [
  ['is cut off',                     '[{"source":"192.0.2'],
  ['is another document',            '{"bans":[]}'],
  ['has a ban without an end',       '[{"source":"192.0.2.66","reason":"r","since":1,"until":null}]'],
  ['has a reason without an end',    JSON.stringify([{ ...BAN, reason: 'x'.repeat(201) }])],
  ['has more bans than there may be', JSON.stringify(Array.from({ length: 10_001 }, () => BAN))],
  ['is longer than it may be',       ' '.repeat(KEPT_BYTES_MAX + 1)],
];
for (const [what, text] of files) {
  test(`a file that ${what} bans nobody, and the log says so`, async (t) => {
    const { file, open, warnings } = start(t);
    writeFileSync(file, text);

    assert.deepEqual((await open()).bans, []);
    assert.equal(warnings.length, 1);
  });
}

test('where nothing can be written the log says so, and nothing else happens', async (t) => {
  const { file, open, warnings } = start(t);
  mkdirSync(`${file}.new`);
  const keeper = await open();

  keeper.changed(() => [BAN]);
  await keeper.close();

  assert.deepEqual(warnings, ['bans are not kept over a restart']);
});
