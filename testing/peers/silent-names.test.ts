/** A name server that never answers costs the calls that need it, and no other: SIPp calls go on meanwhile. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Exchange, startExchange } from './exchange.ts';
import { freePorts, missing } from './peer.ts';
import { type Callee, dial, startCallee } from './sipp.ts';

const DOOR = JSON.stringify(join(import.meta.dirname, '../../src/index.ts'));
const skip = missing('sipp');
const CALLS = 40;
const LOST = 200;
/** All the names of one call may take 5 s (docs/routing.md). */
const LOST_MS = 8_000;
const SET_UP_MS = 250;

const scriptTo = (port: number): string => `import { Router, script } from ${DOOR};

export default script(({ auth }) => {
  const app = new Router();
  const login = auth.digest();
  const isLost = (c) => c.uri.user.startsWith('lost');
  app.invite((c, next) => (isLost(c) ? next({}) : login(c, next)), (c) => {
    const to = isLost(c) ? { host: c.uri.user + '.silent.test' } : { host: '127.0.0.1', port: ${port} };
    return c.relay({ uri: { scheme: 'sip', user: 'x', params: {}, ...to } });
  });
  return app;
});
`;

let folder = '';
let exchange: Exchange;
let callee: Callee;
let silent: Socket;
let asked = 0;

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'tandem-silent-'));
  silent = createSocket('udp4', () => asked++);
  silent.bind(0, '127.0.0.1');
  await once(silent, 'listening');
  const [calleePort = 0] = await freePorts(1);
  const script = join(folder, 'script.ts');
  writeFileSync(script, scriptTo(calleePort));
  const settings = `\n[dns]\nservers = ["127.0.0.1:${silent.address().port}"]\n`;
  exchange = await startExchange(['alice'], { script, settings });
  callee = await startCallee(exchange, 'callee-answers', CALLS, calleePort);
});

after(async () => {
  await callee?.stop();
  await exchange?.stop();
  silent?.close();
  if (folder !== '') rmSync(folder, { recursive: true });
});

test(
  `while ${LOST} calls wait for names, others are set up at once`,
  { skip, timeout: 90_000 },
  async (t) => {
    const phone = createSocket('udp4');
    t.after(() => phone.close());
    phone.bind(0, '127.0.0.1');
    await once(phone, 'listening');
    const ended = new Map<string, number>();
    const { promise: allEnded, resolve } = Promise.withResolvers<void>();
    phone.on('message', (bytes) => {
      const text = bytes.toString('latin1');
      const status = Number(text.slice(8, 11));
      if (status < 200) return;
      ended.set(/^Call-ID: (\S+)/m.exec(text)?.[1] ?? '', status);
      if (ended.size === LOST) resolve();
    });

    const began = performance.now();
    for (let i = 0; i < LOST; i++) phone.send(invite(i, phone.address().port), exchange.port, '127.0.0.1');
    const run = await dial(exchange, 'caller-hangs-up', 'alice', 'somebody', CALLS);
    assert.equal(run.code, 0, run.errors.slice(0, 2_000));
    assert.equal(ended.size, 0, 'the others still wait');
    await allEnded;
    const lostMs = performance.now() - began;

    const records = await exchange.records(new Set(run.logged.get('ended')));
    const setUpMs = records.map(
      ({ startedAt, answeredAt }) => Date.parse(answeredAt ?? '') - Date.parse(startedAt),
    );
    assert.equal(setUpMs.length, CALLS);
    assert.ok(Math.max(...setUpMs) < SET_UP_MS, `${Math.max(...setUpMs)} ms`);
    assert.deepEqual([...new Set(ended.values())], [504]);
    assert.ok(lostMs < LOST_MS, `${lostMs} ms`);
    assert.ok(asked >= LOST);
  },
);

function invite(i: number, port: number): string {
  return [
    `INVITE sip:lost${i}@tandem.test SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bKlost${i};rport`,
    'From: <sip:stranger@elsewhere.test>;tag=1',
    `To: <sip:lost${i}@tandem.test>`,
    `Call-ID: lost-${i}`,
    'CSeq: 1 INVITE',
    'Max-Forwards: 70',
    `Contact: <sip:stranger@127.0.0.1:${port}>`,
    'Content-Length: 0',
    '\r\n',
  ].join('\r\n');
}
