/** The script of a running exchange is loaded again and again while SIPp phones talk: none of them may notice. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ControlClient } from '../../src/server/control-client.ts';
import { type Exchange, startExchange } from './exchange.ts';
import { missing } from './peer.ts';
import { dial, register, startCallee } from './sipp.ts';

const skip = missing('sipp');

const RATE = 100;
/** An automatic build has no time for `RELOADS=200 npm test -- --test-timeout=1200000 testing/peers/reload.test.ts`. */
const RELOADS = Number(process.env.RELOADS ?? 12);
const LIMIT_MS = 120_000 + RELOADS * 5_000;
/** Before every so many reloads one is tried with a script that does not load. */
const BROKEN_EVERY = 5;
/** Calls go on, so many at a time, until the last reload is done. */
const CALLS = 300;
const CALLS_MAX = 100_000;
const ANSWER_MS = 60_000;
/** What half of them may leave behind: Node keeps a little of every module that it has loaded. */
const GROWTH_MAX_KB = 48 << 10;

const defaultScript = new URL('../../examples/registrar-proxy.ts', import.meta.url);

test(
  `${RELOADS} reloads under ${RATE} calls a second lose no call and no memory`,
  { skip, timeout: LIMIT_MS },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'tandem-reload-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'route.ts');
    const text = readFileSync(defaultScript, 'utf8');
    writeFileSync(file, text);
    const exchange = await startExchange(['alice', 'bob'], {
      script: file,
      // A machine that is held up looks like too many calls, which would be refused.
      settings: 'type_check = false\n\n[guard]\noverload_ms = 60_000\n',
    });
    t.after(() => exchange.stop());
    const client = await ControlClient.open(join(exchange.folder, 'data', 'tandem.sock'));
    assert.ok(client !== undefined);
    t.after(() => client.close());
    const callee = await startCallee(exchange, 'callee-answers', CALLS_MAX);
    t.after(() => callee.stop());
    assert.equal((await register(exchange, { user: 'bob', port: callee.port })).code, 0);

    let isOver = false;
    const calling = callUntil(exchange, () => isOver);
    const sizes: number[] = [residentKb(exchange.pid)];
    const begun = performance.now();
    for (let reload = 1; reload <= RELOADS; reload++) {
      if (reload % BROKEN_EVERY === 0) {
        writeFileSync(file, 'export default (');
        await assert.rejects(client.ask('reload', {}, ANSWER_MS), { code: 'SCRIPT_INVALID' });
      }
      writeFileSync(file, `${text}\n// ${reload}\n`);
      const { generation } = (await client.ask('reload', {}, ANSWER_MS)) as { generation: number };
      assert.equal(generation, reload + 1);
      sizes.push(residentKb(exchange.pid));
    }
    const reloadMs = Math.round((performance.now() - begun) / RELOADS);
    isOver = true;
    const calls = await calling;
    const [half = 0, whole = 0] = [sizes[Math.floor(RELOADS / 2)], sizes.at(-1)];
    assert.ok(whole - half <= GROWTH_MAX_KB, `${whole - half} kB`);
    t.diagnostic(
      `${calls} calls, none lost; ${reloadMs} ms a reload; ${sizes[0]} kB before, ${half} kB in the middle, ` +
        `${whole} kB at the end`,
    );
  },
);

/** How many calls went as told, by the phones and by our records: answered, held, hung up by the caller. */
async function callUntil(exchange: Exchange, isOver: () => boolean): Promise<number> {
  let calls = 0;
  for (; !isOver(); calls += CALLS) {
    const { code, errors, logged } = await dial(
      exchange,
      'caller-hangs-up',
      'alice',
      'bob',
      CALLS,
      'udp',
      RATE,
    );
    assert.equal(code, 0, errors.slice(0, 2000));
    const ids = new Set(logged.get('ended'));
    const ends = (await exchange.records(ids)).map(({ status, endedBy }) => `${status} ${endedBy}`);
    assert.deepEqual([ids.size, ends.length, new Set(ends)], [CALLS, CALLS, new Set(['200 caller'])]);
  }
  return calls;
}

function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
