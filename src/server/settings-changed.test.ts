import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TandemError } from '../base/errors.ts';
import { settingsNews } from './settings-changed.ts';
import { settingsSchema } from './settings-schema.ts';

const running = settingsSchema.parse({ sip: { domains: ['example.com'] } });

test('settings that are others in the file are named, and the same ones are not', () => {
  const next = {
    sip: { domains: ['example.com', 'example.net'] },
    trunk: { pools: [{ name: 'gw', servers: ['sip:192.0.2.21'] }] },
  };

  const same = settingsNews(running, () => settingsSchema.parse({ sip: { domains: ['example.com'] } }));
  const other = settingsNews(running, () => settingsSchema.parse(next));

  assert.deepEqual(same, { changed: [], unreadable: null });
  assert.deepEqual(other, { changed: ['[sip] domains', '[trunk] pools'], unreadable: null });
});

test('settings that are wrong by now are told as such', () => {
  const wrong = settingsNews(running, () => {
    throw new TandemError('SETTINGS_INVALID', 'tandem.toml:3: unknown key');
  });

  assert.deepEqual(wrong, { changed: [], unreadable: 'tandem.toml:3: unknown key' });
});
