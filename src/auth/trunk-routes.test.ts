import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../base/endpoint.ts';
import { RequestContext } from '../route/context.ts';
import type { Middleware } from '../route/router.ts';
import type { Caller, TrunkOptions, TrunkOrCaller } from '../route/services.ts';
import { silentLogger } from '../base/silent-logger.ts';
import type { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { parseNetwork } from '../subscriber/address-table.ts';
import { Permissions } from '../subscriber/permissions.ts';
import type { Flow } from '../transport/flow.ts';
import { TRUSTED_TRUNK, trunkOrDigest } from './trunk-routes.ts';
import { TrustedPeers } from './trusted.ts';

const network = parseNetwork('198.51.100.0/24');
assert.ok(network);
const permissions = new Permissions({ list: () => [{ group: 'carriers', ...network }] });
const trusted = new TrustedPeers(['203.0.113.7', 'sbc.trusted.example']);
const ALICE: Caller = { user: 'alice', domain: 'example.com' };
const digest: Middleware<{}, { caller: Caller }> = (_c, next) => next({ caller: ALICE });

/** What the route learns of a request that comes from there. */
async function learned(host: string, peerNames: readonly string[], options?: TrunkOptions): Promise<string> {
  const message = parseMessage(
    [
      'INVITE sip:bob@example.com SIP/2.0',
      'Via: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1',
      'From: <sip:+4930100@carrier.example>;tag=1',
      'To: <sip:bob@example.com>',
      'Call-ID: c',
      'CSeq: 1 INVITE',
      '\r\n',
    ].join('\r\n'),
  ) as SipRequest; // It begins with a method.
  const remote = new Endpoint(host, 5061);
  const source = { transport: 'tls', reliable: true, remote, peerNames } as unknown as Flow; // All that is looked at.
  const c = new RequestContext({}, silentLogger, message, source, () => {});
  let found: TrunkOrCaller | undefined;
  await trunkOrDigest({ permissions, trusted, digest }, options)(c, (who) => {
    found = who;
    return c.drop();
  });
  return found?.trunk ?? `${found?.caller?.user ?? 'nobody'}`;
}

const IN_GROUP = '198.51.100.9';
const ELSEWHERE = '192.0.2.9';
const SBC = ['sbc.carrier.example'];
const group: TrunkOptions = { group: 'carriers' };
const certificate: TrunkOptions = { certificates: ['SBC.carrier.example'] };
const both: TrunkOptions = { ...group, ...certificate };

type Row = readonly [host: string, names: readonly string[], TrunkOptions | undefined, who: string];

const ROWS: readonly Row[] = [
  [IN_GROUP, [], group, 'carriers'],
  [ELSEWHERE, SBC, group, 'alice'],
  [ELSEWHERE, SBC, certificate, 'sbc.carrier.example'],
  [IN_GROUP, [], certificate, 'alice'],
  [IN_GROUP, ['other.example'], certificate, 'alice'],
  [IN_GROUP, SBC, both, 'carriers'],
  [IN_GROUP, [], both, 'alice'],
  [ELSEWHERE, SBC, both, 'alice'],
  [ELSEWHERE, SBC, { certificates: [] }, 'alice'],
  ['203.0.113.7', [], undefined, TRUSTED_TRUNK],
  [ELSEWHERE, ['sbc.trusted.example'], {}, TRUSTED_TRUNK],
  [IN_GROUP, SBC, undefined, 'alice'],
];

for (const [host, names, options, who] of ROWS) {
  const shown = names.length === 0 ? 'no certificate' : names.join();
  test(`${host} with ${shown} is ${who} where ${JSON.stringify(options ?? 'nothing')} is asked for`, async () => {
    assert.equal(await learned(host, names, options), who);
  });
}

test('a group that nobody has defined lets nobody in', async () => {
  await assert.rejects(async () => learned(IN_GROUP, [], { group: 'cariers' }), { code: 'NOT_FOUND' });
});
