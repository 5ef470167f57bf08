/**
 * What a script may not contain, whatever its types say: it runs on the thread that owns every call, is loaded anew at
 * each change, and is tested with fakes. So it keeps no state, waits for no clock and reaches no socket by itself.
 */
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Token, tokensOf } from './script-tokens.ts';

/** One thing that is wrong with a script. */
export interface ScriptProblem {
  readonly file: string;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly message: string;
  /** The next step. */
  readonly hint: string;
}

/** What was found in a script's files. */
export interface ScriptForms {
  /** Whether every file is there and can run as it stands. */
  readonly parses: boolean;
  readonly problems: readonly ScriptProblem[];
}

/** Files of one script; what it imports beyond them is not looked at. */
export const SCRIPT_FILES_MAX = 1_000;

const OURS = fileURLToPath(new URL('..', import.meta.url));
const SERVICES = 'use what script(…) is given; docs/routing.md, Services';
const STATE = 'keep it inside script(…), or in a service: a reload begins with nothing';
const TIMERS = 'use app.timer(…) or app.startup(…)';
const CLOCK = 'use clock.wall(): in a test, and in tandem sim, it is another time';
const LOG = 'use log, of what script(…) is given';

/** A global, and what to use in its place. */
const FORBIDDEN_GLOBALS: ReadonlyMap<string, string> = new Map([
  ...['setTimeout', 'setInterval', 'setImmediate'].map((name) => [name, TIMERS] as const),
  ...['fetch', 'WebSocket', 'EventSource', 'XMLHttpRequest'].map((name) => [name, SERVICES] as const),
  ['console', LOG],
  ...['process', 'require', 'eval'].map((name) => [name, SERVICES] as const),
]);
/** Modules of Node that only compute. */
const HARMLESS_MODULES = new Set(
  'assert assert/strict buffer crypto path path/posix punycode querystring string_decoder test url util'.split(
    ' ',
  ),
);
const COLLECTIONS = new Set(['Map', 'Set', 'WeakMap', 'WeakSet', 'Array']);
const DECLARING = new Set(['const', 'let', 'var', 'function', 'class']);

/** Looks at a script and everything it imports from its own folders. */
export function checkForms(file: string): ScriptForms {
  const problems: ScriptProblem[] = [];
  let parses = true;
  const imports: Import[] = [{ path: resolve(file), from: undefined }];
  for (const { path, from } of imports) {
    const read = readModule(path, from);
    if ('message' in read) {
      parses = false;
      problems.push(read);
      continue;
    }
    problems.push(...problemsIn(path, read.tokens));
    for (const found of importedFiles(path, read.tokens)) {
      const isKnown = imports.some((known) => known.path === found.path);
      if (!isKnown && imports.length < SCRIPT_FILES_MAX) imports.push(found);
    }
  }
  return { parses, problems };
}

/** A file of the script, and where it is imported first. */
interface Import {
  readonly path: string;
  readonly from: { readonly file: string; readonly token: Token } | undefined;
}

