/** The disk is full while calls run: the kernel lets the exchange's files grow no further, as a full disk does. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Exchange, startExchange } from './exchange.ts';
import { missing } from './peer.ts';
import { dial, register, startCallee } from './sipp.ts';

const run = promisify(execFile);
const skip = missing('sipp', 'prlimit');
const CALLS = 20;
const LOOK_EVERY_MS = 100;
const PATIENCE_MS = 10_000;
/** Less than any file of a database that has tables. */
const FULL_BYTES = 4_096;

let exchange: Exchange;

before(async () => {
  if (skip === false) exchange = await startExchange(['alice', 'bob', 'carol']);
});

after(async () => {
  await exchange?.stop();
});

/** No file of the process may be longer than this; 'unlimited' ends it. */
async function limitFiles(bytes: number | 'unlimited'): Promise<void> {
  await run('prlimit', ['--pid', String(exchange.pid), `--fsize=${bytes}:`]);
}

async function comesTrue(what: () => boolean | Promise<boolean>): Promise<boolean> {
  for (const giveUpAt = performance.now() + PATIENCE_MS; performance.now() < giveUpAt;) {
    if (await what()) return true;
    await sleep(LOOK_EVERY_MS);
  }
  return false;
}

/** What happened, and why. */
const SAID = /was not written: disk I\/O error.*call records were not written/;

test(
  'calls go on, nobody is told that he is registered, and it says so',
  { skip, timeout: 120_000 },
  async () => {
    const callee = await startCallee(exchange, 'callee-answers', 2 * CALLS);
    try {
      assert.equal((await register(exchange, { user: 'bob', port: callee.port })).code, 0);

      await limitFiles(FULL_BYTES);
      const during = await dial(exchange, 'caller-hangs-up', 'alice', 'bob', CALLS);
      const refused = await register(exchange, { user: 'carol', port: callee.port });

      assert.equal(during.code, 0, during.errors);
      assert.equal(during.logged.get('ended')?.length, CALLS);
      assert.match(refused.errors, /SIP\/2\.0 50[03]/);
      assert.ok(await comesTrue(() => SAID.test(exchange.output())));

      await limitFiles('unlimited');
      assert.ok(
        await comesTrue(
          async () => (await register(exchange, { user: 'carol', port: callee.port })).code === 0,
        ),
        'whoever registers is registered again',
      );
      const afterwards = await dial(exchange, 'caller-hangs-up', 'alice', 'bob', CALLS);
      const ended = new Set(afterwards.logged.get('ended'));
      assert.equal(ended.size, CALLS);
      // Those of the calls while the disk was full are written after all.
      const all = ended.union(new Set(during.logged.get('ended')));
      const records = await exchange.records(all);
      assert.deepEqual(
        records.map(({ status, endedBy }) => `${status} ${endedBy}`),
        Array.from({ length: 2 * CALLS }, () => '200 caller'),
      );
    } finally {
      await callee.stop();
    }
  },
);
