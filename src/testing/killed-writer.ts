/** A process that writes without end and is killed in the middle of it: for tests of what survives. */
import { spawn } from 'node:child_process';
import type { DatabasePlace } from '../store/database-place.ts';

/** Prints the id of every row that was acknowledged. */
const CHILD = `
  import { writeSync } from 'node:fs';
  import { openWriter } from '${new URL('../store/database.ts', import.meta.url).href}';
  const clock = {
    now: () => performance.now(), wall: () => Date.now(), soon: setImmediate,
    after: (ms, fire) => { const t = setTimeout(fire, ms); return { cancel: () => clearTimeout(t) }; },
  };
  const error = (what, facts) => { throw new Error(what, { cause: facts }); };
  const log = { debug() {}, info() {}, warn: error, error };
  const { place, firstId } = JSON.parse(process.argv[1]);
  const writer = openWriter(place, { clock, log, limits: { commitMs: 2 } });
  // The pipe is full when nobody has had the time to read.
  const say = (text) => {
    for (;;) {
      try {
        return writeSync(1, text);
      } catch (error) {
        if (error.code !== 'EAGAIN') throw error;
      }
    }
  };
  let id = firstId;
  const write = () => {
    const mine = id++;
    const row = [mine, 'user' + mine, 'example.com', 'ha1', 'ha1', null, 1];
    writer.write('upsertSubscriber', row, (error) => {
      if (error === undefined) say(mine + '\\n');
      write();
    });
  };
  for (let row = 0; row < 20; row++) write();
`;

/** Writes accounts from this id on, kills the writer after so many were acknowledged; answers all that were. */
export function acknowledgedBefore(
  kill: number,
  place: DatabasePlace,
  firstId = 1,
): Promise<readonly number[]> {
  return new Promise((settle, reject) => {
    const orders = JSON.stringify({ place, firstId });
    const writes = spawn(process.execPath, ['--input-type=module', '--eval', CHILD, orders]);
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

/** After how many acknowledged rows each of twenty writers is killed. */
export const KILLS: readonly number[] = Array.from({ length: 20 }, (_, i) => 1 + i * i);
/** Ids of one writer; the next begins behind them. */
export const IDS_A_WRITER = 100_000;
