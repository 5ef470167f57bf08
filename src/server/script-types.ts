/** The types of a script, checked by the compiler in a process of its own: never on the thread that owns the calls. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TandemError } from '../base/errors.ts';
import type { ScriptProblem } from './script-forms.ts';
import { DOORS } from './script-loader.ts';

/** A compiler that takes longer is ended. */
export const TYPES_MS = 60_000;
/** More of its output is not read. */
const OUTPUT_CHARACTERS_MAX = 1 << 20;

const OURS = fileURLToPath(new URL('..', import.meta.url));
const COMPLAINT = /^(.+?)\((\d+),(\d+)\): error (TS\d+): (.*)$/;
const DECISION_HINT = 'return a decision on every path: c.reply(…), c.relay(…)';
const ANY_HINT = 'docs/routing.md shows what each route gets and may answer';
/** What a complaint looks like, and what to do about it: the first that fits counts. */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [/^TS2307 /, 'mend the path; relative imports end in .ts'],
  [
    /Promise<(?:Pass|Drop).*'(?:Branch|Reply)Route</,
    'branch and reply routes may not wait: ask before the relay, in the request route',
  ],
  [/'(?:.*=> )?Promise<Router</, 'script(…) may not wait: wait in app.startup(…), or above script(…)'],
  [/=> (?:void|undefined)'.*=> Router</, 'end the script with: return app'],
  [/^TS\d+ (?:Property .* on type|Type|Argument of type) 'Promise</, 'await it: the answer comes later'],
  [/^TS2339 .* on type '\{/, 'look at docs/routing.md: what a middleware learned is there only behind it'],
  [
    /^TS2554 Expected 1-4 arguments/,
    'three middlewares at most before a route: let one do what two did, or use app.use(…)',
  ],
  [/^TS2366 /, DECISION_HINT],
  [/=> .*\b(?:void|undefined)\b/, DECISION_HINT],
];

/** Where the compiler is; undefined where `typescript` is not installed. */
export function findCompiler(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve('typescript/package.json');
    return join(manifest, '..', 'bin', 'tsc');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** What the compiler says of a script and its own files; what it says of ours is no matter of the script's. */
export async function typeProblems(compiler: string, file: string): Promise<ScriptProblem[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-types-'));
  try {
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project(resolve(file))));
    const said = await run(compiler, folder);
    return complaintsIn(said, folder).filter(
      (problem) => !problem.file.startsWith(OURS) && !isUntyped(problem),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** JavaScript says nothing of its types: what nobody wrote is no mistake there. */
function isUntyped({ file, message }: ScriptProblem): boolean {
  return /\.[mc]?js$/.test(file) && /^TS70\d\d /.test(message);
}

function project(file: string): object {
  const paths = Object.entries(DOORS).map(([name, url]) => [name, [fileURLToPath(url)]]);
  return {
    compilerOptions: {
      target: 'es2024',
      lib: ['es2024', 'esnext'],
      module: 'esnext',
      moduleResolution: 'bundler',
      types: ['node'],
      typeRoots: [join(OURS, '../node_modules/@types')],
      paths: Object.fromEntries(paths) as object,
      noEmit: true,
      strict: true,
      allowImportingTsExtensions: true,
      allowJs: true,
      checkJs: true,
      erasableSyntaxOnly: true,
      verbatimModuleSyntax: true,
      skipLibCheck: true,
    },
    files: [file, join(OURS, 'base/latin1.d.ts')],
  };
}

function run(compiler: string, folder: string): Promise<string> {
  return new Promise((done, fail) => {
    const words = [compiler, '-p', folder, '--pretty', 'false'];
    const child = spawn(process.execPath, words, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TYPES_MS,
    });
    let said = '';
    const hear = (text: string): void => {
      if (said.length < OUTPUT_CHARACTERS_MAX) said += text;
    };
    child.stdout.setEncoding('utf8').on('data', hear);
    child.stderr.setEncoding('utf8').on('data', hear);
    child.on('error', fail);
    child.on('close', (code, signal) => {
      if (signal === null && (code === 0 || COMPLAINT.test(said.split('\n')[0] ?? ''))) done(said);
      else fail(new TandemError('SCRIPT_INVALID', `the compiler failed (${signal ?? code}): ${said.trim()}`));
    });
  });
}

/** One problem a complaint; the indented lines below it belong to it. */
function complaintsIn(said: string, folder: string): ScriptProblem[] {
  const problems: (ScriptProblem & { message: string })[] = [];
  for (const line of said.split('\n')) {
    const [, file, row, column, code = '', message = ''] = COMPLAINT.exec(line) ?? [];
    if (file !== undefined) {
      problems.push({
        file: resolve(folder, file),
        line: Number(row),
        column: Number(column),
        message: `${code} ${message}`,
        hint: hintFor(`${code} ${message}`),
      });
    } else if (line.startsWith('  ')) {
      const last = problems.at(-1);
      if (last !== undefined) last.message += `\n${line}`;
    }
  }
  return problems;
}

function hintFor(complaint: string): string {
  return HINTS.find(([pattern]) => pattern.test(complaint))?.[1] ?? ANY_HINT;
}
