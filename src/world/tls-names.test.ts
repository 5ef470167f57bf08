import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { type CertificateNames, makeAuthority } from '../testing/certificates.ts';
import { namesOf } from './tls-names.ts';

const authority = makeAuthority();

// oxfmt-ignore
const table: readonly [names: CertificateNames, counted: readonly string[]][] = [
  [{ dns: ['A.example', 'b.example'] },                                    ['a.example', 'b.example']],
  [{ dns: ['a.example'], uris: ['sip:Example.com'] },                      ['example.com']],
  [{ dns: ['a.example'], uris: ['https://example.com'] },                  ['a.example']],
  [{ dns: ['a.example'], uris: ['sip:alice@example.com'] },                ['a.example']], // A person is no domain.
  [{ dns: ['a.example'], commonName: 'c.example' },                        ['a.example']],
  [{ commonName: 'C.example' },                                            ['c.example']],
  [{ ips: ['192.0.2.1'], commonName: 'c.example' },                        []],
  [{ dns: ['evil.example, DNS:victim.example'] },                          []],
  [{ dns: ['a.example'], uris: ['sip:x.example, DNS:victim.example'] },    ['a.example']],
];

for (const [names, counted] of table) {
  test(`${JSON.stringify(names)} proves ${counted.join(', ') || 'nothing'}`, () => {
    const { chain } = authority.issue(names);

    assert.deepEqual(namesOf(new X509Certificate(chain)), counted);
  });
}
