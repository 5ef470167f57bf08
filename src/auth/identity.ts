/**
 * Who is said to be calling. RFC 3325, RFC 3323
 *
 *   from a trusted peer   P-Asserted-Identity stays as it came; P-Preferred-Identity was for that peer, and goes
 *   from anybody else     P-Asserted-Identity and Remote-Party-ID are taken out, whatever the spelling; so is
 *                         P-Preferred-Identity, which only chooses among the caller's own identities
 *                         what they say of who pays (`P-Charge-Info` and the like) is taken out too
 *   from a stranger       Diversion and History-Info say only how often the call was forwarded
 *   to a trusted peer     the identity that the caller has proved is asserted
 *   to anybody else       with `Privacy: id` no asserted identity leaves (§7)
 *
 * What a peer answers is treated like what it asks (§5), also when it answers late or once more. So is what both sides
 * of a call that we answer ourselves say within it: of that the script hears nothing.
 */
import { SipError } from '../base/errors.ts';
import type { BranchContext, FailureContext, RequestContext } from '../route/context.ts';
import {
  type Answer,
  type Awaitable,
  type Drop,
  type FailureDecision,
  PASS,
  type Pass,
  type Relay,
  type RelayOptions,
  type RequestDecision,
} from '../route/decision.ts';
import type { Middleware } from '../route/router.ts';
import type { Caller } from '../route/services.ts';
import { OTHER, P_ASSERTED_IDENTITY } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';
import { parseNameAddr, printNameAddr } from '../sip/name-addr.ts';
import { hidesIdentity } from '../sip/privacy.ts';
import { aorOf, NO_PARAMS } from '../sip/uri.ts';
import { forgetPlaces } from '../subscriber/diversion.ts';
import type { CleanMessage } from '../transaction/client-transaction.ts';
import type { TrustedPeers } from './trusted.ts';

const ASSERTED = 'P-Asserted-Identity';
const PREFERRED = 'P-Preferred-Identity';
const REMOTE_PARTY = 'Remote-Party-ID';

/** Who pays, and for what: only who is in the trust domain may say so. RFC 8496, RFC 6050, RFC 7315 */
const CHARGING = [
  'P-Charge-Info',
  'P-Asserted-Service',
  'P-Charging-Vector',
  'P-Charging-Function-Addresses',
] as const;

const LOWER_CASE = 32;
const D = 100;
const H = 104;
const P = 112;
const R = 114;

/** What the middlewares before it have learned. */
interface Known {
  readonly caller?: Caller | undefined;
  readonly trunk?: string | undefined;
}

/** What is done to the copy of one branch before the script's own branch route sees it. */
type ShapeBranch = (c: BranchContext<never>) => void;

/** What is done to the branches of a request, and to what answers them. */
interface Shapes {
  readonly branch: ShapeBranch | undefined;
  readonly reply: CleanMessage;
}

/** The middleware: cleans what came, and sees to it that each peer is told no more than it may know. */
export function identity(trusted: TrustedPeers): Middleware<Known> {
  // Two for all requests, since one is kept with each call for as long as it may be answered again.
  const replies = { toTrusted: cleanReplies(trusted, true), toOthers: cleanReplies(trusted, false) };
  return (c, next) => {
    const isTrusted = trusted.hasSent(c.source);
    const asserted = isTrusted ? trustedHint(c.req.headers) : provenIdentity(c);
    const decision = next();
    const reply = isTrusted ? replies.toTrusted : replies.toOthers;
    const branch = shapeBranch(c.req.headers, trusted, asserted);
    return decision instanceof Promise
      ? decision.then((done) => shapedRelay(done, { branch, reply }))
      : shapedRelay(decision, { branch, reply });
  };
}

/** Undefined when all may know what there is, and there is nothing to add. */
function shapeBranch(
  headers: Headers,
  trusted: TrustedPeers,
  asserted: string | undefined,
): ShapeBranch | undefined {
  const hides = mayAssert(headers) && hidesIdentity(headers);
  const asserts = asserted !== undefined && !trusted.isEmpty;
  if (!hides && !asserts) return undefined;
  return ({ req, target }) => {
    if (!trusted.willGet(target)) return hides ? removeAsserted(req.headers) : undefined;
    if (asserts && !req.headers.has(ASSERTED)) req.headers.set(ASSERTED, asserted);
  };
}

/**
 * `hears`: whether who called is in the trust domain, and may know who answers even when that is private. Whose word
 * an answer is says the flow that it came by: a target names whom we called, and anybody may name a trusted peer in
 * his Contact, and be the next hop himself.
 */
