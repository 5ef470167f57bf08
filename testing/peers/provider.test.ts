/** The provider's script with softphones of another maker: a short number, a phone that nobody takes, a forward. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { join } from 'node:path';
import { startPhone } from './baresip.ts';
import { type Exchange, startExchange } from './exchange.ts';
import { missing } from './peer.ts';

const skip = missing('baresip');

const PROVIDER = join(import.meta.dirname, '..', '..', 'examples', 'provider.ts');
const RING_MS = 2_000;

let exchange: Exchange;

before(async () => {
  if (skip !== false) return;
  const settings = '\n[[trunk.pools]]\nname = "carriers"\nservers = ["sip:127.0.0.9"]\n';
  exchange = await startExchange(['alice', 'bob', 'carol'], { script: PROVIDER, settings });
});

after(async () => {
  await exchange?.stop();
});

test('alice dials 2, bob lets it ring, carol takes the call, and the steps say so', { skip }, async (t) => {
  const [alice, bob, carol] = await Promise.all([
    startPhone(t, exchange, { user: 'alice', answers: 'manual' }),
    startPhone(t, exchange, { user: 'bob', answers: 'manual' }),
    startPhone(t, exchange, { user: 'carol', answers: 'manual' }),
  ]);
  await Promise.all([alice.registered(), bob.registered(), carol.registered()]);
  const user = (name: string): string => `${name}@${exchange.domain}`;
  await exchange.command(['speed-dial', 'add', user('alice'), '2', user('bob')]);
  const forward = ['forwards', 'add', user('bob'), 'no-answer', user('carol'), '--ring-ms', String(RING_MS)];
  await exchange.command(forward);

  alice.command('dial', `sip:2@${exchange.domain}`);
  await bob.event('CALL_INCOMING');
  await carol.event('CALL_INCOMING');
  await bob.event('CALL_CLOSED');
  carol.command('accept');
  const { id = '' } = await alice.event('CALL_ESTABLISHED');
  carol.command('hangup');
  await alice.event('CALL_CLOSED');

  const [record] = await exchange.records(new Set([id]));
  assert.deepEqual(
    [record?.caller, record?.status, record?.endedBy],
    [user('alice'), 200, 'callee'],
    JSON.stringify(record),
  );
  const shown = await exchange.command(['calls', 'show', record?.id ?? '', '--steps']);
  assert.match(shown, /callers\.meant .*sip:bob@tandem\.test/);
  assert.match(shown, /branch sip:bob.* ✕ nobody answered/);
  assert.match(shown, /INVITE, failure .*408 → relay sip:carol/);
});
