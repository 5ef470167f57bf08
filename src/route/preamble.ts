/** What every request must pass before a script sees it. RFC 3261 §16.3; nothing here is for a script to decide. */
import { SipError } from '../base/errors.ts';
import { PROXY_REQUIRE, REQUIRE } from '../sip/header-table.ts';
import type { SipRequest } from '../sip/message.ts';
import { registrarOptions } from '../sip/words.ts';
import type { DialogFlow } from '../proxy/flow-routes.ts';
import { loopHash, maxForwards } from '../proxy/forward.ts';
import type { RouteView } from '../proxy/loose-route.ts';
import type { RouteMark } from '../proxy/route-signer.ts';
import type { Proxy } from '../proxy/proxy.ts';
import type { Stem } from '../transaction/stem.ts';

/** Option tags that we understand where `Require` is meant for us; of a REGISTER the registrar looks at it. */
const REGISTRAR_OPTIONS: ReadonlySet<string> = new Set(registrarOptions);
/** Those that we understand as a proxy. */
const NO_OPTIONS: ReadonlySet<string> = new Set();

/** Requests that a script may answer for us, when they are for us. */
const ENDS_HERE: ReadonlySet<string> = new Set(['REGISTER', 'OPTIONS']);

/** What the preamble found out about a request that it lets through. */
export interface Admitted {
  /** What our mark in Route says: which call, and from which side; undefined outside a dialog. */
  readonly mark: RouteMark | undefined;
  readonly route: RouteView;
  /** How the other side of the dialog is reached, when only its flow leads there. RFC 5626 §5.3 */
  readonly bound: DialogFlow | undefined;
  /** Tells the request from others when it comes back to us. */
  readonly loopMark: number;
  /** What it stems from, when it has come back to us. */
  readonly stem: Stem | undefined;
  /** It must not be sent on, only answered. */
  readonly noHopsLeft: boolean;
  /** An OPTIONS that asks what we can ourselves. RFC 3261 §11 */
  readonly asksUs: boolean;
}

/** Throws SipError with the answer when the request may not go on. `order`: its call's. */
export function admit(request: SipRequest, order: number, proxy: Proxy): Admitted {
  const isLastHop = maxForwards(request.headers) === 0;
  // It may still be for us, if it asks what we answer ourselves: RFC 3261 §16.3 step 3, §10.3, §11.
  if (isLastHop && !(ENDS_HERE.has(request.method) && proxy.isOwn(request.uri))) throw noHopsLeft();
  const loopMark = loopHash(request, order);
  const stem = proxy.stemOf(request, loopMark);
  refuseUnknown(request, PROXY_REQUIRE, NO_OPTIONS);
  const asksUs = asksOurselves(request, proxy);
  if (asksUs) refuseUnknown(request, REQUIRE, REGISTRAR_OPTIONS);
  if (request.toTag !== '') proxy.undoStrictRoute(request);
  const route = proxy.routes(request);
  if (request.toTag === '') {
    // RFC 3261 §16.4 lets us pop our own value; one that leads elsewhere would make us a stranger's relay.
    if (route.next !== undefined) throw new SipError('BAD_HEADER', 403, 'a preloaded route leads elsewhere');
    if (request.uri.params['maddr'] !== undefined) takeMaddr(request, proxy);
    return { mark: undefined, route, bound: undefined, loopMark, stem, noHopsLeft: isLastHop, asksUs };
  }
  const mark = proxy.verifyRoute(request, route);
  if (mark === undefined) throw new SipError('BAD_HEADER', 481, 'a To tag without a route set of ours');
  const bound = proxy.dialogFlow(request, mark);
  return { mark, route, bound, loopMark, stem, noHopsLeft: isLastHop, asksUs };
}

/** Within a dialog the Request-URI may be our Record-Route: what came so is for the far end. RFC 3261 §16.4 */
function asksOurselves({ method, toTag, uri }: SipRequest, proxy: Proxy): boolean {
  return method === 'OPTIONS' && toTag === '' && uri.user === undefined && proxy.isOwn(uri);
}

/**
 * A maddr of ours has brought the request to us and is no part of the address any more. RFC 3261 §16.4
 * Departs from RFC 3261 §16.5 because any other would choose, past the script that looks at the host, where we send.
 */
function takeMaddr(request: SipRequest, proxy: Proxy): void {
  const { uri } = request;
  const { maddr = true, transport: _, ...params } = uri.params;
  if (maddr === true || !proxy.isOwnMaddr(maddr, uri.port))
    throw new SipError('BAD_HEADER', 403, 'a maddr that is not ours');
  request.uri = { ...uri, port: undefined, params };
}

/** For a request that would have to be sent on. RFC 3261 §16.3 step 3 */
export function noHopsLeft(): SipError {
  return new SipError('BAD_HEADER', 483, 'no hops left');
}

/** RFC 3261 §16.3 step 5, §8.2.2.3: what we do not understand is listed in Unsupported. */
function refuseUnknown(request: SipRequest, id: number, known: ReadonlySet<string>): void {
  if (request.headers.find(id) < 0) return;
  const name = id === REQUIRE ? 'Require' : 'Proxy-Require';
  const unknown = request.headers
    .all(name)
    .flatMap((value) => value.split(','))
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '' && !known.has(tag.toLowerCase()));
  if (unknown.length === 0) return;
  throw new SipError('BAD_EXTENSION', 420, `${name} asks for what we do not know`, {
    Unsupported: unknown.join(', '),
  });
}
