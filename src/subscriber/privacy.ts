/**
 * Who does not want to be known. RFC 3323, RFC 3325 §9.3
 *
 *   id                what is asserted of the caller goes to trusted peers alone; `auth.identity()` sees to that
 *   user, header      towards others the call is made of two legs: the callee's has another From, Contact, Via and
 *                     Call-ID, and nothing that tells of the caller or his phone (§5.1, §5.3)
 *   session           would take a media relay: with `critical` the call is refused (§5.2), else it goes on
 */
import { b2bTo } from '../agent/b2b.ts';
import type { Plan, Target } from '../proxy/plan.ts';
import type { RequestContext } from '../route/context.ts';
import type { Answer, Relay, RequestDecision } from '../route/decision.ts';
import type { Headers } from '../sip/headers.ts';
import type { SipRequest } from '../sip/message.ts';
import type { NameAddr } from '../sip/name-addr.ts';
import type { CleanMessage } from '../transaction/client-transaction.ts';

/** RFC 3323 §4.1.1.3 */
const ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>';
/** What tells of the caller beside From and Contact, §4.1, and what is asserted of him. */
const TELLING = [
  'Call-Info',
  'In-Reply-To',
  'Organization',
  'P-Asserted-Identity',
  'P-Preferred-Identity',
  'P-Access-Network-Info',
  'Referred-By',
  'Remote-Party-ID',
  'Reply-To',
  'Server',
  'Subject',
  'User-Agent',
];
const NOTHING: ReadonlySet<string> = new Set();

/** What `Privacy` asks for, in lower case. */
export function privacyOf({ headers }: SipRequest): ReadonlySet<string> {
  if (!headers.has('Privacy')) return NOTHING;
  const asked = headers.all('Privacy').flatMap((value) => value.toLowerCase().split(/[;,]/));
  return new Set(asked.map((word) => word.trim()));
}

/** Whether a caller does not say who he is: what a rule against anonymous calls is asked about. RFC 5079 */
export function isAnonymous(request: SipRequest, { uri, name }: NameAddr): boolean {
  if (uri.host === 'anonymous.invalid' || uri.user?.toLowerCase() === 'anonymous') return true;
  if (name?.toLowerCase() === 'anonymous') return true;
  const asked = privacyOf(request);
  return asked.has('id') || asked.has('user') || asked.has('header');
}

/** Whether something is asked for that must be, and that nobody here can do. */
export function isImpossible(asked: ReadonlySet<string>): boolean {
  return asked.has('critical') && asked.has('session');
}

/** Whether the exchange itself has to hide the caller. */
export function mustHide(asked: ReadonlySet<string>): boolean {
  return !asked.has('none') && (asked.has('user') || asked.has('header'));
}

/** The decision, as two legs when it leads to somebody who may not know the caller. */
export function hidden(
  c: RequestContext<never>,
  decision: RequestDecision,
  mayKnow: (target: Target) => boolean,
): RequestDecision {
  if (decision.do !== 'relay' || everyTarget(decision.plan, mayKnow)) return decision;
  return twoLegs(c, decision);
}

function twoLegs({ req }: RequestContext<never>, { plan, options }: Relay): Answer {
  forgetCaller(req.headers);
  req.headers.set('Privacy', 'none'); // Done: nobody need do it again. §5
  const { ringMs, replyMs } = options;
  const app = b2bTo(plan, {
    from: ANONYMOUS,
    ...(ringMs === undefined ? {} : { ringMs }),
    ...(replyMs === undefined ? {} : { replyMs }),
  });
  return { do: 'answer', app, clean: hidingClean(options.cleanReply) };
}

function forgetCaller(headers: Headers): void {
  for (const name of TELLING) if (headers.has(name)) headers.remove(name);
}

/** What is said within the call must not tell either. Of the callee it tells no more then: both sides' is cleaned. */
function hidingClean(also: CleanMessage | undefined): CleanMessage {
  if (also === undefined) return forgetCaller;
  return (headers, came) => {
    also(headers, came);
    forgetCaller(headers);
  };
}

function everyTarget(plan: Plan, is: (target: Target) => boolean): boolean {
  if ('parallel' in plan) return plan.parallel.every((part) => everyTarget(part, is));
  if ('serial' in plan) return plan.serial.every((part) => everyTarget(part, is));
  return is(plan);
}
