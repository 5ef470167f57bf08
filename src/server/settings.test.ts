import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { TandemError } from '../base/errors.ts';
import { BUNDLED_SCRIPT, loadSettings, parseListen, printListen, settingNames } from './settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'tandem-settings-'));
after(() => rmSync(folder, { recursive: true }));

function written(toml: string): string {
  const file = join(folder, 'tandem.toml');
  writeFileSync(file, toml);
  return file;
}

test('an empty file is a whole configuration', () => {
  const settings = loadSettings(written(''));

  assert.deepEqual(settings.sip.listen, [
    { transport: 'udp', host: '0.0.0.0', port: 5060 },
    { transport: 'tcp', host: '0.0.0.0', port: 5060 },
  ]);
  assert.equal(settings.registrar.max_contacts, 10);
  assert.equal(settings.data.folder, join(process.cwd(), 'data'));
  assert.equal(settings.script.file, BUNDLED_SCRIPT);
});

test('what the file says wins over the default, what the command line says over the file', () => {
  const file = written('[log]\nlevel = "warn"\nformat = "json"\n');

  const settings = loadSettings(file, { log: { level: 'debug' } });

  assert.deepEqual(settings.log, { level: 'debug', format: 'json' });
});

test('paths in the file are meant from where it lies, those of the command line from here', () => {
  const file = written('[data]\nfolder = "state"\n[script]\nfile = "my.ts"\n');

  assert.equal(loadSettings(file).data.folder, join(folder, 'state'));
  assert.equal(loadSettings(file).script.file, join(folder, 'my.ts'));
  assert.equal(loadSettings(file, { data: { folder: 'here' } }).data.folder, join(process.cwd(), 'here'));
});

test('settings cannot be changed', () => {
  const settings = loadSettings(written(''));

  assert.ok(Object.isFrozen(settings.sip));
  assert.ok(Object.isFrozen(settings.sip.listen));
});

