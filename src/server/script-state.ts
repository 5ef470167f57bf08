/** State at module level: a reload begins with nothing of it, and tests share it. */
import type { Found } from './script-form-rules.ts';
import type { ScriptNames } from './script-names.ts';

const STATE = 'keep it inside script(…), or in a service: a reload begins with nothing';
const COLLECTIONS = new Set(['Map', 'Set', 'WeakMap', 'WeakSet', 'Array']);
const CHANGING = new Set('push pop shift unshift splice set add delete clear fill copyWithin'.split(' '));
const ASSIGNMENT = /^(?:\+\+|--|(?:[-+*/%&|^]|\*\*|<<|>>>?|&&|\|\||\?\?)?=(?!=))/;
const SIGNS_MAX = 4;

/** `let` and `var` at the top level, and collections that begin empty, because somebody fills them. */
export function stateAt(names: ScriptNames, at: number): Found {
  const { kind, text, depth } = names.tokens[at]!;
  if (kind !== 'word' || depth > 0) return undefined;
  if (text === 'let' || text === 'var') return { message: `state at module level: ${text}`, hint: STATE };
  if (text === 'const' && beginsEmpty(names, at)) {
    return { message: `state at module level: ${names.text(at + 1)} begins empty`, hint: STATE };
  }
  if (text !== 'new' || !COLLECTIONS.has(names.text(at + 1))) return undefined;
  if (names.text(at + 2) === '(' && !isNothing(names, at + 3)) return undefined;
  return { message: `state at module level: an empty ${names.text(at + 1)}`, hint: STATE };
}

/** `)` or `[])` */
function isNothing(names: ScriptNames, at: number): boolean {
  const written = [0, 1, 2].map((ahead) => names.text(at + ahead));
  return written[0] === ')' || written.join('') === '[])';
}

/** `const seen = [];`, and not `const seen = [].concat(…)`. */
function beginsEmpty(names: ScriptNames, at: number): boolean {
  const [assigned, open, close, after] = [2, 3, 4, 5].map((ahead) => names.text(at + ahead));
  const isEmpty = (open === '[' && close === ']') || (open === '{' && close === '}');
  return assigned === '=' && isEmpty && !['.', '?.', '['].includes(after ?? '');
}

/** Tables, objects and classes of the top level that are changed later: by the tokens that name them. */
export function changesAt(names: ScriptNames): ReadonlyMap<number, Found> {
  const found = new Map<number, Found>();
  names.tokens.forEach(({ depth, text, line }, at) => {
    if (depth === 0 || !names.isName(at)) return;
    const meaning = names.meaning(at);
    if (meaning === undefined || names.tokens[meaning.at]!.depth > 0 || found.has(meaning.at)) return;
    if (meaning.kind !== 'const' && meaning.kind !== 'class') return;
    if (isToldAlready(names, meaning.at) || !isChanged(names, at)) return;
    found.set(meaning.at, {
      message: `state at module level: ${text} is changed in line ${line}`,
      hint: STATE,
    });
  });
  return found;
}

/** What begins empty is told as that: `const seen = new Map()`. */
function isToldAlready(names: ScriptNames, at: number): boolean {
  return stateAt(names, at - 1) !== undefined || stateAt(names, at + 2) !== undefined;
}

/** `o.n++`, `delete o[k]`, `o.list.push(…)` */
export function isChanged(names: ScriptNames, at: number): boolean {
  let end = at + 1;
  let last = '';
  for (;;) {
    const text = names.text(end);
    if (text === '.' || text === '?.') {
      last = names.text(end + 1);
      end += 2;
    } else if (text === '[') {
      last = '';
      end = names.closer(end) + 1;
    } else break;
  }
  if (end === at + 1) return false;
  if (names.text(end) === '(') return CHANGING.has(last);
  const before = signsUpTo(names, at - 1);
  return (
    ASSIGNMENT.test(signsFrom(names, end)) || /(?:\+\+|--)$/.test(before) || names.text(at - 1) === 'delete'
  );
}

/** Signs that stand without a space between them. */
function signsFrom(names: ScriptNames, at: number): string {
  const { tokens } = names;
  let signs = '';
  for (let next = at; next < at + SIGNS_MAX; next++) {
    const token = tokens[next];
    const touches = next === at || token?.column === (tokens[next - 1]?.column ?? 0) + 1;
    if (token?.kind !== 'sign' || !touches) break;
    signs += token.text;
  }
  return signs;
}

/** The two signs right before a name. */
function signsUpTo(names: ScriptNames, at: number): string {
  const { tokens } = names;
  const [first, second, name] = [tokens[at - 1], tokens[at], tokens[at + 1]];
  const touches = second?.column === (first?.column ?? 0) + 1 && name?.column === second.column + 1;
  return touches ? `${first?.text}${second.text}` : '';
}
