import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'tandem-watchdog-'));
after(() => rmSync(folder, { recursive: true }));
const own = (name: string): string => new URL(name, import.meta.url).href;

/** A process with a watchdog, whose script loops for a while; what it wrote to stderr. */
async function loopFor(loopMs: number, stallMs: number): Promise<string> {
  const main = join(folder, 'main.ts');
  writeFileSync(
    join(folder, 'route.ts'),
    `export default function loop(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
`,
  );
  writeFileSync(
    main,
    `import { ScriptWatchdog } from '${own('script-watchdog.ts')}';
import loop from './route.ts?generation=7.ab12';
const clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  soon: queueMicrotask,
  after: (ms, fire) => { const timer = setTimeout(fire, ms); return { cancel: () => clearTimeout(timer) }; },
};
const watchdog = new ScriptWatchdog(clock, { stallMs: ${stallMs}, level: 'info', format: 'lines' });
setTimeout(() => {
  watchdog.enter('request', 7);
  loop(${loopMs});
  watchdog.leave();
  setTimeout(async () => { await watchdog.stop(); }, 300);
}, 600);
`,
  );
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main]);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.equal(code, 0, said);
  return said;
}

test('a route that does not come back is named with its file and line, and so is when calls go on', async () => {
  const said = await loopFor(1_500, 300);

  const [stands = '', goesOn = '', ...more] = said.trimEnd().split('\n');
  assert.match(
    stands,
    /error every call stands still.* route=request {2}generation=7 .*route\.ts {2}line=3$/,
  );
  assert.match(goesOn, /warn {2}calls go on {2}stoodMs=1[3-9]\d\d$/);
  assert.deepEqual(more, []);
});

test('one that comes back in time is not', async () => {
  assert.equal(await loopFor(200, 1_000), '');
});
