import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Logger } from '../base/world.ts';
import { makeAuthority } from '../testing/certificates.ts';
import { readTlsIdentity, RENEW_DAYS } from './tls-identity.ts';

const DAY_MS = 86_400_000;
const authority = makeAuthority();
const [first, second] = [authority.issue({ dns: ['a.example'] }), authority.issue({ dns: ['b.example'] })];
let folder = '';
const warnings: string[] = [];
const log: Logger = { debug() {}, info() {}, warn: (what) => warnings.push(what), error() {} };

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'tandem-tls-'));
  const files = { a: first.chain, aKey: first.key, bKey: second.key, ca: authority.pem, text: 'no PEM' };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
});

after(() => rmSync(folder, { recursive: true }));

function read(
  certificate: string,
  key: string,
  authorities = '',
  daysAgo = 0,
): ReturnType<typeof readTlsIdentity> {
  const certificates = [{ certificate: join(folder, certificate), key: join(folder, key) }];
  const settings = {
    certificates,
    clients: 'none',
    authorities: authorities && join(folder, authorities),
  } as const;
  return readTlsIdentity(settings, log, Date.now() - daysAgo * DAY_MS);
}

test('certificate, key and authorities are read', () => {
  const identity = read('a', 'aKey', 'ca');

  assert.deepEqual(identity, { certificates: [first], clients: 'none', authorities: authority.pem });
});

test('without a file of authorities those of the system are believed', () => {
  assert.equal(read('a', 'aKey').authorities, undefined);
});

// oxfmt-ignore
const refused: readonly [name: string, certificate: string, key: string, authorities: string, why: RegExp][] = [
  ['no such file',           'none', 'aKey', '',     /cannot read .*none/],
  ['no such key',            'a',    'none', '',     /cannot read .*none/],
  ['no certificate in it',   'text', 'aKey', '',     /text holds no certificate/],
  ['no key in it',           'a',    'text', '',     /text holds no certificate or key/],
  ['the key of another',     'a',    'bKey', '',     /bKey is not the key of .*a$/],
  ['authorities that are none', 'a', 'aKey', 'text', /text holds no certificate/],
];
for (const [name, certificate, key, authorities, why] of refused) {
  test(`${name}: the message names the file`, () => {
    assert.throws(() => read(certificate, key, authorities), { code: 'CERTIFICATE_INVALID', message: why });
  });
}

// Those of the tests hold for one more day.
for (const [daysAgo, warned] of [
  [RENEW_DAYS + 1, false],
  [RENEW_DAYS - 2, true],
] as const) {
  test(`a certificate that ends in ${daysAgo + 1} days ${warned ? 'is warned of' : 'is fine'}`, () => {
    warnings.length = 0;

    read('a', 'aKey', '', daysAgo);

    assert.deepEqual(warnings, warned ? ['a certificate runs out'] : []);
  });
}
