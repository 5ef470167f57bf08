/** Being an end ourselves, against programs of others: calls we answer, calls of two legs, our own registration. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from '../../src/agent/agent.ts';
import { silentLogger } from '../../src/base/silent-logger.ts';
import { parseMessage } from '../../src/sip/parse.ts';
import { parseUri } from '../../src/sip/uri.ts';
import { TransactionLayer } from '../../src/transaction/layer.ts';
import { Locator } from '../../src/transport/locate.ts';
import { Transports } from '../../src/transport/transports.ts';
import { nodeWorld } from '../../src/world/node-world.ts';
import { startPhone } from './baresip.ts';
import { type Exchange, startExchange } from './exchange.ts';
import { startKamailio } from './kamailio.ts';
import { missing } from './peer.ts';
import { dial } from './sipp.ts';

const skipSipp = missing('sipp');
const skipBaresip = missing('baresip');
const skipKamailio = missing('kamailio');
const root = join(import.meta.dirname, '..', '..');
const CALLS = 60;
const DIALOGS_MAX = 50;
const TALK_MS = 1_500;

/** `answer` and `early` are answered by an application; everybody else is rung as the second leg of a call. */
const SCRIPT = `import { Router, script } from ${JSON.stringify(join(root, 'src', 'index.ts'))};

const sdp = [
  'v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', 'm=audio 40002 RTP/AVP 8', '',
].join('\\r\\n');
const app = {
  name: 'answers',
  async run(call) {
    call.ring();
    if (call.request.uri.user === 'early') call.progress(sdp);
    const session = await call.accept(sdp);
    await session?.ended;
  },
};

export default script(({ auth, location, b2b }) => {
  const router = new Router();
  router.register(auth.digest(), (c) => location.save(c));
  router.invite(auth.digest(), async (c) => {
    if (c.uri.user === 'answer' || c.uri.user === 'early') return c.answer(app);
    const phones = await location.lookup(c.uri);
    return phones.length === 0 ? c.reply(480) : c.answer(b2b.to({ parallel: phones }));
  });
  return router;
});
`;

let folder = '';
let exchange: Exchange;

before(async () => {
  if (skipSipp !== false && skipBaresip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'tandem-agent-'));
  const script = join(folder, 'ends.ts');
  writeFileSync(script, SCRIPT);
  const settings = `\n[agent]\nmax_dialogs = ${DIALOGS_MAX}\n`;
  exchange = await startExchange(['alice', 'bob'], { script, settings });
});

after(async () => {
  await exchange?.stop();
  if (folder !== '') rmSync(folder, { recursive: true });
});

test(
  'SIPp calls an application more often than dialogs may be kept at once',
  { skip: skipSipp },
  async () => {
    const run = await dial(exchange, 'caller-hangs-up', 'alice', 'answer', CALLS);

    assert.equal(run.code, 0, run.errors);
    const ended = run.logged.get('ended') ?? [];
    assert.equal(ended.length, CALLS);
    const records = await exchange.records(new Set(ended));
    assert.deepEqual(
      [...new Set(records.map(({ status, endedBy, endedAt }) => `${status} ${endedBy} ${endedAt !== null}`))],
      ['200 caller true'],
    );
  },
);

test('SIPp acknowledges a reliable provisional response', { skip: skipSipp }, async () => {
  const run = await dial(exchange, 'caller-acknowledges-provisional', 'alice', 'early', 5);

  assert.equal(run.code, 0, run.errors);
  assert.equal(run.logged.get('ended')?.length, 5);
});

test(
  'two softphones talk over two legs; one holds and resumes the call, the other hangs up',
  { skip: skipBaresip, timeout: 60_000 },
  async (t) => {
    const alice = await startPhone(t, exchange, { user: 'alice', answers: 'manual' });
    const bob = await startPhone(t, exchange, { user: 'bob', answers: 'auto' });
    await Promise.all([alice.registered(), bob.registered()]);
    alice.command('dial', `sip:bob@${exchange.domain}`);
    const here = await alice.event('CALL_ESTABLISHED');
    const there = await bob.event('CALL_ESTABLISHED');
    assert.notEqual(here.id, there.id, 'each leg has a Call-ID of its own');
    alice.command('hold');
    await sleep(TALK_MS / 3);
    alice.command('resume');
    await sleep(TALK_MS / 3);
    bob.command('hangup');
    await alice.event('CALL_CLOSED');

    const [record] = await exchange.records(new Set([here.id ?? '']));
    assert.deepEqual([record?.status, record?.endedBy], [200, 'callee']);
  },
);

/** An agent alone, on a port of its own. */
async function openAgent(): Promise<{ agent: Agent; stop(): void }> {
  const world = nodeWorld({ log: silentLogger, udp: 'dgram', gso: false, pacing: false });
  const layer = new TransactionLayer(world, { transactionsMax: 100 });
  const limits = {
    connectionsPerSource: 10,
    connectionsMax: 10,
    setupMs: 1_000,
    messageMs: 1_000,
    idleMs: 1_000,
  };
  const transports = new Transports(world, { advertise: '', domains: [], limits }, (text) => {
    const message = parseMessage(text);
    if (message.kind === 'response') layer.receiveResponse(message);
  });
  await transports.listen({ transport: 'udp', host: '127.0.0.1', port: 0 });
  const { net, clock, random, log } = world;
  const locator = new Locator({ net, clock, random, log, speaks: () => true, deadMs: 0, naptr: false });
  const sessionTimer = { expiresSeconds: 1800, minSeconds: 90 };
  const agent = new Agent({ world, layer, transports, locator, limits: { dialogsMax: 10, sessionTimer } });
  return {
    agent,
    stop: () => {
      transports.close();
      layer.stop();
    },
  };
}

const REGISTRAR = 'carrier.test';
for (const { name, algorithm, password, state, status } of [
  {
    name: 'enrols at Kamailio, which wants longer registrations',
    algorithm: 'MD5',
    password: 'secret',
    state: 'enrolled',
    status: 200,
  },
  {
    name: 'enrols at Kamailio, which takes SHA-256 alone',
    algorithm: 'SHA-256',
    password: 'secret',
    state: 'enrolled',
    status: 200,
  },
  {
    name: 'gives up at Kamailio with a wrong password',
    algorithm: 'MD5',
    password: 'wrong',
    state: 'waiting',
    status: 401,
  },
] as const) {
  test(`an agent ${name}`, { skip: skipKamailio, timeout: 90_000 }, async () => {
    const { agent, stop } = await openAgent();
    const kamailio = await startKamailio(REGISTRAR, 'secret', algorithm);
    try {
      const { promise, resolve } = Promise.withResolvers<string>();
      const enrolment = agent.enrol({
        registrar: parseUri(`sip:${REGISTRAR}`),
        aor: `sip:trunk@${REGISTRAR}`,
        credentials: { user: 'trunk', password },
        expiresSeconds: 60,
        hop: { transport: 'udp', host: '127.0.0.1', port: kamailio.port },
        told: (now, last) => resolve(`${now} ${last}`),
      });

      assert.equal(await promise, `${state} ${status}`, kamailio.output());
      if (state === 'enrolled') assert.equal(enrolment.grantedSeconds, 120);
      await enrolment.stop();
      await kamailio.stop();
      if (state === 'enrolled') assert.match(kamailio.output(), /saves contact .*sip:trunk@.* expires 0/);
    } finally {
      stop();
      await kamailio.stop();
    }
  });
}
