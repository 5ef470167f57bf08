import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { LINES_WAITING_BYTES_MAX } from './background-lines.ts';

/** A process that runs this with `add`, which writes lines to its stderr. */
function writer(run: string) {
  const source = `
    import { BackgroundLines } from '${new URL('./background-lines.ts', import.meta.url).href}';
    const { add } = new BackgroundLines(2);
    ${run}`;
  return spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

test('a reader that has stopped reading stops nothing but the lines', async () => {
  const child = writer(`
    let turns = 0;
    const turn = () => {
      for (let line = 0; line < 500; line++) add('x'.repeat(200) + '\\n');
      if (++turns < 60) setImmediate(turn);
      else process.stdout.write('done');
    };
    turn();
  `);
  const [said] = (await once(child.stdout, 'data')) as [Buffer];

  assert.equal(said.toString(), 'done');
  child.kill('SIGKILL');
});

test('what fits is written, also the last line before the end; what does not fit is counted', async () => {
  const child = writer(`
    const line = 'x'.repeat(1023) + '\\n';
    add('first\\n');
    for (let at = 0; at <= ${LINES_WAITING_BYTES_MAX / 1024}; at++) add(line);
    setTimeout(() => {
      add('last\\n');
      process.exit(0);
    }, 200);
  `);
  const lines = (await text(child.stderr)).split('\n');

  assert.equal(lines[0], 'first');
  assert.deepEqual(lines.slice(-3), ['1 lines were left out here: nobody read them in time', 'last', '']);
});
