import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadSettings } from './settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'tandem-settings-'));
after(() => rmSync(folder, { recursive: true }));

function load(text: string): ReturnType<typeof loadSettings> {
  const file = join(folder, 'tandem.toml');
  writeFileSync(file, text);
  return loadSettings(file);
}

test('a pool, with servers written short and long', () => {
  const { trunk } = load(`
[[trunk.pools]]
name = "media"
servers = ["sip:192.0.2.21", { uri = "sip:192.0.2.22", weight = 2, resources = { calls = 30 } }]
probe_ms = 1000
`);

  const [pool] = trunk.pools;
  const second = { uri: 'sip:192.0.2.22', weight: 2, priority: 0, resources: { calls: 30 } };
  assert.deepEqual(pool?.servers, ['sip:192.0.2.21', second]);
  assert.deepEqual(
    [pool?.pick, pool?.request_uri, pool?.probe_ms, pool?.down_after],
    ['weight', 'host', 1_000, 3],
  );
});

test('people of one domain dial otherwise, by the same keys', () => {
  const { numbers } = load(`
[numbers]
country_code = "49"
[[numbers.domains]]
domain = "Milan.example"
country_code = "39"
national_prefix = ""
`);

  assert.equal(numbers.country_code, '49');
  const [milan] = numbers.domains;
  assert.deepEqual([milan?.domain, milan?.country_code, milan?.national_prefix], ['milan.example', '39', '']);
  assert.deepEqual(milan?.emergency, ['112', '911']);
});

// [settings, what is said of them]
const WRONG: readonly (readonly [string, RegExp])[] = [
  [
    '[[trunk.pools]]\nname = "a"\nservers = ["http://x"]',
    /tandem\.toml:3: trunk\.pools\.servers must be a SIP URI/,
  ],
  [
    '[[trunk.pools]]\nname = "a"\nservers = []\npick = "fastest"',
    /trunk\.pools\.pick must be "round-robin" or/,
  ],
  ['[[trunk.pools]]\nname = "a"\nservers = []\nprobe_ms = 50', /probe_ms 0, for no probes, or 100 and more/],
  ['[[trunk.pools]]\nname = "a"\nservers = []\nwheight = 1', /unknown key trunk/],
  [
    '[[permissions.groups]]\nname = "a"\naddresses = ["192.0.2.0/40"]',
    /a network such as "192\.0\.2\.0\/24"/,
  ],
  [
    '[[trunk.pools]]\nname = "a"\nservers = []\n[[trunk.pools]]\nname = "b"\nservers = []\nup_after = 0',
    /toml:7: trunk\.pools\.up_after must be 1 or more, not 0/,
  ],
  ['[numbers]\ncountry_code = "+49"', /country_code must be digits in quotes, not "\+49"/],
  ['[metrics]\nlisten = "9090"', /metrics\.listen must be/],
  ['[http]\nmax_requests = 0', /http\.max_requests must be 1 or more, not 0/],
];

for (const [text, said] of WRONG) {
  test(`${text.replaceAll('\n', ' ')} is refused with its place`, () => {
    assert.throws(() => load(text), { code: 'SETTINGS_INVALID', message: said });
  });
}
