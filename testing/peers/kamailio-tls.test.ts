/** Our exchange between two Kamailios that speak TLS with it: each side looks at the certificate of the other. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Exchange, startExchange } from './exchange.ts';
import type { Kamailio } from './kamailio.ts';
import { startKamailioProxy } from './kamailio-proxy.ts';
import { freePorts, missing } from './peer.ts';
import { dial, startCallee } from './sipp.ts';

const DOOR = JSON.stringify(join(import.meta.dirname, '../../src/index.ts'));
const skip = missing('kamailio', 'sipp');
const CALLS = 10;

let folder = '';
let exchange: Exchange;
let ports: readonly number[] = [];
const proxies: Kamailio[] = [];

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'tandem-kamailio-tls-'));
  ports = await freePorts(5);
  const [front = 0, frontTls = 0, behind = 0, behindTls = 0, callee = 0] = ports;
  const script = join(folder, 'route.ts');
  writeFileSync(script, routeTo(`sip:127.0.0.1:${behindTls};transport=tls`));
  const tls = 'authorities = "authority.pem"\nclients = "required"';
  exchange = await startExchange(['alice'], { script, streams: true, tls });
  const { authority } = exchange;
  const secure = { ...exchange.issue('kamailio.test'), authority };
  const udp = { transport: 'udp' } as const;
  const [toUs, fromUs] = [
    { ...udp, port: front, side: 'caller', next: exchange.ports.tls, secure: { ...secure, port: frontTls } },
    { ...udp, port: behind, side: 'callee', next: callee, secure: { ...secure, port: behindTls } },
  ] as const;
  proxies.push(await startKamailioProxy(toUs), await startKamailioProxy(fromUs));
});

after(async () => {
  for (const kamailio of proxies) await kamailio.stop();
  await exchange?.stop();
  if (folder !== '') rmSync(folder, { recursive: true });
});

// oxfmt-ignore
const rows: readonly (readonly [caller: string, callee: string, word: string, status: number])[] = [
  ['caller-hangs-up',      'callee-answers',         'ended',     200],
  ['caller-is-hung-up-on', 'callee-hangs-up',        'ended',     200],
  ['caller-re-invites',    'callee-is-held',         'held',      200],
  ['caller-cancels',       'callee-does-not-answer', 'cancelled', 487],
];

for (const [scenario, calleeScenario, word, status] of rows) {
  test(`between two Kamailios by TLS: ${scenario}`, { skip, timeout: 60_000 }, async (t) => {
    const [frontPort = 0, , , , calleePort = 0] = ports;
    const front = { ...exchange, port: frontPort };
    const callee = await startCallee(front, calleeScenario, CALLS, calleePort);
    t.after(() => callee.stop());

    const run = await dial(front, scenario, 'alice', 'bob', CALLS);

    const said = `${run.errors.slice(0, 2_000)}\n${proxies.map((proxy) => proxy.output()).join('\n')}`;
    assert.equal(run.code, 0, said);
    assert.equal((await callee.done()).code, 0);
    const calls = new Set(run.logged.get(word));
    const records = await exchange.records(calls);
    assert.deepEqual(
      [calls.size, new Set(records.map((record) => record.status))],
      [CALLS, new Set([status])],
    );
  });
}

function routeTo(uri: string): string {
  return `import { Router, script, serial } from ${DOOR};

export default script(({ auth, pools }) => {
  const app = new Router();
  const behind = pools.open('behind', { servers: [${JSON.stringify(uri)}] });
  app.invite(auth.digest(), (c) => c.relay(serial(...behind.pick(c))));
  return app;
});
`;
}
