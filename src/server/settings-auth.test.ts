import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadSettings } from './settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'tandem-settings-'));
const file = join(folder, 'tandem.toml');
after(() => rmSync(folder, { recursive: true }));

function load(text: string): ReturnType<typeof loadSettings> {
  writeFileSync(file, text);
  return loadSettings(file);
}

test('files of secrets and keys lie beside tandem.toml', () => {
  const { radius, jwt } = load(`
[radius]
servers = [{ address = "192.0.2.41:1812", secret_file = "radius.secret" }]
accounting = [{ address = "[2001:db8::41]:1813", secret_file = "/etc/radius.secret" }]
[jwt]
keys_file = "keys.json"
issuers = ["https://login.example.com"]
audiences = ["phones"]
`);

  assert.deepEqual(radius.servers, [
    { address: { host: '192.0.2.41', port: 1812 }, secret_file: join(folder, 'radius.secret') },
  ]);
  assert.deepEqual(radius.accounting, [
    { address: { host: '2001:db8::41', port: 1813 }, secret_file: '/etc/radius.secret' },
  ]);
  assert.equal(jwt.keys_file, join(folder, 'keys.json'));
});

test('without these sections nobody is asked and no token is taken', () => {
  const { radius, jwt } = load('');

  assert.deepEqual([radius.servers, radius.accounting, jwt.keys_file], [[], [], '']);
});

const WRONG: readonly (readonly [what: string, text: string, complaint: RegExp])[] = [
  ['tokens of anybody', '[jwt]\nkeys_file = "k"\naudiences = ["phones"]', /issuers and audiences/],
  ['tokens for anybody', '[jwt]\nkeys_file = "k"\nissuers = ["x"]', /issuers and audiences/],
  [
    'a server by name',
    '[radius]\nservers = [{ address = "radius:1812", secret_file = "s" }]',
    /192\.0\.2\.41:1812/,
  ],
  ['a server without a secret', '[radius]\nservers = [{ address = "192.0.2.41:1812" }]', /secret_file/],
  ['a sender that is no address', '[radius]\nfrom = "here"', /an IP address/],
];

for (const [what, text, complaint] of WRONG) {
  test(`${what}: refused`, () => assert.throws(() => load(text), complaint));
}
