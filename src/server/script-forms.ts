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

/** A global, and what to use in its place. */
const FORBIDDEN_GLOBALS: ReadonlyMap<string, string> = new Map([
  ...['setTimeout', 'setInterval', 'setImmediate'].map((name) => [name, TIMERS] as const),
  ...['fetch', 'WebSocket', 'EventSource', 'XMLHttpRequest'].map((name) => [name, SERVICES] as const),
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
  const files = [resolve(file)];
  for (const path of files) {
    const read = readModule(path);
    if ('message' in read) {
      parses = false;
      problems.push(read);
      continue;
    }
    problems.push(...problemsIn(path, read.tokens));
    for (const name of importedFiles(path, read.tokens)) {
      if (!files.includes(name) && files.length < SCRIPT_FILES_MAX) files.push(name);
    }
  }
  return { parses, problems };
}

function readModule(file: string): { readonly tokens: readonly Token[] } | ScriptProblem {
  try {
    return { tokens: tokensOf(stripTypeScriptTypes(readFileSync(file, 'utf8'), { mode: 'strip' })) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const code = 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return { file, message: 'there is no such file', hint: 'mend the import' };
    const erasable = code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX';
    const hint = erasable
      ? 'scripts run as they stand: write it in JavaScript, with types beside it'
      : 'mend the syntax';
    return { file, ...markedPlace(error.stack ?? ''), message: error.message, hint };
  }
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
  if (text !== 'new' || !COLLECTIONS.has(tokens[i + 1]?.text ?? '')) return undefined;
  if (tokens[i + 2]?.text === '(' && tokens[i + 3]?.text !== ')') return undefined;
  return { message: `state at module level: an empty ${tokens[i + 1]?.text}`, hint: STATE };
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

function importedFiles(file: string, tokens: readonly Token[]): string[] {
  return tokens
    .filter((token, i) => isImported(tokens, i) && token.text.startsWith('.'))
    .map(({ text }) => resolve(dirname(file), text))
    .filter((path) => !path.startsWith(OURS) && /\.[mc]?[jt]s$/.test(path));
}
