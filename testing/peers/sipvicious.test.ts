/** svmap looks for SIP servers on a network: it finds ours only where the settings let scanners be heard. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { type Exchange, startExchange } from './exchange.ts';
import { missing } from './peer.ts';

const skip = missing('svmap');
const METHODS: readonly string[] = ['OPTIONS', 'REGISTER', 'INVITE'];

/** What it prints. */
function map(exchange: Exchange, method: string): Promise<string> {
  const options = { cwd: exchange.folder, timeout: 90_000, env: { ...process.env, HOME: exchange.folder } };
  return new Promise((resolve) => {
    const args = ['-p', String(exchange.port), '-m', method, '127.0.0.1'];
    execFile('svmap', args, options, (_error, out, complaints) => resolve(out + complaints));
  });
}

for (const [settings, finds] of [
  ['exempt = []', false],
  ['exempt = []\nscanners = []', true],
] as const) {
  const name = `svmap ${finds ? 'finds us where scanners are heard' : 'does not find us'}`;
  test(name, { skip, timeout: 120_000 }, async () => {
    const exchange = await startExchange([], { settings: `[guard]\n${settings}\n` });
    try {
      for (const method of METHODS) {
        const found = await map(exchange, method);
        assert.equal(found.includes(`127.0.0.1:${exchange.port}`), finds, `${method}: ${found}`);
      }
    } finally {
      await exchange.stop();
    }
  });
}
