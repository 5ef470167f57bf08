/** JsSIP in a headless Chromium: a phone in a page, with sound from a fake microphone. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { browserBundle } from './browser-bundle.ts';
import { type Exchange, passwordOf } from './exchange.ts';

const CHROMIUM = '/usr/bin/chromium';
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
];
/** Without it sound goes by the other addresses of this machine. */
const LOOPBACK = '--allow-loopback-in-peer-connection';
const WAIT_MS = 15_000;

/** What runs in the page: `phone` with all that happened to it. */
const PAGE_SCRIPT = `
window.startPhone = ({ url, user, domain, password }) => {
  const events = [];
  const phone = { events, session: undefined, endedBy: '', callId: '' };
  const ua = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(url)],
    uri: 'sip:' + user + '@' + domain,
    password,
    register_expires: 600,
  });
  for (const name of ['connected', 'registered', 'registrationFailed', 'disconnected'])
    ua.on(name, (event) => events.push(name + (event && event.cause ? ' ' + event.cause : '')));
  const listen = (session) => {
    phone.session = session;
    for (const name of ['progress', 'confirmed', 'failed'])
      session.on(name, (event) => events.push(name + (event && event.cause ? ' ' + event.cause : '')));
    session.on('ended', ({ originator }) => {
      phone.endedBy = originator;
      events.push('ended');
    });
    const play = (connection) => connection.addEventListener('track', ({ streams }) => {
      const audio = document.createElement('audio');
      audio.autoplay = true;
      audio.srcObject = streams[0];
      document.body.append(audio);
    });
    if (session.connection) play(session.connection);
    else session.on('peerconnection', ({ peerconnection }) => play(peerconnection));
  };
  ua.on('newRTCSession', ({ session, request, originator }) => {
    phone.callId = request.call_id;
    listen(session);
    if (originator === 'remote') session.answer({ mediaConstraints: { audio: true, video: false } });
  });
  phone.dial = (target) => ua.call(target, { mediaConstraints: { audio: true, video: false } });
  phone.hangUp = () => phone.session.terminate();
  phone.sound = async () => {
    let packets = 0;
    for (const report of (await phone.session.connection.getStats()).values())
      if (report.type === 'inbound-rtp') packets += report.packetsReceived;
    return packets;
  };
  window.phone = phone;
  ua.start();
};
`;

/** A page with a phone. */
export interface PagePhone {
  /** Settles when this happened: `registered`, `confirmed`, `ended`. */
  happened(event: string): Promise<void>;
  dial(uri: string): Promise<void>;
  hangUp(): Promise<void>;
  /** RTP packets that came in so far. */
  packets(): Promise<number>;
  callId(): Promise<string>;
  /** The page is closed as people close pages: without a word. */
  close(): Promise<void>;
}

/** A browser, and the site that its pages come from. */
export interface PhoneBrowser {
  /** `http://127.0.0.1:…`, as browsers put it into Origin. */
  readonly origin: string;
  open(exchange: Exchange, user: string, url: string): Promise<PagePhone>;
  close(): Promise<void>;
}

/** Starts it; `loopback` false for peers that take no loopback address for sound. */
export async function startBrowser(loopback = true): Promise<PhoneBrowser> {
  const script = browserBundle('JsSIP', join(import.meta.dirname, '..', '..')) + PAGE_SCRIPT;
  const site = createServer((request, response) => {
    const isScript = request.url === '/phone.js';
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : '<!doctype html><body><script src="/phone.js"></script>');
  }).listen(0, '127.0.0.1');
  await once(site, 'listening');
  const { port } = site.address() as AddressInfo; // It listens on a port, not on a path.
  const args = loopback ? [...ARGUMENTS, LOOPBACK] : ARGUMENTS;
  const browser = await chromium.launch({ executablePath: CHROMIUM, args });
  const origin = `http://127.0.0.1:${port}`;
  return {
    origin,
    open: (exchange, user, url) => openPhone(browser, origin, exchange, user, url),
    close: async () => {
      await browser.close();
      site.close();
    },
  };
}

async function openPhone(
  browser: Browser,
  origin: string,
  exchange: Exchange,
  user: string,
  url: string,
): Promise<PagePhone> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, permissions: ['microphone'] });
  const page = await context.newPage();
  await page.goto(origin);
  const { domain } = exchange;
  const options = JSON.stringify({ url, user, domain, password: passwordOf(user) });
  await page.evaluate(`startPhone(${options})`);
  return {
    happened: (event) => happened(page, event),
    dial: async (uri) => void (await page.evaluate(`void phone.dial(${JSON.stringify(uri)})`)),
    hangUp: async () => void (await page.evaluate('phone.hangUp()')),
    packets: () => page.evaluate<number>('phone.sound()'),
    callId: () => page.evaluate<string>('phone.callId'),
    close: () => context.close(),
  };
}

async function happened(page: Page, event: string): Promise<void> {
  const name = JSON.stringify(event);
  try {
    await page.waitForFunction(`phone.events.includes(${name})`, undefined, { timeout: WAIT_MS });
  } catch (cause) {
    const events = await page.evaluate<string[]>('phone.events');
    throw new Error(`no ${event}, but: ${events.join(', ')}`, { cause });
  }
}
