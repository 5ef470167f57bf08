/** The request of one branch before it is sent: a copy to edit, where it goes, what makes later ones come our way. */
import type { SipRequest } from '../sip/message.ts';
import { parseNameAddr, splitList } from '../sip/name-addr.ts';
import type { Uri } from '../sip/uri.ts';
import { type Flow, isSecure } from '../transport/flow.ts';
import type { Target } from './plan.ts';
import type { Proxy } from './proxy.ts';
import type { RelayOptions } from './relay-options.ts';

/** The request a branch may edit: a copy when a hook might, else the one at hand. */
export function branchRequest(
  request: SipRequest,
  { hooks }: RelayOptions,
  breadth: number | undefined,
): SipRequest {
  if (hooks.branch === undefined && breadth === undefined) return request;
  const copy = request.copy();
  if (breadth !== undefined) copy.headers.set('Max-Breadth', breadth);
  return copy;
}

/** The next value of Route, or the first of a Path, comes before the target itself. */
export function nextUri(
  proxy: Proxy,
  request: SipRequest,
  { uri, path }: Target,
  { route }: RelayOptions,
): Uri {
  if (path !== undefined) return parseNameAddr(splitList(path)[0] ?? path).uri;
  return proxy.routes(request, route).next ?? uri;
}

/** What we put on top of the request that makes later ones come our way: Record-Route, or Path. */
export function recordRoute(
  proxy: Proxy,
  from: Flow,
  to: Flow,
  request: SipRequest,
  options: RelayOptions,
): string {
  if (options.path === true) return proxy.pathLine(from, to, request);
  return options.recordRoute ? proxy.recordRoute(from, to, request, options) : '';
}

/** What came for a sips URI goes on by TLS, or not at all. RFC 5630 §5.3 */
export function isBarred(flow: Flow, { isSips }: RelayOptions): boolean {
  return isSips === true && !isSecure(flow.transport);
}
