/** What a script gives to a decision is looked at where it says so: a mistake is told with its line. */
import { inspect } from 'node:util';
import { checkNames, checkWait, checkWord, refused } from '../base/options.ts';
import type { Plan, Target } from '../proxy/plan.ts';
import { checkAnswerLength, reasonBytes } from '../sip/answer-limits.ts';
import { checkPrintable, checkUriText } from '../sip/checked-uri.ts';
import { checkedName, checkedValue } from '../sip/headers.ts';
import { PORT_MAX } from '../sip/host.ts';
import type { SipRequest } from '../sip/message.ts';
import type { Uri } from '../sip/uri.ts';
import { contactLine } from './contact-line.ts';
import type { RelayOptions } from './decision.ts';

/** A decision ends the request: a 1xx would leave its sender waiting for good. */
export function checkedStatus(status: number, from: number): number {
  if (Number.isInteger(status) && status >= from && status <= 699) return status;
  const hint = status >= 100 && status < 200 ? '; c.progress() sends a 1xx' : '';
  throw new RangeError(`a status from ${from} to 699 expected, not ${status}${hint}`);
}

/** Of what is said before the answer. */
export function checkedProgress(status: number, reason: string | undefined): number {
  checkReason(reason);
  if (Number.isInteger(status) && status >= 100 && status < 200) return status;
  throw new RangeError(`a status from 100 to 199 expected, not ${status}; c.reply() answers`);
}

/** More than any caller tries, and no longer than an answer may be. */
export const CONTACTS_MAX = 100;

/** Where a redirection leads. */
export function checkContacts(request: SipRequest, to: readonly (Uri | Target)[]): void {
  if (to.length > CONTACTS_MAX) throw refused('c.redirect', `${CONTACTS_MAX} contacts at most`, to.length);
  to.forEach(checkContact);
  checkAnswerLength(request, { headers: [contactLine(to)] });
}

function checkContact(contact: Uri | Target): void {
  const isTarget = typeof contact === 'object' && contact !== null && 'uri' in contact;
  if (isTarget) {
    checkPlace('where c.redirect leads', contact);
    checkedQ(contact.q ?? 1);
  } else checkPrintable('where c.redirect leads', contact);
}

/** The text is what leaves, where there is one, and the URI what is resolved. */
function checkPlace(what: string, { uri, uriText }: Target): void {
  checkPrintable(what, uri);
  if (uriText !== undefined) checkUriText(what, uriText);
}

/** How much a contact is preferred. RFC 3261 §20.10 */
function checkedQ(q: number): number {
  if (q >= 0 && q <= 1) return q;
  throw new RangeError(`a q from 0 to 1 expected, not ${q}`);
}

/** What an answer says beside its status must not begin a line of its own, and fit in a datagram. */
export function checkedAnswer(
  request: SipRequest,
  reason: string | undefined,
  headers: Readonly<Record<string, string>> | undefined,
  body: string | undefined,
): [string, string][] | undefined {
  if (reason === undefined && headers === undefined && body === undefined) return undefined;
  checkReason(reason);
  const lines = headers && Object.entries(headers);
  for (const [name, value] of lines ?? []) checkedValue(checkedName(name), value);
  checkAnswerLength(request, { reason, headers: lines, body });
  return lines;
}

/** The same of an answer that says no more than its reason. */
export function checkReason(reason: string | undefined): void {
  if (reason === undefined) return;
  reasonBytes(reason);
  checkedValue('the reason', reason);
}

// ─── how to relay ────────────────────────────────────────────────────────────────────────────────

/** What kinds of values they have. */
const RELAY_KINDS: Readonly<Record<keyof RelayOptions<never>, readonly string[]>> = {
  replyMs: ['number'],
  ringMs: ['number'],
  recordRoute: ['boolean'],
  path: ['boolean', 'string'],
  advanceOn: ['function'],
  recurse: ['boolean', 'number'],
  mayRecurse: ['function'],
  cleanReply: ['function'],
  onBranch: ['function'],
  onReply: ['function'],
  onFailure: ['function'],
};
const RELAY_OPTIONS: ReadonlyMap<string, readonly string[]> = new Map(Object.entries(RELAY_KINDS));
const RELAY_NAMES = Object.keys(RELAY_KINDS);
const WHAT = 'options of c.relay';

