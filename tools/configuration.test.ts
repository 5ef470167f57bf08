import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'smol-toml';
import { settingsSchema } from '../src/server/settings-schema.ts';
import { settingNames } from '../src/server/settings.ts';
import { CONFIGURATION_TABLE, configurationTable } from './configuration.ts';

test('docs/configuration.md is current (else: node tools/configuration.ts)', () => {
  assert.equal(readFileSync(CONFIGURATION_TABLE, 'utf8'), configurationTable());
});

test('every key is in the table, with a meaning', () => {
  const table = configurationTable();

  assert.ok(!table.includes('undefined'), table);
  for (const name of settingNames().filter((key) => key.includes('.'))) {
    assert.ok(table.includes(`| \`${name.split('.')[1]}\` |`), name);
  }
});

test('the example at its head is valid', () => {
  const example = /```toml\n(.*?)```/s.exec(configurationTable())?.[1] ?? '';

  assert.ok(settingsSchema.safeParse(parse(example)).success);
});
