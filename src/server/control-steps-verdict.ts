/**
 * Why a call failed, in one sentence: with which status, on whose side, and at which step. The record says the first
 * two, the steps the third; without them the sentence is shorter.
 */
import { reasonPhrase } from '../sip/words.ts';
import type { CallDocument } from './control-documents.ts';
import type { BranchDocument, RouteDocument, ServiceDocument, StepDocument } from './control-steps.ts';

/** What is asked of a call's record. */
export type FailedCall = Pick<CallDocument, 'state' | 'status' | 'answeredAt' | 'endedBy' | 'setupMs'>;

/** What a phone or a carrier says with a status. */
const MEANINGS: Readonly<Record<number, string>> = {
  401: 'asked for a password',
  403: 'does not allow it',
  404: 'does not know that number',
  407: 'asked for a password',
  408: 'did not answer',
  480: 'is not available',
  484: 'wants more digits',
  486: 'is busy',
  487: 'was told to stop',
  488: 'shares no codec with the caller',
  500: 'failed',
  503: 'is overloaded or out of service',
  600: 'is busy everywhere',
  603: 'declined',
  604: 'does not exist anywhere',
  606: 'shares no codec with the caller',
};

/** What some answers of services mean. */
const SAID: Readonly<Record<string, (inputs: string) => string>> = {
  'location.lookup none': (aor) => `no phone of ${aor} is registered`,
  'domains.isLocal no': (host) => `${host} is not a domain of ours`,
  'pool.pick none': (asked) => `no server of the pool ${asked.split(',', 1).join('')} is up and has room`,
  'numbers.e164 nothing': (dialled) => `${dialled} is no number`,
  'permissions.isIn no': (group) => `the caller’s address is not in ${group}`,
  'subscribers.find nothing': (aor) => `there is no account ${aor}`,
};

/** Decisions that lead to somebody. */
const LEADING = new Set(['relay', 'redirect']);
/** These answer nothing, whatever becomes of the request. */
const TELL_NOTHING = new Set(['preferences.set', 'preferences.remove', 'pool.markDown']);

/** The sentence; undefined for a call that did not fail, or has not yet. `method`: what began it. */
export function whyItFailed(
  call: FailedCall,
  all: readonly StepDocument[],
  method = 'INVITE',
): string | undefined {
  const steps = all.filter((step) => step.kind !== 'route' || step.method === method);
  const { state, answeredAt, endedBy, setupMs } = call;
  const status = call.status ?? 0;
  if (state === 'open' || state === 'answered' || answeredAt !== null || status < 300) return undefined;
  if (endedBy === 'caller') {
    const after = setupMs === null ? '' : ` after ${Math.round(setupMs / 100) / 10} s`;
    return `The caller gave up${after}${waitingFor(steps)}.`;
  }
  const decided = steps.findLast(isDecision);
  if (decided?.decision === 'throws')
    return `The script failed${lineOf(decided)}: ${decided.leads ?? 'no reason'}.`;
  if (decided !== undefined && isReply(decided)) return refusal(decided, steps);
  return branches(status, endedBy, decided, steps);
}

/** `The script answered 480 Temporarily Unavailable at route.ts:14: no phone of sip:bob@example.com is registered.` */
function refusal(decided: RouteDocument, steps: readonly StepDocument[]): string {
  const status = Number(decided.decision.slice('reply '.length));
  const what = `The script answered ${status} ${reasonPhrase(status)}${lineOf(decided)}`;
  if (status === 401 || status === 407) return `${what}: the caller did not prove who he is.`;
  if (decided.route === 'failure') return `${what}, after ${failures(steps)}.`;
  return `${what}${reasonBefore(decided, steps)}.`;
}

/** What was heard last before that, in our words if there are any. */
function reasonBefore(decided: RouteDocument, steps: readonly StepDocument[]): string {
  const said = steps.slice(0, steps.indexOf(decided)).findLast(isTelling);
  if (said === undefined) return '';
  const known = SAID[`${said.service} ${said.result}`];
  return known === undefined
    ? `, after ${said.service}${ofWhat(said)} said ${said.result}`
    : `: ${known(said.inputs)}`;
}

/** `sip:bob@192.0.2.12 is busy (486); the script sent the call there at route.ts:12.` */
function branches(
  status: number,
  by: FailedCall['endedBy'],
  decided: RouteDocument | undefined,
  steps: readonly StepDocument[],
): string {
  const sent = decided === undefined ? '' : `; the script sent the call there${lineOf(decided)}`;
  const ended = steps.filter(isBranch);
  if (decided?.decision === 'redirect' && status === 302)
    return `The script redirected the caller to ${decided.leads ?? 'nobody'}${lineOf(decided)}.`;
  if (ended.length > 0) return `${capital(failures(steps))}${sent}.`;
  if (decided !== undefined && decided.leads === null && LEADING.has(decided.decision))
    return `The script had nobody to ${decided.decision} to${lineOf(decided)}${reasonBefore(decided, steps)}.`;
  const side = by === 'callee' ? 'The callee’s side answered' : 'We answered';
  return `${side} ${status} ${reasonPhrase(status)}${sent}.`;
}

/** Each target once, with the last that was heard of it. */
function failures(steps: readonly StepDocument[]): string {
  const byTarget = new Map(steps.filter(isBranch).map((branch) => [branch.target, branch]));
  const parts = [...byTarget.values()].map((branch) => `${branch.target} ${endOf(branch)}`);
  return parts.length === 0 ? 'nobody answered' : parts.join(', ');
}

function endOf({ status, timedOut }: BranchDocument): string {
  if (status === 0) return 'was passed over, full or out';
  return timedOut ? 'did not answer' : `${MEANINGS[status] ?? reasonPhrase(status)} (${status})`;
}

function waitingFor(steps: readonly StepDocument[]): string {
  const relayed = steps.findLast((step) => isDecision(step) && step.decision === 'relay');
  if (relayed?.kind !== 'route' || relayed.leads === null) return '';
  return `; the script had sent the call to ${relayed.leads}${lineOf(relayed)}`;
}

/** Of the routes that decide about the call itself. */
function isDecision(step: StepDocument): step is RouteDocument {
  return step.kind === 'route' && (step.route === 'request' || isFailing(step));
}

function isFailing({ route, decision }: RouteDocument): boolean {
  return route === 'failure' && decision !== 'pass';
}

function isReply({ decision }: RouteDocument): boolean {
  return decision.startsWith('reply ');
}

/** What was asked just before, but the log and what answers nothing. */
function isTelling(step: StepDocument): step is ServiceDocument {
  return step.kind === 'service' && !step.service.startsWith('log.') && !TELL_NOTHING.has(step.service);
}

function isBranch(step: StepDocument): step is BranchDocument {
  return step.kind === 'branch' && (step.status >= 300 || step.status === 0 || step.timedOut);
}

function ofWhat({ inputs }: ServiceDocument): string {
  return inputs === '' ? '' : ` of ${inputs}`;
}

function lineOf({ line }: RouteDocument): string {
  return line === null ? '' : ` at ${line}`;
}

function capital(text: string): string {
  return text.startsWith('sip') || text.startsWith('tel') ? text : text[0]?.toUpperCase() + text.slice(1);
}
