import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from './sqlite.ts';

const folder = await mkdtemp(join(tmpdir(), 'tandem-kill-'));
after(() => rm(folder, { recursive: true }));

/** Writes without end, and prints the id of every row that was acknowledged. */
const child = `
  import { writeSync } from 'node:fs';
  import { SqliteWriter } from '${new URL('./sqlite-writer.ts', import.meta.url).href}';
  const clock = {
    now: () => performance.now(), wall: () => Date.now(), soon: setImmediate,
    after: (ms, fire) => { const t = setTimeout(fire, ms); return { cancel: () => clearTimeout(t) }; },
  };
  const log = { error: (what, facts) => { throw new Error(what, { cause: facts }); } };
  const writer = new SqliteWriter({ file: process.argv[1], clock, log, limits: { commitMs: 2 } });
  let id = 0;
  const write = () => {
    const mine = ++id;
    const row = [mine, 'user' + mine, 'example.com', 'ha1', 'ha1', null, 1];
    writer.write('upsertSubscriber', row, (error) => {
      if (error === undefined) writeSync(1, mine + '\\n');
      write();
    });
  };
  for (let row = 0; row < 20; row++) write();
`;

/** Runs the child until it acknowledged so many rows, kills it, and answers all that it acknowledged. */
function acknowledgedBefore(kill: number, file: string): Promise<number[]> {
  return new Promise((settle, reject) => {
    const writes = spawn(process.execPath, ['--input-type=module', '--eval', child, file]);
    let said = '';
    let faults = '';
    writes.stderr.on('data', (text: Buffer) => (faults += text.toString()));
    writes.stdout.on('data', (text: Buffer) => {
      said += text.toString();
      if (said.split('\n').length > kill) writes.kill('SIGKILL');
    });
    writes.on('close', (_, signal) => {
      if (signal !== 'SIGKILL') reject(new Error(`the writer ended by itself: ${faults}`));
      settle(said.split('\n').slice(0, -1).map(Number));
    });
  });
}

for (const kill of [1, 17, 100, 333, 1_000]) {
  test(`killed after ${kill} acknowledged rows: every one of them is there`, async () => {
    const file = join(folder, `${kill}.db`);
    await (await open(file)).destroy();

    const acknowledged = await acknowledgedBefore(kill, file);
    const db = await open(file);
    const rows = await db.selectFrom('subscriber').select('id').execute();
    await db.destroy();

    const there = new Set(rows.map((row) => row.id));
    assert.ok(acknowledged.length >= kill);
    assert.deepEqual(
      acknowledged.filter((id) => !there.has(id)),
      [],
    );
  });
}
