/**
 * What `npm test` does: first the checks, a line each, then the tests of node:test, whose closing lines come
 * last. The checks' verdicts are handed to `tools/checks.test.ts`, so those lines count them too.
 *
 *   npm test                            everything
 *   npm test -- src/sip/uri.test.ts     these tests only, no checks
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { breaches, readFloorPlan } from './floorplan.ts';
import { ROOT } from './source-files.ts';
import { untidy } from './tidy.ts';

/** The environment variable that names the checks that failed, with commas between. */
const FAILED = 'TANDEM_CHECKS_FAILED';

const OVERDUE = join(import.meta.dirname, 'overdue.ts');

const TESTS = ['src', 'bin', 'tools', 'examples', 'testing', 'bench'].map(
  (folder) => `${folder}/**/*.test.ts`,
);

interface Outcome {
  readonly passed: boolean;
  readonly output: string;
}

const tool = (path: string): string => join('node_modules', path);

const CHECKS: Readonly<Record<string, () => Promise<Outcome>>> = {
  types: () => runNode([tool('typescript/bin/tsc'), '-p', 'tsconfig.json']),
  lint: () => runNode([tool('oxlint/bin/oxlint'), '--type-aware', '--deny-warnings']),
  format: () => runNode([tool('oxfmt/bin/oxfmt'), '--check']),
  tidy: async () => {
    const complaints = [...breaches(readFloorPlan()), ...untidy()];
    return { passed: complaints.length === 0, output: complaints.join('\n') };
  },
};

const files = process.argv.slice(2);
process.exitCode = await (files.length > 0 ? runTests(files, undefined) : runAll());

async function runAll(): Promise<number> {
  const failed: string[] = [];
  for (const [name, check] of Object.entries(CHECKS)) {
    const startedAt = performance.now();
    const { passed, output } = await check();
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(`${passed ? '✔' : '✖'} ${name.padEnd(8)} ${seconds} s`);
    if (passed) continue;
    failed.push(name);
    console.log(output.trimEnd());
  }
  return runTests(TESTS, failed);
}

function runTests(patterns: readonly string[], failed: readonly string[] | undefined): Promise<number> {
  const flags = ['--test', `--test-concurrency=${availableParallelism()}`, '--test-timeout=300000'];
  const env = failed === undefined ? process.env : { ...process.env, [FAILED]: failed.join(',') };
  return new Promise((resolve, reject) => {
    const args = [...process.execArgv, ...flags, `--import=${OVERDUE}`, ...patterns];
    const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: 'inherit' });
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
    child.on('error', reject);
    child.on('exit', (status) => resolve(status ?? 1));
  });
}

function runNode(args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk: Buffer): void => void (output += chunk.toString());
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (status) => resolve({ passed: status === 0, output }));
  });
}
