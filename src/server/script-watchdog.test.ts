import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'tandem-watchdog-'));
after(() => rmSync(folder, { recursive: true }));
const own = (name: string): string => new URL(name, import.meta.url).href;

/** What runs in a route, behind an await of one, and besides any script. */
const IN_ROUTE = (ms: number): string => `watchdog.enter('request', 7);\n  loop(${ms});\n  watchdog.leave();`;
const BEHIND_AWAIT = (ms: number): string => `loop(${ms});`;
const OURS = (ms: number): string =>
  `const end = performance.now() + ${ms}; while (performance.now() < end);`;
/** A disk that does not answer, or a machine that lets us not run: no debugger hears of the thread meanwhile. */
const IN_KERNEL = (ms: number): string => `spawnSync('sleep', ['${ms / 1000}']);`;

/** A process with a watchdog, which loops for a while; what it wrote to stderr. */
async function loopFor(work: string, stallMs: number, serves = true): Promise<string> {
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
import { spawnSync } from 'node:child_process';
import loop from './route.ts?generation=7.ab12';
const clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  soon: queueMicrotask,
  after: (ms, fire) => { const timer = setTimeout(fire, ms); return { cancel: () => clearTimeout(timer) }; },
};
const log = { error: (message, facts) => console.error(message, facts) };
const watchdog = new ScriptWatchdog(clock, log, { stallMs: ${stallMs}, level: 'info', format: 'lines' });
${serves ? 'watchdog.serves();' : ''}
setTimeout(() => {
  ${work}
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
  const said = await loopFor(IN_ROUTE(1_500), 300);

  const [stands = '', goesOn = '', ...more] = said.trimEnd().split('\n');
  assert.match(
    stands,
    /error every call stands still.* route=request {2}generation=7 .*route\.ts {2}line=3$/,
  );
  assert.match(goesOn, /warn {2}calls go on {2}stoodMs=1[3-9]\d\d$/);
  assert.deepEqual(more, []);
});

test('one that comes back in time is not', async () => {
  assert.equal(await loopFor(IN_ROUTE(200), 1_000), '');
});

for (const [what, work, serves, expected] of [
  [
    'a script behind an await is named with its line',
    BEHIND_AWAIT(1_500),
    true,
    /script does not .*route\.ts {2}line=3$/m,
  ],
  [
    'what holds up calls and is no script is told as ours',
    OURS(1_500),
    true,
    /the exchange itself is busy .*main\.ts/,
  ],
  [
    'a thread that is held up by the machine for longer than the debugger is waited for runs on afterwards',
    IN_KERNEL(3_000),
    true,
    /the machine or its disk holds us up {2}stoodMs=\d+\n.*calls go on {2}stoodMs=[23]\d\d\d\n$/,
  ],
  ['what keeps us busy before any call is nobody’s matter', OURS(1_500), false, /^$/],
] as const) {
  test(what, async () => {
    assert.match(await loopFor(work, 300, serves), expected);
  });
}

test('a script that loops at its top level while we start is named', { timeout: 30_000 }, async () => {
  writeFileSync(
    join(folder, 'top.ts'),
    `const end = performance.now() + 60_000;\nwhile (performance.now() < end);\nexport default 1;\n`,
  );
  writeFileSync(
    join(folder, 'tandem.toml'),
    '[sip]\nlisten = ["udp:127.0.0.1:0"]\n[script]\nstall_ms = 300\n',
  );
  const words = ['start', '--config', 'tandem.toml', '--script', 'top.ts', '--data', join(folder, 'data')];
  const flags = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, '../cli/main.ts')];
  const child = spawn(process.execPath, [...flags, ...words], { cwd: folder });
  const said = await new Promise<string>((resolve) => child.stderr.setEncoding('utf8').on('data', resolve));
  child.kill('SIGKILL');

  assert.match(said, /startup.*top\.ts.*the script does not come back/);
});