const wrong: [what: string, toml: string, complaint: RegExp][] = [
  [
    'a misspelt key',
    '[sip]\n\nlissten = []',
    /^\S+:3: unknown key sip\.lissten; did you mean sip\.listen\?$/,
  ],
  ['a misspelt section', '[spi]\ngso = true', /^\S+:1: unknown key spi; did you mean sip\?$/],
  [
    'a key in the wrong section',
    '[log]\nfolder = "x"',
    /:2: unknown key log\.folder; did you mean data\.folder\?$/,
  ],
  ['a key like no other', 'colour = 1', /:1: unknown key colour$/],
  ['a dotted key', 'sip.gsso = true', /:1: unknown key sip\.gsso; did you mean sip\.gso\?$/],
  ['a number for a switch', '[sip]\ngso = 1', /:2: sip\.gso must be true or false, not 1$/],
  [
    'a word that is none of these',
    '[sip]\nudp = "fast"',
    /:2: sip\.udp must be "batch" or "dgram", not "fast"$/,
  ],
  [
    'too small a number',
    '[registrar]\nmax_contacts = 0',
    /:2: registrar\.max_contacts must be 1 or more, not 0$/,
  ],
  ['too large a number', '[data]\ncommit_ms = 1001', /:2: data\.commit_ms must be 1000 or less, not 1001$/],
  ['a fraction', '[data]\ncommit_ms = 1.5', /:2: data\.commit_ms must be a whole number, not 1\.5$/],
  ['an empty list', '[sip]\nlisten = []', /:2: sip\.listen must be a list of 1 or more, not \[\]$/],
  [
    'an address without a port',
    '[sip]\nlisten = ["udp:0.0.0.0"]',
    /:2: sip\.listen must be an address such as/,
  ],
  [
    'a port beyond the last',
    '[console]\nlisten = "127.0.0.1:65536"',
    /:2: console\.listen must be an address/,
  ],
  [
    'bounds that cross',
    '[registrar]\nmin_expires = 8000',
    /:1: registrar must be a section with min_expires ≤/,
  ],
  [
    'a listener seen at no address',
    '[sip]\nlisten = [{ listen = "udp:0.0.0.0:5060", advertise = "a b" }]',
    /:2: sip\.listen must be seen at an address or name/,
  ],
  ['a listener that is a number', '[sip]\nlisten = [4]', /:2: sip\.listen must be an address such as/],
  [
    'TLS without a certificate',
    '[tls]\ncertificates = []\n[sip]\nlisten = ["tls:0.0.0.0:5061"]',
    /:2: tls\.certificates must be a list with one certificate at least/,
  ],
  [
    'phones that are told to be silent for longer than a connection may be',
    '[sip]\nidle_timeout_ms = 600_000\n[registrar]\nflow_timer_seconds = 600',
    /:4: registrar\.flow_timer_seconds must be less than \[sip\] idle_timeout_ms, .*, not 600$/,
  ],
  [
    'an origin with a path',
    '[sip]\nwebsocket_origins = ["https://a.example/x"]',
    /:2: sip\.websocket_origins must be an origin such as/,
  ],
  ['a section that is none', 'sip = 4', /:1: sip must be a section, not 4$/],
  ['a section in capitals', '[SIP]\ngso = true', /:1: unknown key SIP; did you mean sip\?$/],
  ['a key in capitals', '[sip]\nGSO = true', /:2: unknown key sip\.GSO; did you mean sip\.gso\?$/],
  [
    'a text that is empty',
    '[data]\nfolder = ""',
    /:2: data\.folder must be a text of 1 character or more, not ""$/,
  ],
  [
    'an address twice',
    '[sip]\nlisten = ["udp:127.0.0.1:5070", "udp:127.0.0.1:5070"]',
    /:2: sip\.listen must be a list in which no address and port stands twice, not \[/,
  ],
  [
    'two transports that share a port of TCP',
    '[sip]\nlisten = ["tcp:127.0.0.1:5070", "ws:127.0.0.1:5070"]',
    /:2: sip\.listen must be a list in which no address and port stands twice, not \[/,
  ],
  ['no TOML at all', '[sip]\nlisten = [', /:2: unfinished array$/],
];

for (const [what, toml, complaint] of wrong) {
  test(`${what} is explained with its line`, () => {
    const file = written(toml);

    assert.throws(
      () => loadSettings(file),
      (error) =>
        error instanceof TandemError && error.code === 'SETTINGS_INVALID' && complaint.test(error.message),
    );
  });
}

test('UDP and TCP share a port, and the system may be asked for several', () => {
  const listen = ['udp:127.0.0.1:5070', 'tcp:127.0.0.1:5070', 'udp:127.0.0.1:0', 'udp:127.0.0.1:0'];

  assert.equal(loadSettings(written(`[sip]\nlisten = ${JSON.stringify(listen)}`)).sip.listen.length, 4);
});

test('a settings file that cannot be read is no missing one', () => {
  assert.throws(() => loadSettings(folder), {
    code: 'SETTINGS_INVALID',
    message: /^cannot read the settings file \S+: EISDIR: /,
  });
});

test('every mistake is told at once', () => {
  const file = written('[sip]\ngso = 1\npacing = 2\n');

  assert.throws(() => loadSettings(file), /:2: sip\.gso .*\n.*:3: sip\.pacing/);
});

test('a file that was named must be there', () => {
  assert.throws(() => loadSettings(join(folder, 'none.toml')), { code: 'NOT_FOUND' });
});

test('a wrong word on the command line is blamed on the command line', () => {
  const overrides = { sip: { listen: ['udp:0.0.0.0:99999'] } };

  assert.throws(
    () => loadSettings(written(''), overrides),
    /^TandemError: command line: sip\.listen must be/,
  );
});

test('a listener may say how it is seen and what it is called; files of certificates lie beside the settings', () => {
  const { sip, tls } = loadSettings(
    written(
      '[sip]\nlisten = ["tcp:10.0.0.1:5060", ' +
        '{ listen = "tls:10.0.0.1:5061", advertise = "sip.example.com:443", name = "in" }]\n' +
        '[tls]\ncertificates = [{ certificate = "a.pem", key = "/etc/a.key" }]\nauthorities = "ca.pem"',
    ),
  );

  assert.deepEqual(sip.listen, [
    { transport: 'tcp', host: '10.0.0.1', port: 5060 },
    { transport: 'tls', host: '10.0.0.1', port: 5061, advertise: 'sip.example.com:443', name: 'in' },
  ]);
  assert.deepEqual(tls.certificates, [{ certificate: join(folder, 'a.pem'), key: '/etc/a.key' }]);
  assert.equal(tls.authorities, join(folder, 'ca.pem'));
});

const addresses = [
  'tls:0.0.0.0:5061',
  'ws:0.0.0.0:5080',
  'wss:[::]:5081',
  'udp:0.0.0.0:5060',
  'tcp:127.0.0.1:0',
  'udp:[::]:5060',
  'tcp:[2001:db8::1]:65535',
];
for (const text of addresses) {
  test(`${text} is parsed and printed back`, () => {
    const address = parseListen(text);

    assert.ok(address !== undefined);
    assert.equal(printListen(address), text);
  });
}

for (const text of [
  'sctp:0.0.0.0:5061',
  'udp:example.com:5060',
  'udp:::5060',
  'udp:1.2.3.4:',
  'udp:1.2.3.4:65536',
]) {
  test(`${text} is no address to listen on`, () => assert.equal(parseListen(text), undefined));
}

test('every section and key has its name in the list of proposals', () => {
  assert.ok(settingNames().includes('sip'));
  assert.ok(settingNames().includes('sip.header_timeout_ms'));
});
