import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Router, script } from '../route/router.ts';
import type { Pool, PoolOptions } from '../route/services.ts';
import { parseNameAddr } from '../sip/name-addr.ts';
import { parseUri } from '../sip/uri.ts';
import { fakes } from '../testing/fakes.ts';
import { town } from '../testing/town.ts';
import { checkPool } from './pool-options.ts';

const A = 'sip:192.0.2.21:5060';

//    what a script without types says        what it is told
const WRONG: readonly [string, unknown, string][] = [
  [
    'no options',
    undefined,
    'the pool gw: { servers, pick, probe, restMs, callMs, requestUri } expected, not undefined',
  ],
  ['no servers', {}, 'servers of the pool gw: a list of 1000 at most expected, not undefined'],
  ['one server', { servers: A }, `servers of the pool gw: a list of 1000 at most expected, not '${A}'`],
  [
    'an option that is none',
    { servers: [], probes: {} },
    "the pool gw: servers, pick, probe, restMs, callMs, requestUri expected, not 'probes'",
  ],
  [
    'a way to pick that is none',
    { servers: [], pick: 'leest-calls' },
    'pick of the pool gw: one of round-robin, weight, least-calls, most-free, hash-call-id, hash-user, hash-ip, ' +
      "priority expected, not 'leest-calls'",
  ],
  [
    'another requestUri',
    { servers: [], requestUri: 'kep' },
    "requestUri of the pool gw: one of host, keep expected, not 'kep'",
  ],
  [
    'a rest before now',
    { servers: [], restMs: -5 },
    'restMs of the pool gw: milliseconds from 1 to 2147483647 expected, not -5',
  ],
  [
    'calls of no length',
    { servers: [], callMs: 0 },
    'callMs of the pool gw: milliseconds from 1 to 2147483647 expected, not 0',
  ],
  [
    'no interval',
    { servers: [], probe: {} },
    'everyMs, probe of the pool gw: milliseconds from 100 to 2147483647 expected, not NaN',
  ],
  [
    'an answer before the question',
    { servers: [], probe: { everyMs: 1_000, replyMs: -1 } },
    'replyMs, probe of the pool gw: milliseconds from 1 to 2147483647 expected, not -1',
  ],
  [
    'a threshold that nothing reaches',
    { servers: [], probe: { everyMs: 1_000, downAfter: NaN } },
    'downAfter, probe of the pool gw: a whole number from 1 to 1000 expected, not NaN',
  ],
  [
    'a server option that is none',
    { servers: [{ uri: A, resource: { calls: 1 } }] },
    "a server of the pool gw: uri, weight, priority, resources expected, not 'resource'",
  ],
  [
    'an address without a scheme',
    { servers: ['192.0.2.21'] },
    "uri of a server of the pool gw: a SIP URI such as sip:192.0.2.21:5060 expected, not '192.0.2.21'",
  ],
  [
    'a transport nobody speaks',
    { servers: ['sip:192.0.2.21;transport=sctp'] },
    "transport of sip:192.0.2.21;transport=sctp in the pool gw: one of udp, tcp, tls, ws, wss expected, not 'sctp'",
  ],
  [
    'a priority that is a word',
    { servers: [{ uri: A, priority: 'high' }] },
    `priority of ${A} in the pool gw: a whole number from -9007199254740991 to 9007199254740991 expected, not 'high'`,
  ],
  [
    'half a channel',
    { servers: [{ uri: A, resources: { recording: 0.5 } }] },
    `recording of ${A} in the pool gw: a whole number from 0 to 1000000 expected, not 0.5`,
  ],
  ['a server twice', { servers: [A, A] }, `servers of the pool gw: each of them once expected, not '${A}'`],
];

for (const [what, options, message] of WRONG) {
  test(`a pool of ${what} is refused: ${message}`, () => {
    assert.throws(() => checkPool('gw', options as PoolOptions), { code: 'INVALID', message });
  });
}

test('a pool that is refused is told with the line that opens it, however deep the mistake', async () => {
  const wrong = script(({ pools }) => {
    pools.open('gw', { servers: [{ uri: A, weight: 0 }] });
    return new Router();
  });

  await assert.rejects(town(wrong, { people: {} }), {
    code: 'SCRIPT_INVALID',
    message:
      /^the script does not start at pool-options\.test\.ts:\d+: weight of sip:192\.0\.2\.21:5060 in the pool gw/,
  });
});

//    how a script that was not checked picks, what it is told
const PICKS: readonly [string, (pool: Pool, c: Parameters<Pool['pick']>[0]) => unknown, string][] = [
  ['at most NaN', (pool, c) => pool.pick(c, NaN), 'most of pick: a number expected, not NaN'],
  [
    'kinds in the place of how many',
    (pool, c) => pool.pick(c, ['recording'] as unknown as number),
    "most of pick: a number expected, not [ 'recording' ]",
  ],
  [
    'a kind that is no list',
    (pool, c) => pool.pick(c, 3, 'recording' as unknown as string[]),
    "needs of pick: a list of kinds of channels expected, not 'recording'",
  ],
  [
    'a kind that no server has',
    (pool, c) => pool.pick(c, 3, ['recoding']),
    "needs of the pool gw: calls, recording expected, not 'recoding'",
  ],
];

for (const [what, pick, message] of PICKS) {
  test(`to pick ${what} is refused: ${message}`, () => {
    const pool = fakes().pools.open('gw', { servers: [{ uri: A, resources: { recording: 2 } }] });
    const c = { callId: '1', from: parseNameAddr('<sip:a@b>;tag=1'), uri: parseUri('sip:600@example.com') };

    assert.throws(() => pick(pool, c as Parameters<Pool['pick']>[0]), { code: 'INVALID', message });
  });
}
