import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { parseUri } from '../sip/uri.ts';
import type { Hop } from '../transport/transports.ts';
import { TrustedPeers } from './trusted.ts';

const PEERS = ['192.0.2.51', '198.51.100.0/24', '2001:db8::/32', 'Carrier.example'];

//  from             names it proved               trusted
const sources: readonly [string, readonly string[] | undefined, boolean][] = [
  ['192.0.2.51', undefined, true],
  ['192.0.2.52', undefined, false],
  ['198.51.100.200', undefined, true],
  ['2001:db8:1::1', undefined, true],
  ['::ffff:192.0.2.51', undefined, true],
  ['203.0.113.1', ['carrier.example'], true],
  ['203.0.113.1', ['other.example', 'carrier.example'], true],
  ['203.0.113.1', ['evil.carrier.example'], false],
  ['203.0.113.1', [], false],
  ['203.0.113.1', ['192.0.2.51'], false],
];

for (const [host, peerNames, trusted] of sources) {
  const proved = peerNames === undefined ? '' : ` that proved ${peerNames.join(', ') || 'nothing'}`;
  test(`what comes from ${host}${proved} is ${trusted ? '' : 'not '}trusted`, () => {
    const flow = { remote: new Endpoint(host, 5060), ...(peerNames && { peerNames }) };

    assert.equal(new TrustedPeers(PEERS).hasSent(flow), trusted);
    assert.equal(new TrustedPeers([]).hasSent(flow), false);
  });
}

const hop = (host: string, more: Partial<Hop> = {}): Hop => ({ transport: 'udp', host, port: 5060, ...more });

//  target                                 by way of                          trusted
const targets: readonly [string, Hop | undefined, boolean][] = [
  ['sip:bob@192.0.2.51', undefined, true],
  ['sip:bob@192.0.2.52', undefined, false],
  ['sip:bob@192.0.2.51', hop('203.0.113.1'), false],
  ['sip:bob@203.0.113.1', hop('192.0.2.51'), true],
  ['sip:bob@carrier.example', undefined, false],
  ['sip:bob@carrier.example;transport=udp', undefined, false],
  ['sip:bob@carrier.example;transport=TLS', undefined, true],
  ['sips:bob@carrier.example', undefined, true],
  ['sips:bob@carrier.example', hop('203.0.113.1', { transport: 'tls', serverName: 'other.example' }), false],
  ['sips:bob@x', hop('203.0.113.1', { transport: 'tls', serverName: 'carrier.example' }), true],
  ['tel:+4930200', hop('192.0.2.51'), true],
  ['tel:+4930200', undefined, false],
];

for (const [uri, by, trusted] of targets) {
  const way = by === undefined ? '' : ` by ${by.transport} ${by.serverName ?? by.host}`;
  test(`what goes to ${uri}${way} is ${trusted ? '' : 'not '}for a trusted peer`, () => {
    const target = { uri: parseUri(uri), ...(by && { hop: by }) };

    assert.equal(new TrustedPeers(PEERS).willGet(target), trusted);
    assert.equal(new TrustedPeers([]).willGet(target), false);
  });
}
