/** Decisions that are made and thrown away: nothing happens until a route returns one. */
import type { Found } from './script-form-rules.ts';
import type { ScriptNames } from './script-names.ts';

const RETURN = 'return it: a decision that is not returned does nothing';
const RETURN_NEXT = 'return what next() answers: it is what the route behind has decided';
const AWAIT = 'await the promise, and return the decision: the route has ended by then';

/** What only contexts have. */
const OWN_VERBS = new Set(['reply', 'relay', 'redirect', 'follow']);
/** What other objects may have as well. */
const VERBS = new Set([...OWN_VERBS, 'forward', 'answer', 'drop', 'pass', 'send', 'skip']);
/** What only a router has: its `reply` takes a route. */
const ROUTER_VERBS = new Set(
  'use invite register message options request inDialog startup event timer local'.split(' '),
);
const WAITING = new Set(['then', 'catch', 'finally']);
const HEADS = new Set(['if', 'while', 'for', 'with']);
/** Words after which a new line continues the expression. */
const CONTINUING = new Set(
  'return typeof case in of new delete void throw await yield instanceof extends default const let var'.split(
    ' ',
  ),
);

/** `c.reply(404);`, `void next();`, and a decision in a `.then` that nobody waits for. */
export function decisionAt(names: ScriptNames, at: number): Found {
  if (!names.isName(at) || names.meaning(at)?.kind !== 'parameter') return undefined;
  if (names.text(at) === 'next' && names.text(at + 1) === '(') {
    const isSecond = names.text((names.meaning(at)?.at ?? 0) - 1) === ',';
    if (!isSecond || !isThrownAway(names, at)) return undefined;
    return { message: 'the decision behind next() is not returned', hint: RETURN_NEXT };
  }
  if (!isDecision(names, at)) return undefined;
  const message = `${names.text(at)}.${names.text(at + 2)}(…) is not returned`;
  if (isThrownAway(names, at)) return { message, hint: RETURN };
  return isInLoosePromise(names, at) ? { message, hint: AWAIT } : undefined;
}

function isDecision(names: ScriptNames, at: number): boolean {
  if (names.text(at + 1) !== '.' || names.text(at + 3) !== '(') return false;
  const verb = names.text(at + 2);
  // A route is given to a router: `app.reply((r) => …)`.
  if (names.text(at + 4) === '(' || names.text(at + 5) === '=>') return false;
  if (!VERBS.has(verb) || isSaidOf(names, at, ROUTER_VERBS)) return false;
  return OWN_VERBS.has(verb) || isSaidOf(names, at, OWN_VERBS);
}

/** Whether somewhere one of these is asked of the same parameter. */
function isSaidOf(names: ScriptNames, at: number, verbs: ReadonlySet<string>): boolean {
  const meaning = names.meaning(at);
  return names.tokens.some(
    ({ text }, other) =>
      text === names.text(at) &&
      names.text(other + 1) === '.' &&
      verbs.has(names.text(other + 2)) &&
      names.text(other + 3) === '(' &&
      names.isName(other) &&
      names.meaning(other) === meaning,
  );
}

function isThrownAway(names: ScriptNames, at: number): boolean {
  let start = at;
  while (names.text(start - 1) === 'await') start--;
  return names.text(start - 1) === 'void' || beginsStatement(names, start);
}

function beginsStatement(names: ScriptNames, at: number): boolean {
  const before = names.tokens[at - 1];
  if (before === undefined) return true;
  const { kind, text } = before;
  if (kind === 'sign' && [';', '{', '}'].includes(text)) return true;
  if (kind === 'word' && (text === 'else' || text === 'do')) return true;
  if (text === ')' && HEADS.has(names.text(names.openerOf(at - 1) - 1))) return true;
  if (text === ':') return isAfterCase(names, at - 1);
  const mayEnd = kind === 'word' ? !CONTINUING.has(text) : kind !== 'sign' || text === ')' || text === ']';
  return mayEnd && text !== '`' && before.line < (names.tokens[at]?.line ?? 0);
}

/** `case 1:` and `default:`, not `a ? b :` or `{ key:`. */
function isAfterCase(names: ScriptNames, colon: number): boolean {
  const depth = names.tokens[colon]!.depth;
  for (let at = colon - 1; at >= 0; at--) {
    if (names.tokens[at]!.depth > depth) continue;
    const text = names.text(at);
    if (text === 'case' || text === 'default') return true;
    if (['?', ';', '{', '}', ','].includes(text)) return false;
  }
  return false;
}

/** In what is given to a `.then` that begins a statement, and outside of which the context was given. */
function isInLoosePromise(names: ScriptNames, at: number): boolean {
  const given = names.meaning(at)?.at ?? 0;
  for (let opener = names.opener(at); opener > given; opener = names.opener(opener)) {
    const isWaiting = WAITING.has(names.text(opener - 1)) && names.isMember(opener - 1);
    if (isWaiting && isThrownAway(names, chainStart(names, opener - 2))) return true;
  }
  return false;
}

/** Where `a.b(c)[d]` begins, from the dot after it. */
function chainStart(names: ScriptNames, dot: number): number {
  for (let at = dot - 1; at >= 0;) {
    const isClosed = [')', ']'].includes(names.text(at));
    const start = isClosed ? names.openerOf(at) : at;
    const before = names.tokens[start - 1];
    const isCall =
      isClosed &&
      (before?.kind === 'word' ? !CONTINUING.has(before.text) : [')', ']'].includes(names.text(start - 1)));
    if (isCall) at = start - 1;
    else if (!isClosed && ['.', '?.'].includes(names.text(start - 1))) at = start - 2;
    else return start;
  }
  return 0;
}
