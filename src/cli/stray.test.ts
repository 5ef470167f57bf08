/** A whole exchange in a process of its own, with a script that lets go of errors: it serves on, or ends honestly. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { request } from '../testing/mallory.ts';

const MAIN = join(import.meta.dirname, 'main.ts');
const folder = mkdtempSync(join(tmpdir(), 'tandem-stray-'));
after(() => rmSync(folder, { recursive: true }));
const GIVE_UP_MS = 60_000;
const ASK_AGAIN_MS = 1_000;

/** Each user names one way to let go of an error. */
const SCRIPT = `import { Router, script } from 'tandem';
export default script(({ http, log }) => {
  const app = new Router();
  app.options((c) => {
    switch (c.uri.user) {
      case 'reject': void Promise.reject(new Error('loose rejection')); return c.reply(200);
      case 'later': void (async () => { await null; throw new Error('thrown later'); })(); return c.reply(200);
      case 'micro': queueMicrotask(() => { throw new Error('micro threw'); }); return c.reply(200);
      case 'timer': setTimeout(() => { throw new Error('timer threw'); }, 1); return c.reply(200);
      case 'text': void Promise.reject('just a text'); return c.reply(200);
      case 'service': void http.fetch('http://127.0.0.1:1/'); return c.reply(200);
      default: return c.reply(404);
    }
  });
  return app;
});
`;

interface Running {
  readonly child: ChildProcess;
  readonly logged: () => readonly Record<string, unknown>[];
  readonly said: () => string;
  ask(user: string): Promise<string>;
  end(): Promise<void>;
}

async function started(name: string, preload: readonly string[] = []): Promise<Running> {
  const [file, config] = [join(folder, `${name}.ts`), join(folder, `${name}.toml`)];
  writeFileSync(file, SCRIPT);
  writeFileSync(
    config,
    `[sip]\nlisten = ["udp:127.0.0.1:0"]\ndomains = ["example.com"]\n[log]\nformat = "json"\n` +
      `[script]\nfile = ${JSON.stringify(file)}\n[data]\nfolder = ${JSON.stringify(join(folder, name))}\n`,
  );
  const child = spawn(process.execPath, [...preload, MAIN, 'start', '--config', config], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const tooLate = setTimeout(() => child.kill('SIGKILL'), GIVE_UP_MS);
  let [banner, said] = ['', ''];
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  const port = await new Promise<number>((settle, reject) => {
    child.stdout.on('data', (text: Buffer) => {
      banner += text.toString();
      const listening = /udp:127\.0\.0\.1:(\d+)/.exec(banner);
      if (listening !== null) settle(Number(listening[1]));
    });
    child.on('exit', () => reject(new Error(`it did not start: ${banner}${said}`)));
  });
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const logged = (): Record<string, unknown>[] =>
    said
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return {
    child,
    logged,
    said: () => said,
    async ask(user) {
      const via = `SIP/2.0/UDP 127.0.0.1:${socket.address().port}`;
      const text = request({ method: 'OPTIONS', uri: `sip:${user}@example.com`, via, callId: `of-${user}` });
      const again = setInterval(() => socket.send(text, port, '127.0.0.1'), ASK_AGAIN_MS);
      try {
        const heard = once(socket, 'message', { signal: AbortSignal.timeout(GIVE_UP_MS) });
        socket.send(text, port, '127.0.0.1');
        const [answer] = (await heard) as [Buffer]; // The first argument of the event.
        return answer.toString('latin1', 8, 11);
      } finally {
        clearInterval(again);
      }
    },
    async end() {
      clearTimeout(tooLate);
      socket.close();
      if (child.exitCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
}

test('errors that a script lets go of are logged with file, line and call, and harm nobody', async () => {
  const exchange = await started('strays');
  try {
    for (const user of ['reject', 'later', 'micro', 'timer', 'text', 'service'])
      assert.equal(await exchange.ask(user), '200', user);
    while (exchange.logged().filter(({ what }) => what === 'a script let go of an error').length < 6)
      await new Promise((go) => setTimeout(go, 20));
    assert.equal(await exchange.ask('nobody'), '404');

    const strays = exchange.logged().filter(({ what }) => what === 'a script let go of an error');
    const byCall = new Map(strays.map((line) => [line['call'], line]));
    for (const [user, why, line] of [
      ['reject', /loose rejection/, 6],
      ['later', /thrown later/, 7],
      ['micro', /micro threw/, 8],
      ['timer', /timer threw/, 9],
      // These have no line of their own: that of the route.
      ['text', /just a text/, 4],
      ['service', /HTTP_FAILED .*ECONNREFUSED/, 4],
    ] as const) {
      const found = byCall.get(`of-${user}`);
      assert.match(String(found?.['why']), why);
      assert.equal(found?.['line'], line);
      assert.equal(found?.['file'], join(folder, 'strays.ts'));
    }
  } finally {
    await exchange.end();
  }
});

test('an error of our own that nobody caught ends the process with status 1, as it must', async () => {
  const throws = "setInterval(() => { if (globalThis.isDue) throw new Error('ours'); }, 10)";
  const due = "process.on('SIGUSR2', () => { globalThis.isDue = true; })";
  const exchange = await started('crash', [
    '--import',
    `data:text/javascript,${encodeURIComponent(`${throws};${due}`)}`,
  ]);
  try {
    assert.equal(await exchange.ask('nobody'), '404');

    const gone = once(exchange.child, 'exit');
    exchange.child.kill('SIGUSR2');

    assert.deepEqual(await gone, [1, null]);
    assert.match(exchange.said(), /Error: ours\n/);
  } finally {
    await exchange.end();
  }
});
