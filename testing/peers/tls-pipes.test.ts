/** TLS by other hands: `openssl s_client`, and SIPp through socat, which speaks TLS for it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { type Exchange, startExchange } from './exchange.ts';
import { freePorts, missing, startPeer, waitForPort } from './peer.ts';
import { register } from './sipp.ts';

const skipOpenssl = missing('openssl');
const skipSipp = missing('sipp', 'socat');

const LOOK_EVERY_MS = 100;

let exchange: Exchange;

before(async () => {
  if (skipOpenssl === false || skipSipp === false)
    exchange = await startExchange(['alice'], { streams: true });
});

after(async () => {
  await exchange?.stop();
});

const CHECKED = ['-verify_hostname', 'tandem.test'];

// oxfmt-ignore
const handshakes: readonly [name: string, args: readonly string[], said: RegExp, code: number][] = [
  ['TLS 1.3, the certificate checked by its name', ['-tls1_3', ...CHECKED],                   /Verification: OK/, 0],
  ['TLS 1.2',                                      ['-tls1_2', ...CHECKED],                   /Verification: OK/, 0],
  ['TLS 1.1 is refused',                           ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'], /alert|error/i,     1],
];

for (const [name, args, said, code] of handshakes) {
  test(`openssl s_client: ${name}`, { skip: skipOpenssl, timeout: 90_000 }, async () => {
    const ended = await client(['-servername', 'tandem.test', '-verify_return_error', ...args], '');

    assert.match(ended.output, said);
    assert.equal(ended.code, code);
  });
}

test(
  'openssl s_client asks to negotiate again and is refused',
  { skip: skipOpenssl, timeout: 90_000 },
  async () => {
    const ended = await client(['-tls1_2'], 'R\n');

    assert.match(ended.output, /RENEGOTIATING/);
    assert.match(ended.output, /no renegotiation/i);
  },
);

test(
  'SIPp registers with digest through socat, which speaks TLS',
  { skip: skipSipp, timeout: 60_000 },
  async () => {
    const [port = 0] = await freePorts(1);
    const secure = `OPENSSL:127.0.0.1:${exchange.ports.tls},cafile=${exchange.authority},commonname=tandem.test`;
    const pipe = startPeer(
      'socat',
      [`TCP-LISTEN:${port},bind=127.0.0.1,reuseaddr,fork`, secure],
      exchange.folder,
    );
    try {
      await waitForPort(pipe, 'tcp', port);

      const run = await register(exchange, { user: 'alice', port: 5060, through: port });

      assert.equal(run.code, 0, run.errors);
    } finally {
      await pipe.stop();
    }
  },
);

test(
  'a certificate that was renewed is shown after SIGHUP, and who was connected stays',
  { skip: skipOpenssl, timeout: 90_000 },
  async () => {
    const connected = connect({ port: exchange.ports.tls, host: '127.0.0.1', rejectUnauthorized: false });
    await once(connected, 'secureConnect');

    exchange.renewCertificate('renewed.test');
    let names = '';
    for (let tries = 0; tries < 100 && !names.includes('renewed.test'); tries++) {
      await sleep(LOOK_EVERY_MS);
      names = await shownNames();
    }
    connected.write('\r\n\r\n');
    const [pong] = (await once(connected, 'data')) as [Buffer];

    assert.match(names, /renewed\.test/);
    assert.equal(String(pong), '\r\n');
    connected.destroy();
  },
);

async function shownNames(): Promise<string> {
  const socket = connect({ port: exchange.ports.tls, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const names = socket.getPeerX509Certificate()?.subjectAltName ?? '';
  socket.destroy();
  return names;
}

/** What `openssl s_client` says of us, and how it ends, when it is told this. */
async function client(
  args: readonly string[],
  told: string,
): Promise<{ output: string; code: number | null }> {
  const at = ['-connect', `127.0.0.1:${exchange.ports.tls}`, '-CAfile', exchange.authority];
  const child = spawn('openssl', ['s_client', ...at, ...args]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      // It takes its commands once it is connected.
      if (output.includes('---\nread R BLOCK') || /SSL handshake has read/.test(output))
        child.stdin.end(told);
    });
  }
  child.stdin.on('error', () => {}); // It may be gone before it has read.
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { output, code };
}