/** Where to, and how: what would never end, could not be sent, or is none of the options, is refused. */
export function checkRelay(plan: Plan, options: RelayOptions<never>): void {
  if (typeof options !== 'object' || options === null) checkNames(WHAT, options, RELAY_NAMES);
  // Every relayed request is looked at, so nothing is made for it.
  for (const name in options) {
    const kinds = RELAY_OPTIONS.get(name);
    if (kinds === undefined) throw refused(WHAT, RELAY_NAMES.join(', '), name);
    const value = options[name as keyof RelayOptions<never>];
    if (value !== undefined && !kinds.includes(typeof value))
      throw refused(`${name} of c.relay`, `a ${kinds.join(' or a ')}`, value);
  }
  const { replyMs, ringMs, path, recurse } = options;
  if (typeof path === 'string') checkWord('path of c.relay', path, ['require']);
  checkWait('replyMs', replyMs);
  checkWait('ringMs', ringMs);
  if (typeof recurse === 'number' && !(Number.isInteger(recurse) && recurse >= 0))
    throw new RangeError(`recurse: a whole number from 0 expected, not ${recurse}`);
  checkPlan(plan);
}

/** Where something is sent. No URI that came has another port: those are refused before. */
export function checkPort(port: number | undefined): void {
  if (port === undefined || (Number.isInteger(port) && port > 0 && port <= PORT_MAX)) return;
  throw new RangeError(`a port from 1 to ${PORT_MAX} expected, not ${port}`);
}

function checkPlan(plan: Plan): void {
  if (typeof plan !== 'object' || plan === null) throw new TypeError(`a target expected, not ${shown(plan)}`);
  if ('uri' in plan) checkTarget(plan);
  else if ('parallel' in plan) plan.parallel.forEach(checkPlan);
  else if ('serial' in plan) plan.serial.forEach(checkPlan);
  else throw new TypeError(`a target with a uri expected, not ${shown(plan)}`);
}

function checkTarget(target: Target): void {
  const { hop, waitMs, replyMs, ringMs } = target;
  checkPlace('the uri of a target', target);
  if (hop !== undefined) checkPort(hop.port);
  checkWait('waitMs', waitMs, 0);
  checkWait('replyMs', replyMs);
  checkWait('ringMs', ringMs);
}

// ─── what routes return ──────────────────────────────────────────────────────────────────────────

const REQUEST = new Set(['reply', 'relay', 'redirect', 'forward', 'answer', 'serve', 'drop']);
const FAILURE = new Set(['reply', 'relay', 'redirect', 'answer', 'pass']);
const ERROR = new Set(['reply', 'drop']);
const EITHER = new Set(['pass', 'drop']);

/** The compiler sees to that, where it is asked. */
export function checkedDecision<T>(decision: T): T {
  return checked(decision, REQUEST, 'c.reply(…), c.relay(…) or another decision of its context');
}

/** The same of a failure route. */
export function checkedFailure<T>(decision: T): T {
  return checked(decision, FAILURE, 'f.pass(), f.reply(…), f.relay(…) or another decision of its context');
}

/** The same of an error route. */
export function checkedRefusal<T>(decision: T): T {
  return checked(decision, ERROR, 'c.reply(status) or c.drop()');
}

/** The same of a branch, reply or local route, and whether what it was asked about goes on. */
export function goesOn(answer: { readonly do: 'pass' | 'drop' }): boolean {
  return checked(answer, EITHER, 'c.pass() or c.drop(), of a branch b.send() or b.skip()').do === 'pass';
}

/** What `advanceOn` and `mayRecurse` say. */
export function checkedYesOrNo(answer: boolean): boolean {
  if (typeof answer === 'boolean') return answer;
  throw new TypeError(`yes or no is expected here, not ${shown(answer)}`);
}

function checked<T>(decision: T, known: ReadonlySet<unknown>, expected: string): T {
  const does: unknown = (decision as { do?: unknown } | null | undefined)?.do; // Whatever came: scripts run unchecked.
  if (known.has(does)) return decision;
  if (decision === undefined || decision === null)
    throw new TypeError(`the route returned nothing: return ${expected}`);
  throw new TypeError(`what the route returned is no decision here: ${shown(decision)}; return ${expected}`);
}

/** One that is a promise was made by a route that waits where none may. */
function shown(value: unknown): string {
  if (value instanceof Promise) return 'a promise (nothing may be waited for here)';
  return inspect(value, { depth: 1, breakLength: Infinity });
}
