/**
 * Who is said to be calling. RFC 3325, RFC 3323
 *
 *   from a trusted peer   P-Asserted-Identity stays as it came
 *   from anybody else     P-Asserted-Identity and Remote-Party-ID are taken out, whatever the spelling; so is
 *                         P-Preferred-Identity, which only chooses among the caller's own identities
 *   to a trusted peer     the identity that the caller has proved is asserted
 *   to anybody else       with `Privacy: id` no asserted identity leaves (§7)
 */
import { SipError } from '../base/errors.ts';
import type { BranchContext, FailureContext, RequestContext } from '../route/context.ts';
import type {
  Awaitable,
  FailureDecision,
  Pass,
  Relay,
  RelayOptions,
  RequestDecision,
} from '../route/decision.ts';
import type { Middleware } from '../route/router.ts';
import type { Caller } from '../route/services.ts';
import { OTHER, P_ASSERTED_IDENTITY } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';
import { parseNameAddr, printNameAddr } from '../sip/name-addr.ts';
import { aorOf, NO_PARAMS } from '../sip/uri.ts';
import type { TrustedPeers } from './trusted.ts';

const ASSERTED = 'P-Asserted-Identity';
const PREFERRED = 'P-Preferred-Identity';
const REMOTE_PARTY = 'Remote-Party-ID';
const PRIVACY = 'Privacy';

const LOWER_CASE = 32;
const P = 112;
const R = 114;

/** What is done to the copy of one branch before the script's own branch route sees it. */
type Shape = (c: BranchContext<never>) => void;

/** The middleware: cleans what came, and sees to it that each branch tells its peer no more than it may know. */
export function identity(trusted: TrustedPeers): Middleware<{ caller?: Caller | undefined }> {
  return (c, next) => {
    const asserted = trusted.hasSent(c.source) ? undefined : provenIdentity(c);
    const decision = next();
    const { headers } = c.req;
    const hides = headers.find(P_ASSERTED_IDENTITY) >= 0 && wantsPrivacy(headers);
    const asserts = asserted !== undefined && !trusted.isEmpty;
    if (!hides && !asserts) return decision;
    const shape: Shape = ({ req, target }) => {
      if (!trusted.willGet(target)) return hides ? req.headers.remove(ASSERTED) : undefined;
      if (asserts && !req.headers.has(ASSERTED)) req.headers.set(ASSERTED, asserted);
    };
    return shaped(decision, shape);
  };
}

/** Takes out what the sender may not claim. Answers with the identity he has proved, if he has. */
function provenIdentity(c: RequestContext<{ caller?: Caller | undefined }>): string | undefined {
  const { headers } = c.req;
  const { caller } = c.var;
  if (headers.find(P_ASSERTED_IDENTITY) >= 0) headers.remove(ASSERTED);
  let preferred: string | undefined;
  if (mayClaim(headers)) {
    preferred = headers.get(PREFERRED);
    headers.remove(PREFERRED);
    headers.remove(REMOTE_PARTY);
  }
  if (caller === undefined) return undefined;
  const own = `${caller.user}@${caller.domain}`;
  return preferredOf(preferred, own) ?? `<sip:${own}>`;
}

/** Whether a field is there whose name begins like one of those we take out: most requests have none. */
function mayClaim(headers: Headers): boolean {
  const { index, text } = headers;
  for (let place = 0; place < index.length; place += 4) {
    if (index[place] !== OTHER) continue;
    const first = text.charCodeAt(headers.lineStart(place)) | LOWER_CASE;
    if (first === P || first === R) return true;
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

/** RFC 3325 §9.3 */
function wantsPrivacy(headers: Headers): boolean {
  return headers
    .all(PRIVACY)
    .some((value) => value.split(/[;,]/).some((word) => word.trim().toLowerCase() === 'id'));
}

function shaped(decision: Awaitable<RequestDecision>, shape: Shape): Awaitable<RequestDecision> {
  if (decision instanceof Promise) return decision.then((done) => shapedRelay(done, shape));
  return shapedRelay(decision, shape);
}

/** What relays again after a failure is shaped too. */
function shapedRelay<T extends RequestDecision | FailureDecision>(decision: T, shape: Shape): T | Relay {
  if (decision.do !== 'relay') return decision;
  const { onBranch, onFailure } = decision.options;
  const options: RelayOptions<never> = {
    ...decision.options,
    onBranch: (c): Pass | ReturnType<BranchContext<never>['skip']> => {
      shape(c);
      return onBranch === undefined ? c.send() : onBranch(c);
    },
    ...(onFailure && {
      onFailure: (c: FailureContext<never>): Awaitable<FailureDecision> => {
        const next = onFailure(c);
        return next instanceof Promise
          ? next.then((done) => shapedRelay(done, shape))
          : shapedRelay(next, shape);
      },
    }),
  };
  return { ...decision, options };
}
