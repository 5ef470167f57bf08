import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { TandemError } from '../base/errors.ts';
import { ControlClient } from './control-client.ts';
import { controlSocketPath, LineReader, REQUEST_CHARACTERS_MAX } from './control-lines.ts';
import { CONTROL_CONNECTIONS_MAX, ControlServer } from './control.ts';
import type { ControlHandler } from './control.ts';

const folder = mkdtempSync(join(tmpdir(), 'tandem-control-'));
after(() => rmSync(folder, { recursive: true }));

let sockets = 0;

async function exchange(handlers: Record<string, ControlHandler>, at = join(folder, `${sockets++}.sock`)) {
  const server = new ControlServer(at, handlers);
  await server.start();
  const client = await ControlClient.open(at);
  assert.ok(client !== undefined);
  const stop = async (): Promise<void> => {
    client.close();
    await server.stop();
  };
  return { path: at, server, client, stop };
}

/** Sends raw text and answers with all that comes back until the end. */
function converse(path: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = '';
    const socket = connect(path, () => socket.write(text));
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => (heard += part));
    socket.on('error', reject);
    socket.on('close', () => resolve(heard));
  });
}

test('a command is answered with its result', async () => {
  const { client, stop } = await exchange({ echo: async (args) => ({ heard: args }) });

  const result = await client.ask('echo', { user: 'alice' });

  assert.deepEqual(result, { heard: { user: 'alice' } });
  await stop();
});

test('one connection carries many commands, answered in order', async () => {
  const { path, stop } = await exchange({
    slow: () => new Promise((resolve) => setImmediate(resolve, 'slow')),
    fast: async () => 'fast',
    end: async () => stop(),
  });
  const lines = ['slow', 'fast', 'end'].map((command, id) => `${JSON.stringify({ id, command })}\n`);

  const heard = await converse(path, lines.join(''));

  assert.deepEqual(heard.match(/"id":\d/g)?.slice(0, 2), ['"id":0', '"id":1']);
  assert.match(heard, /"slow".*\n.*"fast"/);
});

test('a refusal comes back as the error it was', async () => {
  const { client, stop } = await exchange({
    show: async () => {
      throw new TandemError('NOT_FOUND', 'no call 7', { hint: 'tandem calls ls' });
    },
  });

  await assert.rejects(client.ask('show', {}), {
    code: 'NOT_FOUND',
    message: 'no call 7',
    hint: 'tandem calls ls',
  });
  await stop();
});

test('a mistake of ours is told as such and harms nobody', async () => {
  const { client, stop } = await exchange({
    broken: async () => {
      throw new TypeError('ours');
    },
    well: async () => 'well',
  });

  await assert.rejects(client.ask('broken', {}), (error) => !(error instanceof TandemError));
  assert.equal(await client.ask('well', {}), 'well');
  await stop();
});

test('an unknown command is refused', async () => {
  const { client, stop } = await exchange({});

  await assert.rejects(client.ask('dance', {}), { code: 'USAGE' });
  await assert.rejects(client.ask('toString', {}), { code: 'USAGE' });
  await stop();
});

for (const [what, text] of [
  ['no JSON', 'hello\n'],
  ['no request', '{"command":"echo"}\n'],
  ['null', 'null\n'],
  ['a request that never ends', 'x'.repeat(REQUEST_CHARACTERS_MAX + 1)],
] as const) {
  test(`${what} ends the connection with a word why`, async () => {
    const { path, stop } = await exchange({});

    const heard = await converse(path, text);

    assert.match(heard, /"ok":false/);
    await stop();
  });
}

test('a connection beyond the limit is closed unheard', async () => {
  const { path, stop } = await exchange({ echo: async () => 1 });
  const clients = await Promise.all(
    Array.from({ length: CONTROL_CONNECTIONS_MAX - 1 }, () => ControlClient.open(path)),
  );

  const heard = await converse(path, '{"id":1,"command":"echo"}\n').catch(() => '');

  assert.equal(heard, '');
  for (const client of clients) client?.close();
  await stop();
});

test('only the owner may open the socket', async () => {
  const { path, stop } = await exchange({});

  assert.equal(statSync(path).mode & 0o777, 0o600);
  await stop();
});

test('a socket file left by a crash is replaced', async () => {
  const path = join(folder, 'stale.sock');
  writeFileSync(path, '');

  const { client, stop } = await exchange({ echo: async () => 1 }, path);

  assert.equal(await client.ask('echo', {}), 1);
  await stop();
});

test('a socket that answers is left alone', async () => {
  const { path, client, stop } = await exchange({ echo: async () => 1 });

  await assert.rejects(new ControlServer(path, {}).start(), { code: 'CONFLICT' });
  assert.equal(await client.ask('echo', {}), 1);
  await stop();
});

test('without an exchange there is no client', async () => {
  assert.equal(await ControlClient.open(join(folder, 'none.sock')), undefined);
});

test('an exchange that does not answer counts as not running', async () => {
  const { client, stop } = await exchange({ hang: () => new Promise(() => {}) });

  await assert.rejects(client.ask('hang', {}, 20), { code: 'NOT_RUNNING' });
  await stop();
});

test('an exchange that stops in mid-command counts as not running', async () => {
  const { client, server } = await exchange({ hang: () => new Promise(() => {}) });
  const asked = client.ask('hang', {});

  await server.stop();

  await assert.rejects(asked, { code: 'NOT_RUNNING' });
});

test('a path too long for a socket is refused with the setting to change', () => {
  assert.throws(() => controlSocketPath(`/${'x'.repeat(100)}`), { code: 'DATA_FOLDER' });
});

test('lines are cut wherever the stream is', () => {
  const lines: string[] = [];
  const reader = new LineReader(5, (line) => lines.push(line), assert.fail);

  for (const part of ['a', 'b\nc', '\n\n', 'five5', '\n']) reader.push(part);

  assert.deepEqual(lines, ['ab', 'c', '', 'five5']);
});

test('a line beyond the limit is told once', () => {
  let told = 0;
  const reader = new LineReader(5, assert.fail, () => told++);

  for (const part of ['sixxx', 'x', 'more\n']) reader.push(part);

  assert.equal(told, 1);
});
