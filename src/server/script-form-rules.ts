/** The forms that no module of a script may have: each rule looks at one place of it. */
import { builtinModules } from 'node:module';
import { decisionAt } from './script-decisions.ts';
import type { ScriptProblem } from './script-forms.ts';
import { ScriptNames } from './script-names.ts';
import { changesAt, isChanged, stateAt } from './script-state.ts';
import type { Token } from './script-tokens.ts';

/** What is wrong at a place; undefined where nothing is. */
export type Found = Pick<ScriptProblem, 'message' | 'hint'> | undefined;

const SERVICES = 'use what script(…) is given; docs/routing.md, Services';
const TIMERS = 'use app.timer(…) or app.startup(…)';
const CLOCK = 'use clock.wall(): in a test, and in tandem sim, it is another time';
const LOG = 'use log, of what script(…) is given';
const CHANCE =
  'derive it from the call, such as from c.callId, or let a pool choose: a test has to see the same';
const WRITTEN = 'write out what is run, and what is imported: only then can it be checked';
const STANDS = 'every call stands still meanwhile: end it, or wait for a service';

/** A global, and what to use in its place. */
const FORBIDDEN_GLOBALS: ReadonlyMap<string, string> = new Map([
  ...['setTimeout', 'setInterval', 'setImmediate'].map((name) => [name, TIMERS] as const),
  ...['fetch', 'WebSocket', 'EventSource', 'XMLHttpRequest'].map((name) => [name, SERVICES] as const),
  ['console', LOG],
  ...['process', 'require'].map((name) => [name, SERVICES] as const),
  ['eval', WRITTEN],
]);
/** Modules of Node that only compute. */
const HARMLESS_MODULES = new Set(
  'assert assert/strict buffer crypto path path/posix punycode querystring string_decoder test url util'.split(
    ' ',
  ),
);
const BUILTINS: ReadonlySet<string> = new Set(builtinModules);

const EVERYBODYS = 'it is the whole exchange’s, and outlives the script: write a function';
/** What the language and Node bring: classes and tables of functions. */
const BUILT_IN: ReadonlySet<string> = new Set(
  Object.getOwnPropertyNames(globalThis).filter((name) => /^[A-Z]/.test(name)),
);
/** Of Object and Reflect: they change what they are given first. */
const CHANGERS = new Set(['assign', 'defineProperty', 'defineProperties', 'setPrototypeOf', 'set']);

const RULES = [timeAt, globalAt, builtInAt, moduleAt, loopAt, decisionAt] as const;

/** Everything that is wrong with a module, in its order. */
export function formsIn(tokens: readonly Token[]): Omit<ScriptProblem, 'file'>[] {
  const names = new ScriptNames(tokens);
  const changes = changesAt(names);
  return tokens.flatMap(({ line, column }, at) => {
    let found: Found = stateAt(names, at) ?? changes.get(at);
    for (const rule of RULES) found ??= rule(names, at);
    return found === undefined ? [] : [{ line, column, ...found }];
  });
}

/** Whether a text names a module. */
export function isImported(tokens: readonly Token[], at: number): boolean {
  if (tokens[at]?.kind !== 'string') return false;
  const before = tokens[at - 1]?.text;
  if (before === 'from' || before === 'import') return true;
  return before === '(' && tokens[at - 2]?.text === 'import';
}

/** The time as it is, instead of that of the clock that everybody else goes by. */
function timeAt(names: ScriptNames, at: number): Found {
  if (!names.isName(at) || names.meaning(at) !== undefined) return undefined;
  const isRead = (names.text(at) === 'Date' && readsDate(names, at)) || names.text(at) === 'performance';
  return isRead ? { message: 'the real time in a script', hint: CLOCK } : undefined;
}

/** `Date.UTC(…)`, `new Date(ms)` and `x instanceof Date` compute; `new Date()`, `Date()` and an alias do not. */
function readsDate(names: ScriptNames, at: number): boolean {
  const before = names.isGlobalObject(at - 2) ? names.text(at - 3) : names.text(at - 1);
  if (before === 'instanceof') return false;
  if (names.text(at + 1) === '.') return names.text(at + 2) === 'now';
  return before !== 'new' || names.text(at + 1) !== '(' || names.text(at + 2) === ')';
}