function cleanReplies(trusted: TrustedPeers, hears: boolean): CleanMessage {
  return (headers, came) => {
    if (!mayAssert(headers)) return;
    const isTrusted = trusted.hasSent(came);
    if (headers.has(PREFERRED)) headers.remove(PREFERRED);
    if (!isTrusted || (!hears && hidesIdentity(headers))) removeAsserted(headers);
    if (!isTrusted) removeCharging(headers);
  };
}

/** RFC 3325 §9.2: it was meant for the peer that sent us the request, or for nobody. */
function trustedHint(headers: Headers): undefined {
  if (mayClaim(headers)) headers.remove(PREFERRED);
}

function removeAsserted(headers: Headers): void {
  headers.remove(ASSERTED);
  headers.remove(REMOTE_PARTY);
}

function removeCharging(headers: Headers): void {
  for (const name of CHARGING) if (headers.has(name)) headers.remove(name);
}

/** Takes out what the sender may not claim. Answers with the identity he has proved, if he has. */
function provenIdentity(c: RequestContext<Known>): string | undefined {
  const { headers } = c.req;
  const { caller, trunk } = c.var;
  if (headers.find(P_ASSERTED_IDENTITY) >= 0) headers.remove(ASSERTED);
  let preferred: string | undefined;
  if (mayClaim(headers)) {
    preferred = headers.get(PREFERRED);
    headers.remove(PREFERRED);
    headers.remove(REMOTE_PARTY);
    removeCharging(headers);
  }
  if (caller === undefined) {
    // docs/decisions/0009-diversion-of-strangers.md
    if (trunk === undefined && c.req.toTag === '' && maySayWhere(headers)) forgetPlaces(c.req);
    return undefined;
  }
  const own = `${caller.user}@${caller.domain}`;
  return preferredOf(preferred, own) ?? `<sip:${own}>`;
}

/** Whether somebody may be named in it: a quick no for most messages. */
function mayAssert(headers: Headers): boolean {
  return headers.find(P_ASSERTED_IDENTITY) >= 0 || mayClaim(headers);
}

/** Whether a field is there whose name begins like one of those we take out: most requests have none. */
function mayClaim(headers: Headers): boolean {
  return mayHave(headers, P, R);
}

function maySayWhere(headers: Headers): boolean {
  return mayHave(headers, D, H);
}

/** By the first letter of its name alone. */
function mayHave(headers: Headers, one: number, other: number): boolean {
  const { index, text } = headers;
  for (let place = 0; place < index.length; place += 4) {
    if (index[place] !== OTHER) continue;
    const first = text.charCodeAt(headers.lineStart(place)) | LOWER_CASE;
    if (first === one || first === other) return true;
  }
  return false;
}

/** RFC 3325 §9.2: a hint that names another than the caller is as good as none. */
function preferredOf(value: string | undefined, own: string): string | undefined {
  if (value === undefined) return undefined;
  try {
    const { name, uri } = parseNameAddr(value);
    return aorOf(uri) === own ? printNameAddr({ name, uri, params: NO_PARAMS }) : undefined;
  } catch (error) {
    if (error instanceof SipError) return undefined;
    throw error;
  }
}

/** What relays again after a failure is shaped too. */
function shapedRelay<T extends RequestDecision | FailureDecision>(
  decision: T,
  shapes: Shapes,
): T | Relay | Answer {
  if (decision.do === 'answer') return { ...decision, clean: inTurn(shapes.reply, decision.clean) };
  if (decision.do !== 'relay') return decision;
  const { cleanReply, onBranch, onFailure } = decision.options;
  const { branch, reply } = shapes;
  const options: RelayOptions<never> = {
    ...decision.options,
    cleanReply: inTurn(reply, cleanReply),
    ...(branch && {
      onBranch: (c: BranchContext<never>): Pass | Drop => {
        branch(c);
        return onBranch === undefined ? PASS : onBranch(c);
      },
    }),
    ...(onFailure && {
      onFailure: (c: FailureContext<never>): Awaitable<FailureDecision> => {
        const next = onFailure(c);
        return next instanceof Promise
          ? next.then((done) => shapedRelay(done, shapes))
          : shapedRelay(next, shapes);
      },
    }),
  };
  return { ...decision, options };
}

/** Made where nothing of a request is at hand: what a function holds is held with it. */
function inTurn(first: CleanMessage, second: CleanMessage | undefined): CleanMessage {
  if (second === undefined) return first;
  return (headers, came) => {
    first(headers, came);
    second(headers, came);
  };
}
