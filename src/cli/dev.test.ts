import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Writable } from 'node:stream';
import { loadSettings } from '../server/settings.ts';
import { Commands } from './commands.ts';
import { callLine } from './dev.ts';
import { reload } from './reload.ts';
import { Terminal } from './terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'tandem-dev-'));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'route.ts');

// status, duration, who ended it, the end of the line
const calls = [
  [200, 73_400, 'caller', '200  73 s  the caller hung up'],
  [200, 0, 'us', '200  0 s  ended by us'],
  [486, 0, 'callee', '486  -  refused by the callee'],
  [487, 0, 'caller', '487  -  the caller gave up'],
] as const;

for (const [status, durationMs, by, end] of calls) {
  test(`a call that ended with ${status} by ${by} is one line`, () => {
    const call = { callId: 'x', caller: 'a@example.com', callee: 'b@example.com', status, durationMs, by };

    const line = callLine(call, new Date(2026, 0, 1, 12, 3, 7));

    assert.equal(line, `12:03:07  a@example.com → b@example.com  ${end}`);
  });
}

function writeScript(status: string): void {
  writeFileSync(
    file,
    `import { Router, script } from 'tandem';
export default script(() => new Router().invite((c) => c.reply(${status})));
`,
  );
}

/** What a process has said so far, and a wait for more of it. */
function listenTo(child: ChildProcess): (expected: RegExp) => Promise<string> {
  let said = '';
  let told = (): void => {};
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      told();
    });
  }
  return async (expected) => {
    while (!expected.test(said)) {
      await new Promise<void>((resolve) => {
        told = resolve;
      });
    }
    const found = said;
    said = '';
    return found;
  };
}

async function invite(port: number): Promise<string> {
  const socket = createSocket('udp4');
  const heard = new Promise<string>((resolve) => {
    socket.on('message', (bytes) => {
      const text = bytes.toString('latin1');
      if (!text.startsWith('SIP/2.0 100')) resolve(text.slice(8, 11));
    });
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const lines = [
    'INVITE sip:bob@example.com SIP/2.0',
    `Via: SIP/2.0/UDP 127.0.0.1:${socket.address().port};branch=z9hG4bK${port}`,
    'From: <sip:alice@example.com>;tag=1',
    'To: <sip:bob@example.com>',
    `Call-ID: dev-${socket.address().port}`,
    'CSeq: 1 INVITE',
    'Contact: <sip:alice@127.0.0.1>',
    'Max-Forwards: 70',
    'Content-Length: 0',
  ];
  socket.send(`${lines.join('\r\n')}\r\n\r\n`, port, '127.0.0.1');
  const status = await heard;
  socket.close();
  return status;
}

test('dev loads the script at every change, keeps the old one when that is wrong, and says a line a call', async () => {
  writeScript('404');
  const data = join(folder, 'data');
  // Types are looked at by dev itself; for `tandem reload` they would be a second compiler.
  const config = join(folder, 'tandem.toml');
  writeFileSync(config, '[script]\ntype_check = false\n');
  const words = ['dev', file, '--port', '0', '--data', data, '--config', config];
  const child = spawn(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    join(import.meta.dirname, 'main.ts'),
    ...words,
  ]);
  after(() => child.kill('SIGKILL'));
  const heard = listenTo(child);
  const banner = await heard(/Ctrl-C/);
  const port = Number(/udp:[^\n]*:(\d+)/.exec(banner)?.[1]);

  assert.equal(await invite(port), '404');
  assert.match(await heard(/404/), /alice@example\.com → bob@example\.com {2}404 {2}- {2}refused by us/);

  writeScript('(');
  assert.match(await heard(/goes on/), /route\.ts:2:\d+: Parenthesized expression/);
  assert.equal(await invite(port), '404');

  writeScript('486');
  await heard(/generation 2 of the script runs/);
  assert.equal(await invite(port), '486');

  writeFileSync(config, '[script]\ntype_check = false\n[trunk]\npools = [{ name = "gw", servers = [] }]\n');
  const { status, said } = await reloaded(data);
  const settings = { changed: ['[trunk] pools'], unreadable: null };
  assert.deepEqual([status, JSON.parse(said)], [0, { generation: 3, settings }]);

  child.kill('SIGINT');
  await new Promise((resolve) => child.on('close', resolve));
  await assert.rejects(reloaded(data), { code: 'NOT_RUNNING' });
});

/** What `tandem reload --json` says. */
async function reloaded(data: string): Promise<{ status: number; said: string }> {
  let said = '';
  const out = new Writable({
    write(bytes: Buffer, _encoding, done) {
      said += bytes.toString();
      done();
    },
  });
  const terminal = new Terminal(process.stdin, out, out, {});
  const commands = new Commands(loadSettings(undefined, { data: { folder: data } }));
  return { status: await reload(commands, terminal, true), said };
}
