/**
 * What a script may not contain, whatever its types say: it runs on the thread that owns every call, is loaded anew at
 * each change, and is tested with fakes. So it keeps no state, waits for no clock and reaches no socket by itself.
 */
import { readFileSync, realpathSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ScriptSources, sourceHash } from './script-loader.ts';
import { formsIn, isImported } from './script-form-rules.ts';
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
  /** What was looked at: who loads the script afterwards asks for the same. */
  readonly sources: ScriptSources;
}

/** Files of one script; what it imports beyond them is not looked at. */
export const SCRIPT_FILES_MAX = 1_000;

/** What is imported beside, such as JSON, holds nothing that could be wrong. */
const BESIDE = /\.(?:json|node|wasm)$/;
const OURS = fileURLToPath(new URL('..', import.meta.url));
/** Looks at a script and everything it imports from its own folders. */
export function checkForms(file: string): ScriptForms {
  const problems: ScriptProblem[] = [];
  const sources = new Map<string, string>();
  let parses = true;
  const imports: Import[] = [{ path: resolve(file), from: undefined }];
  for (const { path, from } of imports) {
    const read = readModule(path, from, sources);
    if (read === undefined) continue;
    if ('message' in read) {
      parses = false;
      problems.push(read);
      continue;
    }
    const found = [...read.unchecked, ...formsIn(read.tokens)];
    problems.push(...found.map((problem) => ({ file: path, ...problem })));
    for (const other of importedFiles(path, read.tokens)) {
      const isKnown = imports.some((known) => known.path === other.path);
      if (!isKnown && imports.length < SCRIPT_FILES_MAX) imports.push(other);
    }
  }
  return { parses, problems, sources };
}

/** A file of the script, and where it is imported first. */
interface Import {
  readonly path: string;
  readonly from: { readonly file: string; readonly token: Token } | undefined;
}

interface ReadModule {
  readonly tokens: readonly Token[];
  readonly unchecked: Omit<ScriptProblem, 'file'>[];
}

function readModule(
  file: string,
  from: Import['from'],
  sources: Map<string, string>,
): ReadModule | ScriptProblem | undefined {
  try {
    const source = readFileSync(file);
    sources.set(realpathSync(file), sourceHash(source));
    if (BESIDE.test(file)) return undefined;
    const text = source.toString();
    return { tokens: tokensOf(stripTypeScriptTypes(text, { mode: 'strip' })), unchecked: uncheckedIn(text) };
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

/** The comment that turns types off, before any code. */
const UNCHECKED = /^(?:\s|\/\*[^]*?\*\/|\/\/(?!\s*@ts-nocheck).*\n)*\/\/\s*@ts-nocheck/;

function uncheckedIn(text: string): Omit<ScriptProblem, 'file'>[] {
  const [before] = UNCHECKED.exec(text) ?? [];
  if (before === undefined) return [];
  const hint = 'a decision that is missing would not be found: mend the types, or @ts-expect-error one line';
  return [{ line: before.split('\n').length, column: 1, message: '@ts-nocheck in a script', hint }];
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

function importedFiles(file: string, tokens: readonly Token[]): Import[] {
  return tokens
    .filter((token, i) => isImported(tokens, i) && token.text.startsWith('.'))
    .map((token) => ({ path: resolve(dirname(file), token.text), from: { file, token } }))
    .filter(({ path }) => !path.startsWith(OURS));
}
