import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { TandemError } from '../base/errors.ts';
import { printListen } from '../server/settings.ts';
import { start } from './start.ts';
import type { RunningExchange, StartOptions, StartServer } from './start.ts';
import { Terminal } from './terminal.ts';

/** Starts, sends the signals one after the other, and answers with all that was said. */
async function run(
  options: StartOptions,
  startServer: StartServer,
  signals: readonly string[] = ['SIGTERM'],
) {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const source = new EventEmitter();
  const send = async (): Promise<void> => {
    for (const signal of signals) {
      await new Promise(setImmediate);
      source.emit(signal);
    }
  };
  const terminal = new Terminal(new PassThrough(), out, err, {});
  const [status] = await Promise.all([start(options, terminal, startServer, source), send()]);
  out.end();
  err.end();
  return { status, out: await text(out), err: await text(err) };
}

/** An exchange that does as it is told, and notes it. */
function exchange(listeners: readonly string[], told: string[], reload?: Error): RunningExchange {
  return {
    version: '1.2.3',
    listeners,
    dataFolder: '/var/lib/tandem',
    settingsNews: { changed: ['[trunk] pools'], unreadable: null },
    stop: async () => void told.push('stop'),
    reload: async () => {
      told.push('reload');
      if (reload !== undefined) throw reload;
    },
  };
}

test('one banner says what listens where, where the data is, and what to do next', async () => {
  const listeners = ['udp:192.0.2.1:5060', 'tcp:0.0.0.0:5060'];

  const said = await run({}, async () => exchange(listeners, []));

  assert.equal(said.status, 0);
  for (const fact of [
    'tandem 1.2.3',
    ...listeners,
    '/var/lib/tandem',
    'users add alice@192.0.2.1',
    'later version',
  ]) {
    assert.ok(said.out.includes(fact), fact);
  }
});

test('what the command line says reaches the exchange', async () => {
  let heard = '';

  await run({ port: 5099, script: '/a/my.ts', data: '/a/data' }, async ({ sip, script, data }) => {
    heard = [...sip.listen.map(printListen), script.file, data.folder].join(' ');
    return exchange([], []);
  });

  assert.equal(heard, 'udp:0.0.0.0:5099 tcp:0.0.0.0:5099 /a/my.ts /a/data');
});

test('another port moves all listeners by as much', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-start-'));
  const config = join(folder, 'tandem.toml');
  writeFileSync(config, '[sip]\nlisten = ["udp:0.0.0.0:5060", { listen = "ws:0.0.0.0:5080", name = "web" }]');
  let heard: unknown;

  await run({ port: 6060, config }, async ({ sip }) => {
    heard = sip.listen;
    return exchange([], []);
  });

  assert.deepEqual(heard, [
    { transport: 'udp', host: '0.0.0.0', port: 6060 },
    { transport: 'ws', host: '0.0.0.0', port: 6080, name: 'web' },
  ]);
  rmSync(folder, { recursive: true });
});

test('SIGHUP reloads, and a script that does not load leaves the exchange running', async () => {
  const told: string[] = [];
  const broken = new TandemError('SCRIPT_INVALID', 'line 3: no such thing');

  const said = await run({}, async () => exchange([], told, broken), ['SIGHUP', 'SIGTERM']);

  assert.deepEqual(told, ['reload', 'stop']);
  assert.match(said.err, /error: line 3: no such thing/);
  assert.equal(said.status, 0);
});

test('the same Ctrl-C heard twice stops once', async () => {
  const told: string[] = [];

  const said = await run({}, async () => exchange([], told), ['SIGINT', 'SIGINT']);

  assert.deepEqual(told, ['stop']);
  assert.equal(said.status, 0);
});

const taken = (): never => {
  throw new TandemError('PORT_TAKEN', 'port 5060 of [sip] listen is in use');
};

test('a port that is taken ends the start', async () => {
  await assert.rejects(
    run({}, async () => taken()),
    { code: 'PORT_TAKEN' },
  );
});

test('with --demo another port is tried, and told', async () => {
  const said = await run({ demo: true }, async ({ sip }) =>
    sip.listen[0]?.port === 5060 ? taken() : exchange(sip.listen.map(printListen), []),
  );

  assert.match(said.out, /udp:0\.0\.0\.0:5070/);
  assert.match(said.err, /port 5060 is in use; trying 5070/);
});

test('even --demo gives up in the end', async () => {
  await assert.rejects(
    run({ demo: true }, async () => taken()),
    { code: 'PORT_TAKEN' },
  );
});
