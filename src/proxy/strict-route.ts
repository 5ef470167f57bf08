/**
 * Strict routers, which RFC 2543 knew alone: they put the next hop into the Request-URI and what stood there at the
 * end of Route. We speak with them, and otherwise do as if they were not there. RFC 3261 §16.4, §16.6 step 6
 */
import { SipError } from '../base/errors.ts';
import type { SipRequest } from '../sip/message.ts';
import { splitList } from '../sip/name-addr.ts';
import { parseMessage } from '../sip/parse.ts';
import type { OwnRoutes, RouteView } from './loose-route.ts';

/** A request of a strict router has our own value as Request-URI: makes it the one that a loose router would send. */
export function undoStrictRoute(request: SipRequest, own: OwnRoutes): void {
  const { uri } = request;
  if (uri.params['d'] === undefined) return;
  const { uriText } = request;
  if (!uriText.includes(';d=') || !own.isOwn(uri.host, uri.port)) return;
  const routes = routesOf(request);
  const last = routes.pop();
  if (last === undefined) return;
  setRoutes(request, [`<${uriText}>`, ...routes]);
  request.uriText = uriIn(last);
}

/** Whether the next hop takes no loose route. */
export function isStrict({ next }: RouteView): boolean {
  return next !== undefined && !('lr' in next.params);
}

/** A copy of the request for a strict router, its Request-URI set; `uriText` is what a loose one would get there. */
export function strictCopy(request: SipRequest, route: RouteView, uriText: string): SipRequest {
  const { text } = request;
  const copy = parseMessage(text.substring(0, route.cutFrom) + text.substring(route.cutTo));
  if (copy.kind !== 'request') throw new SipError('BAD_MESSAGE', 500, 'an edit broke the request');
  const [next = '', ...routes] = routesOf(copy);
  setRoutes(copy, [...routes, `<${uriText}>`]);
  copy.uriText = uriIn(next);
  return copy;
}

function routesOf(request: SipRequest): string[] {
  return request.headers.all('Route').flatMap((value) => splitList(value));
}

function setRoutes(request: SipRequest, routes: readonly string[]): void {
  request.headers.set('Route', routes.join(', '));
}

/** The URI of a Route value: what stands in its brackets, or all of it. */
function uriIn(value: string): string {
  const open = value.indexOf('<');
  return open < 0 ? value : value.substring(open + 1, value.indexOf('>', open));
}
