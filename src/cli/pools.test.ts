import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { ControlServer } from '../server/control.ts';
import { controlSocketPath } from '../server/control-lines.ts';
import { poolCommands } from '../server/control-pools.ts';
import { simWorld } from '../testing/sim-world.ts';
import { Pools } from '../trunk/pools.ts';
import { runCommand } from './program.ts';
import { Terminal } from './terminal.ts';

const root = mkdtempSync(join(tmpdir(), 'tandem-cli-pools-'));
const folder = join(root, 'data');
const pools = new Pools(simWorld(1).clock, { server: () => {}, trunk: () => {} });
let control: ControlServer;

before(async () => {
  mkdirSync(folder);
  pools.define('media', { servers: [{ uri: 'sip:192.0.2.21', resources: { calls: 30 } }, 'sip:192.0.2.22'] });
  control = new ControlServer(controlSocketPath(folder), poolCommands(pools));
  await control.start();
});

after(async () => {
  await control.stop();
  rmSync(root, { recursive: true });
});

async function tandem(words: string, data = folder): Promise<{ status: number; out: string; err: string }> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end('');
  const status = await runCommand(
    [...words.split(' '), '--data', data],
    new Terminal(stdin, stdout, stderr, {}),
  );
  stdout.end();
  stderr.end();
  return { status, out: await text(stdout), err: await text(stderr) };
}

test('pools are listed and shown, a server is disabled and enabled', async () => {
  assert.equal(
    (await tandem('pools ls')).out,
    'POOL    UP  CALLS  PICK    OVERDUE\nmedia  2/2      0  weight        0\n',
  );
  const disabled = await tandem('pools disable media sip:192.0.2.21');
  assert.deepEqual([disabled.status, disabled.out], [0, 'sip:192.0.2.21 is disabled, 0 calls\n']);
  const shown = await tandem('pools show media');
  assert.match(shown.out, /^sip:192\.0\.2\.21 +disabled +0 +calls 0\/30 .*disabled by the operator$/m);
  await tandem('pools enable media sip:192.0.2.21');

  const [first] = JSON.parse((await tandem('pools show media --json')).out) as { state: string }[];
  assert.equal(first?.state, 'up');
});

test('a pool or a server that is not there: exit 3, and what to ask', async () => {
  const pool = await tandem('pools show medai');
  const server = await tandem('pools enable media sip:192.0.2.9');

  assert.deepEqual([pool.status, server.status], [3, 3]);
  assert.match(pool.err, /no pool medai\n {2}tandem pools ls shows them/);
  assert.match(server.err, /tandem pools show media lists them/);
});

test('without a running exchange: exit 6', async () => {
  assert.equal((await tandem('pools ls', join(root, 'nothing'))).status, 6);
});