function globalAt(names: ScriptNames, at: number): Found {
  if (!names.isName(at) || names.meaning(at) !== undefined) return undefined;
  const text = names.text(at);
  const [after, member] = [names.text(at + 1), names.text(at + 2)];
  const inScript = (what: string, hint: string): Found => ({ message: `${what} in a script`, hint });
  const hint = FORBIDDEN_GLOBALS.get(text);
  if (hint !== undefined) return inScript(text, hint);
  if (names.isGlobalObject(at) && after !== '.' && after !== '?.') return inScript(text, SERVICES);
  if (text === 'Function' && after === '(') return inScript(text, WRITTEN);
  if (names.isGlobalObject(at) && !BUILT_IN.has(member) && isChanged(names, at))
    return inScript(`${text}.${member} =`, SERVICES);
  if (text === 'Math' && member === 'random') return inScript('Math.random', CHANCE);
  if (text === 'Atomics' && member === 'wait') return inScript('Atomics.wait', STANDS);
  return undefined;
}

/** `String.prototype.trim = …`, `Object.assign(Math, …)`, and `f.constructor('…')`: Function by another name. */
function builtInAt(names: ScriptNames, at: number): Found {
  const text = names.text(at);
  if (text === 'constructor' && names.isMember(at) && names.text(at + 1) === '(')
    return { message: 'a call of constructor in a script', hint: WRITTEN };
  const isGiven = names.text(at - 1) === '(' && CHANGERS.has(names.text(at - 2)) && isOfObject(names, at - 4);
  if (!isBuiltIn(names, at) || !(isGiven || isChanged(names, at))) return undefined;
  return { message: `${text} is changed in a script`, hint: EVERYBODYS };
}

function isBuiltIn(names: ScriptNames, at: number): boolean {
  return BUILT_IN.has(names.text(at)) && names.isName(at) && names.meaning(at) === undefined;
}

function isOfObject(names: ScriptNames, at: number): boolean {
  return ['Object', 'Reflect'].includes(names.text(at)) && names.text(at + 1) === '.';
}

function moduleAt(names: ScriptNames, at: number): Found {
  const { tokens } = names;
  if (names.text(at) === 'import' && names.text(at + 1) === '(' && !names.isMember(at)) {
    const isWritten = tokens[at + 2]?.kind === 'string' && [')', ','].includes(names.text(at + 3));
    return isWritten ? undefined : { message: 'import of what is not written out', hint: WRITTEN };
  }
  if (!isImported(tokens, at)) return undefined;
  const { text } = tokens[at]!;
  const name = text.replace(/^node:/, '');
  if (HARMLESS_MODULES.has(name)) return undefined;
  if (!text.startsWith('node:') && !BUILTINS.has(name)) return undefined;
  return { message: `import of ${text} in a script`, hint: SERVICES };
}

const WAYS_OUT = new Set(['break', 'return', 'throw', 'await', 'yield']);

/** `while (true)` and `for (;;)` with no way out of them. */
function loopAt(names: ScriptNames, at: number): Found {
  const word = names.text(at);
  const isLoop = (word === 'while' || word === 'for') && names.text(at + 1) === '(' && !names.isMember(at);
  if (!isLoop) return undefined;
  const end = names.closer(at + 1);
  const head = names.tokens.slice(at + 2, end).map(({ text }) => text);
  const isEndless = word === 'for' ? head.join(' ').includes('; ;') : /^(?:true|1)$/.test(head.join(' '));
  if (!isEndless) return undefined;
  const [from, to] = isDoWhile(names, at) ? [names.openerOf(at - 1), at] : bodyAfter(names, end);
  const leaves = names.tokens.slice(from, to).some(({ kind, text }) => kind === 'word' && WAYS_OUT.has(text));
  return leaves ? undefined : { message: 'a loop without an end in a script', hint: STANDS };
}

function isDoWhile(names: ScriptNames, at: number): boolean {
  if (names.text(at - 1) !== '}') return false;
  const opener = names.openerOf(at - 1);
  return names.text(opener - 1) === 'do';
}

function bodyAfter(names: ScriptNames, end: number): readonly [from: number, to: number] {
  if (names.text(end + 1) === '{') return [end + 1, names.closer(end + 1)];
  const depth = names.tokens[end]?.depth ?? 0;
  let to = end + 1;
  while (to < names.tokens.length && (names.text(to) !== ';' || names.tokens[to]!.depth > depth)) to++;
  return [end + 1, to];
}
