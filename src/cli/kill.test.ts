import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { databaseFile } from '../server/settings.ts';
import { open } from '../store/sqlite.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'tandem-kill-'));
after(() => rmSync(folder, { recursive: true }));

const PHONES = 400;
const ASK_AGAIN_MS = 200;
const GIVE_UP_MS = 60_000;

const openRegistrar = `
  import { script, Router } from ${JSON.stringify(join(root, 'src', 'index.ts'))};
  export default script(({ location }) => new Router().register((c) => location.save(c)));
`;

/** An exchange in a process of its own; `port` is where it listens. */
async function startExchange(
  data: string,
): Promise<{ child: ChildProcess; port: number; said: () => string }> {
  const script = join(folder, 'registrar.ts');
  const config = join(folder, `${data}.toml`);
  writeFileSync(script, openRegistrar);
  writeFileSync(
    config,
    `[sip]\nlisten = ["udp:127.0.0.1:0"]\ndomains = ["example.com"]\n` +
      `[data]\nfolder = ${JSON.stringify(join(folder, data))}\n[script]\nfile = ${JSON.stringify(script)}\n`,
  );
  const main = join(root, 'src', 'cli', 'main.ts');
  const child = spawn(process.execPath, [main, 'start', '--config', config], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  after(() => child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  const port = await new Promise<number>((settle, reject) => {
    let banner = '';
    child.stdout.on('data', (text: Buffer) => {
      banner += text.toString();
      const listening = /udp:127\.0\.0\.1:(\d+)/.exec(banner);
      if (listening !== null) settle(Number(listening[1]));
    });
    child.on('exit', () => reject(new Error(`it did not start: ${banner}${said}`)));
  });
  return { child, port, said: () => `exit ${child.exitCode}, ${child.signalCode}: ${said}` };
}

/** Every phone registers at once and asks again until it is answered; resolves with those that were told 200. */
async function registerUntil(
  acknowledgements: number,
  port: number,
  phone: Socket,
  said: () => string,
): Promise<Set<string>> {
  const acknowledged = new Set<string>();
  const others = new Set<string>();
  const ask = (): void => {
    for (let i = 0; i < PHONES; i++) {
      if (!acknowledged.has(`u${i}`)) phone.send(register(`u${i}`, phone.address().port), port, '127.0.0.1');
    }
  };
  const again = setInterval(ask, ASK_AGAIN_MS);
  ask();
  await new Promise<void>((settle, reject) => {
    const giveUp = setTimeout(() => {
      clearInterval(again);
      reject(new Error(`${acknowledged.size} told 200; others heard ${[...others].join(', ')}; ${said()}`));
    }, GIVE_UP_MS);
    phone.on('message', (bytes) => {
      const text = bytes.toString('latin1');
      const user = /^Call-ID: (u\d+)/m.exec(text)?.[1];
      if (text.startsWith('SIP/2.0 200') && user !== undefined) acknowledged.add(user);
      else others.add(text.slice(0, text.indexOf('\r')));
      if (acknowledged.size < acknowledgements) return;
      clearTimeout(giveUp);
      settle();
    });
  });
  clearInterval(again);
  return acknowledged;
}

function register(user: string, port: number): string {
  return [
    'REGISTER sip:example.com SIP/2.0',
    `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bK${user}`,
    'Max-Forwards: 70',
    `From: <sip:${user}@example.com>;tag=${user}`,
    `To: <sip:${user}@example.com>`,
    `Call-ID: ${user}`,
    'CSeq: 1 REGISTER',
    `Contact: <sip:${user}@127.0.0.1:${port}>;expires=600`,
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}

for (const kill of [1, 60, 250, PHONES]) {
  test(`killed after ${kill} phones were told 200: the binding of every one of them is there`, async () => {
    const { child, port, said } = await startExchange(`after-${kill}`);
    const phone = createSocket('udp4').bind(0, '127.0.0.1');
    await once(phone, 'listening');

    const acknowledged = await registerUntil(kill, port, phone, said);
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    phone.close();

    const db = await open(databaseFile(join(folder, `after-${kill}`)));
    const rows = await db.selectFrom('location').select('username').execute();
    await db.destroy();
    const there = new Set(rows.map((row) => row.username));
    assert.deepEqual(
      [...acknowledged].filter((user) => !there.has(user)),
      [],
    );
  });
}
