import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseUri } from '../sip/uri.ts';
import { MemoryPreferences, Preferences, PREFERENCES_MAX, VALUE_CHARACTERS_MAX } from './preferences.ts';

const ALICE = parseUri('sip:alice@example.com');
const BOB = parseUri('sip:bob@example.com:5080;transport=tcp');
const DOMAIN = parseUri('sip:example.com');

test('what a user has not, his domain may have', () => {
  const preferences = new Preferences(new MemoryPreferences());
  preferences.set(DOMAIN, 'language', 'de');
  preferences.set(ALICE, 'language', 'en');

  assert.deepEqual([preferences.get(ALICE, 'language'), preferences.get(BOB, 'language')], ['en', 'de']);
  preferences.remove(ALICE, 'language');
  assert.equal(preferences.get(ALICE, 'language'), 'de');
  preferences.remove(DOMAIN, 'language');
  assert.equal(preferences.get(ALICE, 'language'), undefined);
});

test('port and parameters of an address do not matter', () => {
  const preferences = new Preferences(new MemoryPreferences());

  preferences.set(BOB, 'dnd', 'yes');

  assert.equal(preferences.isSet(parseUri('sip:bob@example.com'), 'dnd'), true);
});

for (const [value, isSet] of [
  ['1', true],
  ['true', true],
  ['Yes', true],
  ['ON', true],
  ['0', false],
  ['', false],
] as const) {
  test(`a preference that is '${value}' is ${isSet ? '' : 'not '}set`, () => {
    const preferences = new Preferences(new MemoryPreferences());
    preferences.set(ALICE, 'dnd', value);

    assert.equal(preferences.isSet(ALICE, 'dnd'), isSet);
  });
}

test('the limits of one user and of one value: at them, and beyond', () => {
  const preferences = new Preferences(new MemoryPreferences());
  for (let i = 0; i < PREFERENCES_MAX; i++) preferences.set(ALICE, `p${i}`, '');

  preferences.set(ALICE, 'p0', 'x'.repeat(VALUE_CHARACTERS_MAX));
  assert.throws(() => preferences.set(ALICE, 'p0', 'x'.repeat(VALUE_CHARACTERS_MAX + 1)), {
    code: 'INVALID',
  });
  assert.throws(() => preferences.set(ALICE, 'one more', ''), { code: 'INVALID' });
  preferences.remove(ALICE, 'p1');
  preferences.set(ALICE, 'one more', '');
});
