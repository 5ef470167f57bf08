/** Pages that log in by a token in the WebSocket handshake, and talk to a softphone of another maker. RFC 8898 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { tokenIssuer } from '../../src/testing/tokens.ts';
import { startPhone } from './baresip.ts';
import { type PagePhone, type PhoneBrowser, startBrowser } from './browser.ts';
import { type Exchange, startExchange } from './exchange.ts';
import { missing } from './peer.ts';

const DOOR = JSON.stringify(join(import.meta.dirname, '../../src/index.ts'));
const skip = missing('chromium');
/** No ICE candidate is made of a loopback address. */
const isAlone = Object.values(networkInterfaces()).every((all) => all?.every(({ internal }) => internal));
const skipBoth = missing('chromium', 'baresip') || (isAlone ? 'needs an address beside loopback' : false);

const ISSUER = 'https://login.tandem.test';
/** ICE and DTLS come before sound: the softphone takes seconds for them when it is called. */
const SOUND_MS = 10_000;
const LOOK_EVERY_MS = 100;
/** Fifty a second are sent. */
const PACKETS_LEAST = 20;
/** Longer than the leeway for clocks that differ. */
const LONG_AGO_SECONDS = 600;

/** Tokens are for pages; softphones have passwords. */
const SCRIPT = `import { byPreference, Router, script } from ${DOOR};

export default script(({ auth, location }) => {
  const app = new Router();
  const byToken = auth.jwt();
  const byPassword = auth.digest();
  const login = (c, next) => (c.source.transport === 'wss' ? byToken(c, next) : byPassword(c, next));
  app.register(login, (c) => location.save(c));
  app.invite(login, async (c) => c.relay(byPreference(await location.lookup(c.uri))));
  return app;
});
`;

const issuer = tokenIssuer();
let folder = '';
let exchange: Exchange;
let browser: PhoneBrowser;

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'tandem-tokens-'));
  const [script, keys] = [join(folder, 'script.ts'), join(folder, 'keys.json')];
  writeFileSync(script, SCRIPT);
  writeFileSync(keys, issuer.keys);
  const settings = `
[jwt]
keys_file = ${JSON.stringify(keys)}
issuers = [${JSON.stringify(ISSUER)}]
audiences = ["phones"]
`;
  exchange = await startExchange(['alice', 'bob', 'carol'], { streams: true, script, settings });
  browser = await startBrowser(false);
});

after(async () => {
  await browser?.close();
  await exchange?.stop();
  if (folder !== '') rmSync(folder, { recursive: true });
});

/** Where a page connects to with this token. */
function urlFor(user: string, inSeconds = 600): string {
  const exp = Math.floor(Date.now() / 1_000) + inSeconds;
  const token = issuer.token('ES256', { iss: ISSUER, aud: 'phones', sub: `${user}@${exchange.domain}`, exp });
  return `wss://127.0.0.1:${exchange.ports.wss}/?access_token=${token}`;
}

/** Settles when enough of the other's sound has come. */
async function hears(page: PagePhone): Promise<void> {
  const giveUpAt = performance.now() + SOUND_MS;
  for (let packets = 0; packets < PACKETS_LEAST; packets = await page.packets()) {
    assert.ok(performance.now() < giveUpAt, `${packets} packets`);
    await sleep(LOOK_EVERY_MS);
  }
}

for (const hangsUp of ['caller', 'callee'] as const) {
  const name = `a page with a token calls a softphone, which is heard, the ${hangsUp} hangs up`;
  test(name, { skip: skipBoth, timeout: 60_000 }, async (t) => {
    const alice = await browser.open(exchange, 'alice', urlFor('alice'));
    const bob = await startPhone(t, exchange, { user: 'bob', answers: 'auto', isWebPhone: true });
    await Promise.all([alice.happened('registered'), bob.registered()]);

    await alice.dial(`sip:bob@${exchange.domain}`);
    await Promise.all([alice.happened('confirmed'), bob.event('CALL_ESTABLISHED')]);
    const callId = await alice.callId();
    await hears(alice);
    await (hangsUp === 'caller' ? alice.hangUp() : bob.command('hangup'));
    await Promise.all([alice.happened('ended'), bob.event('CALL_CLOSED')]);
    await alice.close();

    const [record] = await exchange.records(new Set([callId]));
    assert.deepEqual([record?.status, record?.endedBy], [200, hangsUp]);
  });
}

test('a softphone calls a page with a token', { skip: skipBoth, timeout: 60_000 }, async (t) => {
  const alice = await browser.open(exchange, 'alice', urlFor('alice'));
  const bob = await startPhone(t, exchange, { user: 'bob', answers: 'manual', isWebPhone: true });
  await Promise.all([alice.happened('registered'), bob.registered()]);

  bob.command('dial', `sip:alice@${exchange.domain}`);
  await Promise.all([alice.happened('confirmed'), bob.event('CALL_ESTABLISHED')]);
  await hears(alice);
  await alice.hangUp();
  await bob.event('CALL_CLOSED');
  await alice.close();
});

test('a page whose token has expired is not connected', { skip, timeout: 90_000 }, async () => {
  const late = await browser.open(exchange, 'carol', urlFor('carol', -LONG_AGO_SECONDS));

  await late.happened('disconnected');
  await late.close();
});

test('a page does not register somebody else with its token', { skip, timeout: 90_000 }, async () => {
  const thief = await browser.open(exchange, 'carol', urlFor('alice'));

  await thief.happened('registrationFailed Rejected');
  await thief.close();
});
