/**
 * Flow tokens in the URIs that we put into Record-Route and Path. RFC 5626 §5
 *
 *   Record-Route: <sip:token@192.0.2.1:5060;lr;d=mark>
 *
 * Like the mark beside it the token differs on the two sides: the callee gets the caller's, and in the response that
 * goes to the caller the callee's takes its place. Where neither side needs one there is none.
 */
import { contactNeedsFlow, isPrivate, isRelayed, needsFlow } from '../transport/flow-bound.ts';
import type { FlowTokens } from '../transport/flow-token.ts';
import { CONTACT } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import type { Uri } from '../sip/uri.ts';
import { isNowhere } from '../transport/connection-alias.ts';
import type { Flow } from '../transport/flow.ts';
import { isPlainContactOf } from './plain-place.ts';
import type { Edit } from './reply-path.ts';

/** A flow that a token named; undefined: it is gone. */
export interface BoundFlow {
  readonly flow: Flow | undefined;
}

/** The flow by which the other side of a dialog is reached, as long as the request is for this URI. */
export interface DialogFlow extends BoundFlow {
  readonly uriText: string;
}

/** A mark of ours and the flow token before it, '' for none, as they stand in Record-Route. */
export interface MarkAndFlow {
  readonly mark: string;
  readonly flow: string;
}

/** Whether requests within the dialog that this request begins must go back by the flow it came by. */
export function isCallerBound({ headers }: SipRequest, came: Flow): boolean {
  const isElsewhere = came.transport === 'tcp' && !isPlainContactOf(headers, came.remote.host);
  if (!hasDialledIn(came) && !(isElsewhere && namesNobody(headers))) return needsFlow(headers, came);
  return headers.find(CONTACT) >= 0 && !isRelayed(headers);
}

/** The same of whoever answered, with whom we speak by this flow. */
export function isCalleeBound({ headers }: SipResponse, flow: Flow): boolean {
  if (hasDialledIn(flow)) return true;
  // The usual case: he is where his Contact says, and does not ask for more.
  if (isPlainContactOf(headers, flow.remote.host)) return false;
  return (flow.transport === 'tcp' && namesNobody(headers)) || contactNeedsFlow(headers, flow.remote);
}

/**
 * Whether only the connection leads back: browsers do not listen, phones have no certificate that we could check. Who
 * has shown one is a server. RFC 7118 §5
 */
function hasDialledIn({ transport, peerNames }: Flow): boolean {
  if (transport === 'tls') return peerNames === undefined || peerNames.length === 0;
  return transport === 'ws' || transport === 'wss';
}

/** Whether the Contact is one that a browser has made up. */
function namesNobody(headers: Headers): boolean {
  return headers.raw(CONTACT)?.toLowerCase().includes('.invalid') === true;
}

/**
 * Puts another mark and token in place of those whose mark stands at `at`; undefined when whoever sent it has written
 * our value in another way. `after`: nothing before this is part of the value.
 */
export function markEdit(
  text: string,
  after: number,
  at: number,
  old: MarkAndFlow,
  put: MarkAndFlow,
): Edit | undefined {
  const to = at + old.mark.length;
  if (old.flow === '' && put.flow === '') return { from: at, to, put: put.mark };
  const open = text.lastIndexOf('<', at);
  const from = open + (text.startsWith('<sips:', open) ? 6 : 5);
  const user = old.flow === '' ? '' : `${old.flow}@`;
  const isOurs = open >= after && (from === open + 6 || text.startsWith('<sip:', open));
  if (!isOurs || !text.startsWith(user, from)) return undefined;
  const token = put.flow === '' ? '' : `${put.flow}@`;
  return { from, to, put: token + text.substring(from + user.length, at) + put.mark };
}

/**
 * Where a token leads within a dialog. A connection that is gone may have come back under the name or the address that
 * the other side's Contact has; a private address cannot be connected to.
 */
export function dialogFlow(
  tokens: FlowTokens,
  token: string,
  request: SipRequest,
  standing: (uri: Uri) => Flow | undefined,
): DialogFlow | undefined {
  const { uriText } = request;
  const flow = tokens.read(token)?.flow;
  if (flow?.open === true) return { uriText, flow };
  const { uri } = request;
  const again = standing(uri);
  if (again !== undefined || isNowhere(uri.host) || isPrivate(uri.host)) return { uriText, flow: again };
  return undefined;
}

/**
 * The flow that a token in Route names; undefined when it names none. It never leads back to whoever sent the request.
 * A browser that came back is found by the name it made up.
 */
export function boundFlow(tokens: FlowTokens, token: string, from: Flow, uri: Uri): BoundFlow | undefined {
  const found = tokens.read(token);
  if (found === undefined || found.flow === from) return undefined;
  return found.flow === undefined && isNowhere(uri.host) ? undefined : found;
}

/**
 * Our Path line: by it requests for this phone come to us, and by its token to the phone. With `ob` where the phone
 * asks for a flow of its own and we are its first hop. RFC 3327 §5.2, RFC 5626 §5.1
 */
export function pathLine(tokens: FlowTokens, from: Flow, to: Flow, request: SipRequest): string {
  const transport = to.transport === 'udp' ? '' : `;transport=${to.transport}`;
  const isFirst = !isRelayed(request.headers);
  const user = isFirst ? `${tokens.tokenOf(from)}@` : '';
  const asksForFlow = (request.headers.raw(CONTACT) ?? '').toLowerCase().includes('reg-id');
  return `Path: <sip:${user}${to.sentBy}${transport};lr${isFirst && asksForFlow ? ';ob' : ''}>\r\n`;
}
