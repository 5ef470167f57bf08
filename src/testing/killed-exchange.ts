/** A whole exchange in a process of its own, killed amid registrations and calls: for tests of what survives. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from '../store/sqlite.ts';

const root = join(import.meta.dirname, '..', '..');
/** Then after twice as long, as phones do: who asks ever as often drowns a busy machine. RFC 3261 §17.1.2 */
const ASK_AGAIN_MS = 200;
const ASK_AGAIN_MS_MAX = 4_000;
const GIVE_UP_MS = 60_000;
/** Phones that call and register at once. */
export const KILLED_PHONES = 400;

const openRegistrar = `
  import { script, Router } from ${JSON.stringify(join(root, 'src', 'index.ts'))};
  export default script(({ location }) => {
    const app = new Router();
    app.register((c) => location.save(c));
    app.invite((c) => c.reply(486));
    return app;
  });
`;

/** One life of an exchange. */
export interface Life {
  /** The exchange's files; the same folder again is the same exchange, started anew. */
  readonly folder: string;
  /** What stands under [data], besides the folder. */
  readonly data?: string;
  /** Begins the names of its phones, which must be others in each life. */
  readonly name: string;
  /** It is killed as soon as so many phones were told 200 to REGISTER. */
  readonly kill: number;
}

interface Running {
  readonly child: ChildProcess;
  readonly port: number;
  readonly said: () => string;
}

/**
 * Each phone calls, is refused, and then registers. Answers with those that were told 200 before the exchange was
 * killed: their binding was promised, and the record of their call was written before it.
 */
export async function lifeOfExchange(life: Life): Promise<ReadonlySet<string>> {
  const exchange = await startExchange(life);
  const phone = createSocket('udp4').bind(0, '127.0.0.1');
  try {
    await once(phone, 'listening');
    return await talk(life, exchange, phone);
  } finally {
    const gone = once(exchange.child, 'exit');
    exchange.child.kill('SIGKILL');
    await gone;
    phone.close();
  }
}

/** Throws when something that was promised to one of these phones is not in the database. */
export async function assertKept(db: Database, promised: ReadonlySet<string>): Promise<void> {
  const bindings = await db.selectFrom('location').select('username').execute();
  const calls = await db.selectFrom('calls').select(['call_id', 'state', 'status']).execute();
  const bound = new Set(bindings.map(({ username }) => username));
  const recorded = new Map(calls.map((call) => [call.call_id, `${call.state} ${call.status}`]));

  const lost = [...promised].filter(
    (user) => !bound.has(user) || recorded.get(`call-${user}`) !== 'ended 486',
  );
  assert.deepEqual(lost, []);
  assert.equal(recorded.size, calls.length, 'each attempt has one record');
}

async function startExchange({ folder, data = '' }: Life): Promise<Running> {
  mkdirSync(folder, { recursive: true });
  const [script, config] = [join(folder, 'registrar.ts'), join(folder, 'tandem.toml')];
  writeFileSync(script, openRegistrar);
  writeFileSync(
    config,
    `[sip]\nlisten = ["udp:127.0.0.1:0"]\ndomains = ["example.com"]\n[script]\nfile = ${JSON.stringify(script)}\n` +
      `[data]\nfolder = ${JSON.stringify(join(folder, 'data'))}\n${data}\n`,
  );
  const main = join(root, 'src', 'cli', 'main.ts');
  const child = spawn(process.execPath, [main, 'start', '--config', config], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const tooLate = setTimeout(() => child.kill('SIGKILL'), GIVE_UP_MS);
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
  }).finally(() => clearTimeout(tooLate));
  return { child, port, said: () => `exit ${child.exitCode}, ${child.signalCode}: ${said}` };
}

/** Everybody asks again until he is answered; resolves when enough were told 200. */
async function talk(
  { name, kill }: Life,
  { port, said }: Running,
  phone: Socket,
): Promise<ReadonlySet<string>> {
  const users = Array.from({ length: KILLED_PHONES }, (_, i) => `${name}u${i}`);
  const refused = new Set<string>();
  const acknowledged = new Set<string>();
  const others = new Set<string>();
  const own = phone.address().port;
  const send = (text: string): void => phone.send(text, port, '127.0.0.1');
  const ask = (user: string): void => {
    if (!acknowledged.has(user)) send(request(refused.has(user) ? 'REGISTER' : 'INVITE', user, own));
  };
  let again: NodeJS.Timeout | undefined;
  const askAll = (nextMs: number): void => {
    users.forEach(ask);
    again = setTimeout(() => askAll(Math.min(2 * nextMs, ASK_AGAIN_MS_MAX)), nextMs);
  };
  askAll(ASK_AGAIN_MS);
  await new Promise<void>((settle, reject) => {
    const giveUp = setTimeout(() => {
      reject(new Error(`${acknowledged.size} told 200; others heard ${[...others].join(', ')}; ${said()}`));
    }, GIVE_UP_MS);
    phone.on('message', (bytes) => {
      const text = bytes.toString('latin1');
      const [, kind, user = ''] = /^Call-ID: (call|reg)-(\w+)/m.exec(text) ?? [];
      if (kind === 'reg' && text.startsWith('SIP/2.0 200')) acknowledged.add(user);
      else if (kind === 'call' && text.startsWith('SIP/2.0 486')) {
        send(request('ACK', user, own, /^To: .*/m.exec(text)?.[0]));
        refused.add(user);
        ask(user);
      } else others.add(text.slice(0, text.indexOf('\r')));
      if (acknowledged.size < kill) return;
      clearTimeout(giveUp);
      settle();
    });
  }).finally(() => clearTimeout(again));
  return acknowledged;
}

function request(method: 'INVITE' | 'ACK' | 'REGISTER', user: string, port: number, to?: string): string {
  const registers = method === 'REGISTER';
  const id = `${registers ? 'reg' : 'call'}-${user}`;
  return [
    `${method} sip:${registers ? '' : 'nobody@'}example.com SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bK${id}`,
    'Max-Forwards: 70',
    `From: <sip:${user}@example.com>;tag=${user}`,
    to ?? `To: <sip:${registers ? user : 'nobody'}@example.com>`,
    `Call-ID: ${id}`,
    `CSeq: 1 ${method}`,
    `Contact: <sip:${user}@127.0.0.1:${port}>;expires=600`,
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}
