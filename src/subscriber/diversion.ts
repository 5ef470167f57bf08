/**
 * What a forwarded call says of where it has been: Diversion (RFC 5806), which most equipment reads, and History-Info
 * (RFC 7044). And how often it was forwarded already, so that two users who forward to each other come to an end.
 */
import { SipError } from '../base/errors.ts';
import type { SipRequest } from '../sip/message.ts';
import { type NameAddr, parseNameAddrList, printNameAddr } from '../sip/name-addr.ts';
import { NO_PARAMS, printUri, type Uri } from '../sip/uri.ts';

/** A call that was forwarded so often is not forwarded again. */
export const DIVERSIONS_MAX = 5;

/** Why it is forwarded. */
export type DiversionReason = 'unconditional' | 'user-busy' | 'no-answer' | 'unavailable' | 'do-not-disturb';

/** One time that it was. */
export interface Step {
  readonly from: Uri;
  readonly to: Uri;
  readonly reason: DiversionReason;
}

/** RFC 4458 §2 */
const CAUSES: Readonly<Record<DiversionReason, number>> = {
  unconditional: 302,
  'user-busy': 486,
  'no-answer': 408,
  unavailable: 503,
  'do-not-disturb': 480,
};

const DIVERSION = 'Diversion';
const HISTORY = 'History-Info';
/** Who forwarded, when that is not told. */
const NOBODY = '<sip:unknown@unknown.invalid>';
const INDEX = /^\d+(\.\d+)*$/;
/** A longer one is somebody's mischief: ours is begun anew. */
const INDEX_LENGTH_MAX = 64;

const UNREADABLE: NameAddr = {
  uri: { scheme: 'sip', host: 'unknown.invalid', params: { cause: '302' } },
  params: NO_PARAMS,
};

/** How often the call was forwarded before it came to us. RFC 5806 §6.1 */
export function diversionsOf(request: SipRequest): number {
  let count = 0;
  for (const { params } of addressesIn(request, DIVERSION)) {
    const counter = Number(params['counter'] ?? 1);
    count += Number.isInteger(counter) && counter > 0 ? counter : 1;
  }
  const history = addressesIn(request, HISTORY).filter(({ uri }) => 'cause' in uri.params);
  return Math.max(count, history.length);
}

/** Leaves of where a call has been only how often it was forwarded, so that one that goes in circles still ends. */
export function forgetPlaces(request: SipRequest): void {
  const { headers } = request;
  const times = Math.min(diversionsOf(request), DIVERSIONS_MAX);
  headers.remove(DIVERSION);
  headers.remove(HISTORY);
  if (times > 0) headers.add(DIVERSION, `${NOBODY};reason=unknown;counter=${times};privacy=full`);
}

/** Writes down that a call to `from` goes to `to` instead. */
export function addDiversion(request: SipRequest, { from, to, reason }: Step): void {
  const { headers } = request;
  const told = { reason, counter: '1', privacy: 'off' };
  headers.add(DIVERSION, printNameAddr({ uri: plain(from), params: told }), 'top');

  const last = lastIndex(request);
  const before = last ?? '1';
  if (last === undefined) headers.add(HISTORY, `<${printUri(plain(from))}>;index=1`);
  const cause = { ...to, params: { ...to.params, cause: String(CAUSES[reason]) } };
  headers.add(HISTORY, `<${printUri(cause)}>;index=${before}.1;mp=${before}`);
}

/** The index of the newest entry: ours goes below it. RFC 7044 §10.3 */
function lastIndex(request: SipRequest): string | undefined {
  const index = addressesIn(request, HISTORY).at(-1)?.params['index'];
  return typeof index === 'string' && INDEX.test(index) && index.length <= INDEX_LENGTH_MAX
    ? index
    : undefined;
}

function addressesIn(request: SipRequest, name: string): readonly NameAddr[] {
  return request.headers.all(name).flatMap(addressesOf);
}

/** What cannot be read counts as one step to nowhere: mischief must not keep a loop going. */
function addressesOf(value: string): readonly NameAddr[] {
  try {
    return parseNameAddrList(value);
  } catch (error) {
    if (error instanceof SipError) return [UNREADABLE];
    throw error;
  }
}

/** The address alone. */
function plain({ scheme, user, host }: Uri): Uri {
  return { scheme, user, host, params: NO_PARAMS };
}
