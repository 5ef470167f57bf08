import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { placeName } from '../store/database-place.ts';
import { databaseOf } from './database-settings.ts';
import { loadSettings } from './settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'tandem-database-'));
after(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'password'), 'p@ss/word\n');

function dataOf(toml: string) {
  const file = join(folder, 'tandem.toml');
  writeFileSync(file, `[data]\n${toml}\n`);
  return loadSettings(file);
}

const url = 'url = "postgres://tandem@db.test/tandem"';
const rows: [what: string, toml: string, environment: Record<string, string>, expected: string][] = [
  ['nothing said is the file', '', {}, join(folder, 'd', 'tandem.sqlite')],
  ['a server', url, {}, 'postgres://tandem@db.test/tandem'],
  ['its other name', 'url = "mariadb://t@db.test/t"', {}, 'mysql://t@db.test/t'],
  [
    'a password from a file',
    `${url}\npassword_file = "password"`,
    {},
    'postgres://tandem:p%40ss%2Fword@db.test/tandem',
  ],
  ['one of the environment', url, { TANDEM_DATA_PASSWORD: 'x' }, 'postgres://tandem:x@db.test/tandem'],
  ['a server of the environment', '', { TANDEM_DATA_URL: 'mysql://t@db.test/t' }, 'mysql://t@db.test/t'],
];

for (const [what, toml, environment, expected] of rows) {
  test(`${what}: ${expected}`, () => {
    const place = databaseOf(dataOf(`folder = "d"\n${toml}`), environment);

    assert.equal(place.dialect === 'sqlite' ? place.file : place.url, expected);
  });
}

for (const wrong of ['http://db.test/t', 'postgres://db.test', 'nonsense']) {
  test(`${wrong} is no database`, () => {
    assert.throws(() => databaseOf(dataOf(''), { TANDEM_DATA_URL: wrong }), { code: 'SETTINGS_INVALID' });
  });
}

test('a password is never shown', () => {
  const place = databaseOf(dataOf(url), { TANDEM_DATA_PASSWORD: 'secret' });

  assert.equal(placeName(place), 'postgres://tandem@db.test/tandem');
});
