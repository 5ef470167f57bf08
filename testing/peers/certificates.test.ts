/** Several certificates on one port and certificates of clients, by `openssl s_client`. RFC 6066 §3, RFC 5922 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeAuthority } from '../../src/testing/certificates.ts';
import { type Exchange, type IssuedFiles, startExchange } from './exchange.ts';
import { missing } from './peer.ts';

const DOOR = JSON.stringify(join(import.meta.dirname, '../../src/index.ts'));
const skip = missing('openssl');
const LOOK_EVERY_MS = 100;
const LOOKS_MAX = 50;
const SECOND = 'second.test';

/** Tells each client who we think it is. */
const SCRIPT = `import { Router, script } from ${DOOR};

export default script(() => {
  const app = new Router();
  app.options((c) => c.reply(200, (c.source.peerNames ?? []).join() || 'nobody'));
  return app;
});
`;

let folder = '';
/** One that asks for certificates, and one that wants them. */
const exchanges = new Map<string, Exchange>();

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'tandem-certificates-'));
  const script = join(folder, 'script.ts');
  writeFileSync(script, SCRIPT);
  for (const clients of ['optional', 'required']) {
    const tls = `authorities = "authority.pem"\nclients = "${clients}"`;
    exchanges.set(clients, await startExchange([], { script, streams: true, alsoNamed: SECOND, tls }));
  }
});

after(async () => {
  for (const exchange of exchanges.values()) await exchange.stop();
  if (folder !== '') rmSync(folder, { recursive: true });
});

function exchangeWhere(clients: string): Exchange {
  const exchange = exchanges.get(clients);
  assert.ok(exchange !== undefined);
  return exchange;
}

test('a client sees the certificate of the name it asks for, else the first', { skip }, async () => {
  const exchange = exchangeWhere('optional');

  for (const [asked, shown] of [
    ['tandem.test', 'tandem.test'],
    [SECOND, SECOND],
    ['SECOND.test', SECOND],
    ['third.test', 'tandem.test'],
  ] as const) {
    const { output } = await talk(exchange, ['-servername', asked, '-verify_hostname', shown]);
    assert.match(output, /Verify return code: 0 \(ok\)/, `${asked}\n${output}`);
  }
  const { output } = await talk(exchange, ['-noservername', '-verify_hostname', 'tandem.test']);
  assert.match(output, /Verify return code: 0 \(ok\)/, output);
});

test('the client that showed a good certificate is known by its name', { skip }, async () => {
  const exchange = exchangeWhere('optional');
  const trunk = exchange.issue('trunk.test');

  assert.match((await ask(exchange, trunk)).output, /SIP\/2\.0 200 (?:.*,)?trunk\.test/);
  assert.match((await ask(exchange)).output, /SIP\/2\.0 200 nobody/);
});

test('a certificate that somebody else signed proves nothing', { skip }, async () => {
  const { chain, key } = makeAuthority('Somebody else').issue({ dns: ['trunk.test'] });
  const forged = { certificate: join(folder, 'forged.pem'), key: join(folder, 'forged-key.pem') };
  writeFileSync(forged.certificate, chain);
  writeFileSync(forged.key, key, { mode: 0o600 });

  assert.doesNotMatch((await ask(exchangeWhere('optional'), forged)).output, /SIP\/2\.0 200 .*trunk\.test/);
  assert.doesNotMatch((await ask(exchangeWhere('required'), forged)).output, /SIP\/2\.0/);
});

test('who has no certificate is not let in where one is required', { skip }, async () => {
  const exchange = exchangeWhere('required');

  assert.doesNotMatch((await ask(exchange)).output, /SIP\/2\.0/);
  assert.match((await ask(exchange, exchange.issue('trunk.test'))).output, /SIP\/2\.0 200/);
});

test('one certificate of two is renewed, and a call of s_client goes on meanwhile', { skip }, async () => {
  const exchange = exchangeWhere('optional');
  const trunk = exchange.issue('trunk.test');
  const shows = async (asked: string, shown: string): Promise<boolean> => {
    const { output } = await talk(exchange, ['-servername', asked, '-verify_hostname', shown]);
    return output.includes('Verify return code: 0 (ok)');
  };
  const standing = open(exchange, trunk);
  await standing.heard(/SIP\/2\.0 200/, options(1));

  exchange.renewCertificate('renewed.test');
  let looks = 0;
  while (!(await shows('renewed.test', 'renewed.test'))) {
    assert.ok(++looks < LOOKS_MAX, exchange.output());
    await sleep(LOOK_EVERY_MS);
  }

  assert.ok(await shows(SECOND, SECOND));
  await standing.heard(/CSeq: 2 OPTIONS/, options(2));
  await standing.end();
});

function options(cseq: number): string {
  return [
    'OPTIONS sip:tandem.test SIP/2.0',
    `Via: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKasks${cseq};rport`,
    'From: <sip:trunk.test>;tag=1',
    'To: <sip:tandem.test>',
    'Call-ID: asks',
    `CSeq: ${cseq} OPTIONS`,
    'Max-Forwards: 70',
    'Content-Length: 0',
    '\r\n',
  ].join('\r\n');
}

interface Talk {
  /** Says something, and waits until this was said. */
  heard(what: RegExp, says?: string): Promise<void>;
  end(): Promise<{ output: string }>;
}

/** `openssl s_client` that goes on until it is told to end. */
function open(exchange: Exchange, as?: IssuedFiles, more: readonly string[] = []): Talk {
  const at = ['-connect', `127.0.0.1:${exchange.ports.tls}`, '-CAfile', exchange.authority, '-nocommands'];
  const certificate = as === undefined ? [] : ['-cert', as.certificate, '-key', as.key];
  const child = spawn('openssl', ['s_client', '-no_ign_eof', ...at, ...certificate, ...more]);
  const closed = new Promise<void>((resolve) => child.on('close', () => resolve()));
  let isClosed = false;
  void closed.then(() => (isClosed = true));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  child.stdin.on('error', () => {}); // It may be gone before it has read.
  return {
    heard: async (what, says) => {
      if (says !== undefined) child.stdin.write(says);
      for (let looks = 0; !what.test(output) && !isClosed && looks < LOOKS_MAX; looks++) {
        await sleep(LOOK_EVERY_MS);
      }
      assert.match(output, what);
    },
    end: async () => {
      child.stdin.end();
      await closed;
      return { output };
    },
  };
}

/** What it says of a handshake. */
async function talk(exchange: Exchange, args: readonly string[]): Promise<{ output: string }> {
  return open(exchange, undefined, args).end();
}

/** What it hears to OPTIONS; nothing when the connection was refused. */
async function ask(exchange: Exchange, as?: IssuedFiles): Promise<{ output: string }> {
  const client = open(exchange, as);
  await client.heard(/SIP\/2\.0 \d|alert|errno|closed/, options(1)).catch(() => {});
  return client.end();
}
