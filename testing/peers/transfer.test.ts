/** Softphones of another maker transfer calls of two legs: blind, and to somebody they talk to already. RFC 5589 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Phone, type PhoneEvent, startPhone } from './baresip.ts';
import { type Exchange, startExchange } from './exchange.ts';
import { missing } from './peer.ts';

const DOOR = JSON.stringify(join(import.meta.dirname, '../../src/index.ts'));
const skip = missing('baresip');
const LOOK_EVERY_MS = 50;
const EVENT_MS = 10_000;

const SCRIPT = `import { Router, script } from ${DOOR};

export default script(({ auth, location, b2b }) => {
  const app = new Router();
  app.register(auth.digest(), (c) => location.save(c));
  app.invite(auth.digest(), async (c) => {
    const phones = await location.lookup(c.uri);
    if (phones.length === 0) return c.reply(480);
    const transfer = async (to) => ({ parallel: await location.lookup(to) });
    return c.answer(b2b.to({ parallel: phones }, { transfer }));
  });
  return app;
});
`;

let folder = '';
let exchange: Exchange;

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'tandem-transfer-'));
  const script = join(folder, 'script.ts');
  writeFileSync(script, SCRIPT);
  exchange = await startExchange(['alice', 'bob', 'carol'], { script });
});

after(async () => {
  await exchange?.stop();
  if (folder !== '') rmSync(folder, { recursive: true });
});

/** So many events of a type, once there are as many. */
async function events(phone: Phone, type: string, count: number): Promise<readonly PhoneEvent[]> {
  const giveUpAt = performance.now() + EVENT_MS;
  for (;;) {
    const found = phone.events.filter((event) => event.type === type);
    if (found.length >= count) return found;
    const seen = phone.events.map((event) => event.type).join(', ');
    assert.ok(
      performance.now() < giveUpAt,
      `${found.length} of ${count} ${type}: ${seen}\n${phone.printed()}`,
    );
    await sleep(LOOK_EVERY_MS);
  }
}

/** How the far end of a call names it in Replaces, as the phone printed what it was answered. RFC 3891 §3 */
function replacesOf(phone: Phone, callId: string): string {
  const messages = phone.printed().split(/(?=^(?:SIP\/2\.0 \d{3} |[A-Z]+ sip:\S+ SIP\/2\.0))/m);
  const isAnswer = (text: string): boolean =>
    text.startsWith('SIP/2.0 200 ') && text.includes(callId) && /CSeq: \d+ INVITE/.test(text);
  const answer = messages.find(isAnswer) ?? '';
  const tagIn = (name: string): string =>
    new RegExp(`^${name}:.*;tag=([^;\\s]+)`, 'mi').exec(answer)?.[1] ??
    assert.fail(`no ${name} in ${answer}`);
  return `${callId};to-tag=${tagIn('To')};from-tag=${tagIn('From')}`;
}

for (const referrer of ['caller', 'callee'] as const) {
  test(`the ${referrer} transfers the other one to a third`, { skip, timeout: 60_000 }, async (t) => {
    const alice = await startPhone(t, exchange, { user: 'alice', answers: 'manual' });
    const bob = await startPhone(t, exchange, { user: 'bob', answers: 'auto' });
    const carol = await startPhone(t, exchange, { user: 'carol', answers: 'auto' });
    await Promise.all([alice.registered(), bob.registered(), carol.registered()]);
    alice.command('dial', `sip:bob@${exchange.domain}`);
    const { id = '' } = await alice.event('CALL_ESTABLISHED');
    await bob.event('CALL_ESTABLISHED');
    const [goes, stays] = referrer === 'caller' ? [alice, bob] : [bob, alice];

    goes.command('transfer', `sip:carol@${exchange.domain}`);
    await Promise.all([goes.event('CALL_CLOSED'), carol.event('CALL_ESTABLISHED')]);
    assert.deepEqual(await events(stays, 'CALL_CLOSED', 0), []);
    carol.command('hangup');
    await stays.event('CALL_CLOSED');

    const [record] = await exchange.records(new Set([id]));
    assert.equal(record?.status, 200);
  });
}

test('the referrer asks the third first, then joins both', { skip, timeout: 60_000 }, async (t) => {
  const alice = await startPhone(t, exchange, { user: 'alice', answers: 'manual', prints: true });
  const bob = await startPhone(t, exchange, { user: 'bob', answers: 'auto' });
  const carol = await startPhone(t, exchange, { user: 'carol', answers: 'auto' });
  await Promise.all([alice.registered(), bob.registered(), carol.registered()]);
  alice.command('dial', `sip:bob@${exchange.domain}`);
  const first = await alice.event('CALL_ESTABLISHED');
  alice.command('hold');
  alice.command('dial', `sip:carol@${exchange.domain}`);
  await events(alice, 'CALL_ESTABLISHED', 2);
  await carol.event('CALL_ESTABLISHED');

  // The current call is the second one: carol is sent to where bob is held.
  const replaces = encodeURIComponent(replacesOf(alice, first.id ?? ''));
  alice.command('transfer', `<sip:bob@${exchange.domain}?Replaces=${replaces}>`);
  await events(alice, 'CALL_CLOSED', 2);
  assert.deepEqual(
    [...bob.events, ...carol.events].filter(({ type }) => type === 'CALL_CLOSED'),
    [],
  );
  bob.command('hangup');
  await carol.event('CALL_CLOSED');
});

test(
  'a transfer to somebody who has no phone leaves the call as it was',
  { skip, timeout: 60_000 },
  async (t) => {
    const alice = await startPhone(t, exchange, { user: 'alice', answers: 'manual', prints: true });
    const bob = await startPhone(t, exchange, { user: 'bob', answers: 'auto' });
    await Promise.all([alice.registered(), bob.registered()]);
    alice.command('dial', `sip:bob@${exchange.domain}`);
    await alice.event('CALL_ESTABLISHED');

    alice.command('transfer', `sip:nobody@${exchange.domain}`);
    const failed = await alice.event('TRANSFER_FAILED');

    assert.match(failed.param ?? '', /480/);
    alice.command('hangup');
    await bob.event('CALL_CLOSED');
  },
);
