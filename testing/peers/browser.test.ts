/** Browsers: JsSIP by WebSocket, plain and secure, with sound from page to page. RFC 7118 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPhone } from './baresip.ts';
import { type PhoneBrowser, startBrowser } from './browser.ts';
import { type Exchange, startExchange } from './exchange.ts';
import { missing } from './peer.ts';

const skip = missing('chromium');
const skipBoth = missing('chromium', 'baresip');

const TALK_MS = 1_000;
/** Fifty a second are sent. */
const PACKETS_LEAST = 20;

let exchange: Exchange;
let browser: PhoneBrowser;

before(async () => {
  if (skip !== false) return;
  exchange = await startExchange(['alice', 'bob', 'carol', 'dora'], { streams: true });
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await exchange?.stop();
});

const urls = {
  ws: () => `ws://127.0.0.1:${exchange.ports.ws}`,
  wss: () => `wss://127.0.0.1:${exchange.ports.wss}`,
};

for (const [from, to, hangsUp] of [
  ['ws', 'ws', 'caller'],
  ['wss', 'ws', 'callee'],
  ['wss', 'wss', 'caller'],
] as const) {
  const name = `a page on ${from} calls a page on ${to}, they hear each other, the ${hangsUp} hangs up`;
  test(name, { skip, timeout: 60_000 }, async () => {
    const alice = await browser.open(exchange, 'alice', urls[from]());
    const bob = await browser.open(exchange, 'bob', urls[to]());
    await Promise.all([alice.happened('registered'), bob.happened('registered')]);

    await alice.dial(`sip:bob@${exchange.domain}`);
    await Promise.all([alice.happened('confirmed'), bob.happened('confirmed')]);
    await sleep(TALK_MS);
    const callId = await alice.callId();
    const heard = await Promise.all([alice.packets(), bob.packets()]);
    await (hangsUp === 'caller' ? alice : bob).hangUp();
    await Promise.all([alice.happened('ended'), bob.happened('ended')]);
    await Promise.all([alice.close(), bob.close()]);

    assert.ok(Math.min(...heard) >= PACKETS_LEAST, `${heard.join(' and ')} packets`);
    const [record] = await exchange.records(new Set([callId]));
    assert.deepEqual([record?.status, record?.endedBy], [200, hangsUp]);
  });
}

test(
  'a softphone on UDP is told by a page that it cannot talk',
  { skip: skipBoth, timeout: 60_000 },
  async (t) => {
    const dora = await browser.open(exchange, 'dora', urls.wss());
    const carol = await startPhone(t, exchange, { user: 'carol', answers: 'manual' });
    await Promise.all([dora.happened('registered'), carol.registered()]);

    carol.command('dial', `sip:dora@${exchange.domain}`);
    const closed = await carol.event('CALL_CLOSED');

    assert.match(closed.param ?? '', /488/); // Plain RTP is nothing for a browser: the answer came back all the way.
  },
);
