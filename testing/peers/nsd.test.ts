/** Our exchange finds a carrier by a real name server, and its second host when the first is gone. RFC 3263 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLogger } from '../../src/base/silent-logger.ts';
import { nodeWorld } from '../../src/world/node-world.ts';
import { type Exchange, startExchange } from './exchange.ts';
import { type NameServer, startNameServer } from './nsd.ts';
import { freePorts, missing } from './peer.ts';
import { type Callee, dial, startCallee } from './sipp.ts';

const skip = missing('nsd', 'sipp');
const root = join(import.meta.dirname, '..', '..');
const CALLS = 10;

const SCRIPT = `import { Router, script } from ${JSON.stringify(join(root, 'src', 'index.ts'))};

export default script(({ auth }) => {
  const app = new Router();
  const carrier = { scheme: 'sip', user: '4930100', host: 'carrier.test', params: {} } as const;
  app.invite(auth.digest(), (c) => c.relay({ uri: carrier }, { replyMs: 800 }));
  return app;
});
`;

let folder: string;
let names: NameServer;
let exchange: Exchange;
let first: Callee;
let second: Callee;

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'tandem-nsd-'));
  const [firstPort = 0, secondPort = 0, closedPort = 0] = await freePorts(3);
  names = await startNameServer(folder, 'carrier.test', [
    // TCP is preferred, but nobody takes a connection there.
    '@ NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp',
    '@ NAPTR 10 20 "s" "SIP+D2U" "" _sip._udp',
    `_sip._tcp SRV 10 0 ${closedPort} one`,
    `_sip._udp SRV 10 0 ${firstPort} one`,
    `_sip._udp SRV 20 0 ${secondPort} two`,
    'one CNAME host',
    'two A 127.0.0.1',
    'host A 127.0.0.1',
    ...Array.from({ length: 60 }, (_, i) => `many A 192.0.2.${i + 1}`),
    ...Array.from({ length: 60 }, (_, i) => `many AAAA 2001:db8::${i + 1}`),
  ]);
  const script = join(folder, 'carrier.ts');
  writeFileSync(script, SCRIPT);
  const settings = `\n[dns]\nservers = ["127.0.0.1:${names.port}"]\n`;
  exchange = await startExchange(['alice'], { script, settings });
  first = await startCallee(exchange, 'callee-answers', CALLS, firstPort);
  second = await startCallee(exchange, 'callee-answers', CALLS, secondPort);
});

after(async () => {
  await Promise.all([first?.stop(), second?.stop()]);
  await exchange?.stop();
  await names?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

test(
  'calls find the carrier by NAPTR, SRV and A, past the transport that is shut',
  { skip, timeout: 60_000 },
  async () => {
    const caller = await dial(exchange, 'caller-hangs-up', 'alice', 'somebody', CALLS);
    const heard = await first.done();

    assert.equal(caller.code, 0, caller.errors.slice(0, 2_000));
    assert.equal(heard.code, 0, heard.errors.slice(0, 2_000));
  },
);

test('when the first host is gone the second one gets the calls', { skip, timeout: 60_000 }, async () => {
  const caller = await dial(exchange, 'caller-hangs-up', 'alice', 'somebody', CALLS);
  const heard = await second.done();

  assert.equal(caller.code, 0, caller.errors.slice(0, 2_000));
  assert.equal(heard.code, 0, heard.errors.slice(0, 2_000));
});

test('an answer too long for a datagram comes whole', { skip, timeout: 90_000 }, async () => {
  const { net } = nodeWorld({
    log: silentLogger,
    udp: 'dgram',
    names: { servers: [{ host: '127.0.0.1', port: names.port }], timeoutMs: 2_000, attempts: 1 },
  });

  assert.equal((await net.resolve('many.carrier.test', 'A')).length, 60);
  assert.equal((await net.resolve('many.carrier.test', 'AAAA')).length, 60);
  await assert.rejects(net.resolve('nobody.carrier.test', 'A'), { code: 'ENOTFOUND' });
  assert.deepEqual(net.known('nobody.carrier.test', 'A'), []);
});
