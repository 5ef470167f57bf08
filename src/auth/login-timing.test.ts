/** How long a refusal takes says nothing about who exists. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import { Subscribers } from '../subscriber/subscribers.ts';
import { credentialsFor } from '../testing/phone-credentials.ts';
import { SimClock } from '../testing/sim-clock.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { DigestAuth } from './challenge.ts';
import { Nonces } from './nonce.ts';

const ROUNDS = 200;
const TRIALS = 5;
/** Two medians of the same thing differ by less on a busy machine; a hash left out makes far more. */
const FACTOR_MAX = 1.15;

async function open(): Promise<DigestAuth> {
  const clock = new SimClock();
  const random = new SimRandom(1);
  const subscribers = new Subscribers({ writer: new MemoryWriter(clock), clock });
  await clock.until(subscribers.add({ user: 'alice', domain: 'example.com', password: 'wonderland' }));
  const nonces = new Nonces({ clock, random, secret: 'secret' });
  const realmFor = (): string => 'example.com';
  return new DigestAuth({ subscribers, nonces, random, realmFor, isOurs: () => true, algorithms: ['MD5'] });
}

function register(user: string, authorization?: string): SipRequest {
  const message = parseMessage(
    [
      'REGISTER sip:example.com SIP/2.0',
      'Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1',
      `From: <sip:${user}@example.com>;tag=1`,
      `To: <sip:${user}@example.com>`,
      'Call-ID: 1',
      'CSeq: 1 REGISTER',
      ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]),
      '\r\n',
    ].join('\r\n'),
  );
  assert.ok(message instanceof SipRequest);
  return message;
}

/** The request that a guesser sends, made before the time is taken. */
function guess(auth: DigestAuth, user: string): SipRequest {
  const verdict = auth.check(register(user), 'www');
  assert.ok('headers' in verdict);
  const proof = { user, password: 'a guess', method: 'REGISTER', uri: 'sip:example.com', cnonce: 'c' };
  return register(user, credentialsFor(verdict.headers[0]?.[1] ?? '', proof));
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

test('an unknown user is refused in the same time as a wrong password', async () => {
  const auth = await open();
  const requests = new Map(
    ['alice', 'nobod'].map((user) => [user, Array.from({ length: ROUNDS }, () => guess(auth, user))]),
  );
  const factors: number[] = [];

  for (let trial = 0; trial < TRIALS; trial++) {
    const spent = { alice: [] as number[], nobod: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      for (const user of round % 2 === 0 ? (['alice', 'nobod'] as const) : (['nobod', 'alice'] as const)) {
        const request = requests.get(user)?.[round];
        assert.ok(request !== undefined);
        const before = process.hrtime.bigint();
        auth.check(request, 'www');
        spent[user].push(Number(process.hrtime.bigint() - before));
      }
    }
    factors.push(median(spent.nobod) / median(spent.alice));
  }

  const factor = median(factors);
  assert.ok(factor < FACTOR_MAX && factor > 1 / FACTOR_MAX, `takes ${factor} times as long`);
});