function readModule(
  file: string,
  from: Import['from'],
): { readonly tokens: readonly Token[] } | ScriptProblem {
  try {
    return { tokens: tokensOf(stripTypeScriptTypes(readFileSync(file, 'utf8'), { mode: 'strip' })) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const code = 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return missing(file, from);
    const erasable = code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX';
    const hint = erasable
      ? 'scripts run as they stand: write it in JavaScript, with types beside it'
      : 'mend the syntax';
    return { file, ...markedPlace(error.stack ?? ''), message: error.message, hint };
  }
}

function missing(file: string, from: Import['from']): ScriptProblem {
  if (from === undefined)
    return { file, message: 'there is no such file', hint: 'name a script that is there' };
  const { line, column, text } = from.token;
  const hint = /\.[mc]?[jt]s$/.test(text) ? 'mend the path' : 'relative imports end in .ts';
  return { file: from.file, line, column, message: `there is no file ${text}`, hint };
}

/** Node puts the line before the message, then some of the source, and carets under the place. */
function markedPlace(stack: string): { line?: number; column?: number } {
  const [, line, marks = ''] = /^[^\n]*:(\d+)\n(?:[^\n]*\n)*?( *)\^/.exec(stack) ?? [];
  return line === undefined ? {} : { line: Number(line), column: marks.length + 1 };
}

function problemsIn(file: string, tokens: readonly Token[]): ScriptProblem[] {
  const declared = declaredNames(tokens);
  return tokens.flatMap((token, i) => {
    const found =
      stateAt(tokens, i) ??
      timeAt(tokens, i) ??
      (declared.has(token.text) ? undefined : globalAt(tokens, i)) ??
      moduleAt(tokens, i);
    return found === undefined ? [] : [{ file, line: token.line, column: token.column, ...found }];
  });
}

type Found = Pick<ScriptProblem, 'message' | 'hint'> | undefined;

/** `let` and `var` at the top level, and collections that begin empty, because somebody fills them. */
function stateAt(tokens: readonly Token[], i: number): Found {
  const { kind, text, depth } = tokens[i]!;
  if (kind !== 'word' || depth > 0) return undefined;
  if (text === 'let' || text === 'var') return { message: `state at module level: ${text}`, hint: STATE };
  if (text === 'const' && beginsEmpty(tokens, i)) {
    return { message: `state at module level: ${tokens[i + 1]?.text} begins empty`, hint: STATE };
  }
  if (text !== 'new' || !COLLECTIONS.has(tokens[i + 1]?.text ?? '')) return undefined;
  if (tokens[i + 2]?.text === '(' && tokens[i + 3]?.text !== ')') return undefined;
  return { message: `state at module level: an empty ${tokens[i + 1]?.text}`, hint: STATE };
}

/** `const seen = [];`, and not `const seen = [].concat(…)`. */
function beginsEmpty(tokens: readonly Token[], i: number): boolean {
  const [assigned, open, close, after] = [2, 3, 4, 5].map((ahead) => tokens[i + ahead]?.text ?? '');
  const isEmpty = (open === '[' && close === ']') || (open === '{' && close === '}');
  return assigned === '=' && isEmpty && !['.', '?.', '['].includes(after ?? '');
}

/** The time as it is, instead of that of the clock that everybody else goes by. */
function timeAt(tokens: readonly Token[], i: number): Found {
  if (tokens[i]?.kind !== 'word' || tokens[i]?.text !== 'Date') return undefined;
  const [before, after, next] = [-1, 1, 2].map((ahead) => tokens[i + ahead]?.text);
  const isRead = (after === '.' && next === 'now') || (before === 'new' && !(after === '(' && next !== ')'));
  return isRead ? { message: 'the real time in a script', hint: CLOCK } : undefined;
}

function globalAt(tokens: readonly Token[], i: number): Found {
  const { kind, text } = tokens[i]!;
  const hint = kind === 'word' ? FORBIDDEN_GLOBALS.get(text) : undefined;
  if (hint === undefined) return undefined;
  const before = tokens[i - 1]?.text;
  const isMember = (before === '.' || before === '?.') && tokens[i - 2]?.text !== 'globalThis';
  const isKey = tokens[i + 1]?.text === ':' && (before === '{' || before === ',');
  return isMember || isKey ? undefined : { message: `${text} in a script`, hint };
}

function moduleAt(tokens: readonly Token[], i: number): Found {
  if (!isImported(tokens, i)) return undefined;
  const { text } = tokens[i]!;
  const name = text.replace(/^node:/, '');
  if (HARMLESS_MODULES.has(name)) return undefined;
  if (!text.startsWith('node:') && !isBuiltinName(name)) return undefined;
  return { message: `import of ${text} in a script`, hint: SERVICES };
}

const BUILTINS = new Set(
  (
    'child_process cluster dgram dns fs fs/promises http http2 https inspector module net os ' +
    'readline timers timers/promises tls vm worker_threads'
  ).split(' '),
);

function isBuiltinName(name: string): boolean {
  return BUILTINS.has(name);
}

/** Names that the module gives itself: a global of the same name is not meant then. */
function declaredNames(tokens: readonly Token[]): ReadonlySet<string> {
  const names = tokens.flatMap((token, i) => {
    if (token.kind !== 'word' || !FORBIDDEN_GLOBALS.has(token.text)) return [];
    const before = tokens[i - 1]?.text ?? '';
    const after = tokens[i + 1]?.text ?? '';
    const inPattern = (before === '{' || before === ',') && (after === '}' || after === ',');
    return DECLARING.has(before) || inPattern ? [token.text] : [];
  });
  return new Set(names);
}

function isImported(tokens: readonly Token[], i: number): boolean {
  if (tokens[i]?.kind !== 'string') return false;
  const before = tokens[i - 1]?.text;
  if (before === 'from' || before === 'import') return true;
  return before === '(' && tokens[i - 2]?.text === 'import';
}

function importedFiles(file: string, tokens: readonly Token[]): Import[] {
  return tokens
    .filter((token, i) => isImported(tokens, i) && token.text.startsWith('.'))
    .map((token) => ({ path: resolve(dirname(file), token.text), from: { file, token } }))
    .filter(({ path }) => !path.startsWith(OURS) && !/\.(?:json|node|wasm)$/.test(path));
}
