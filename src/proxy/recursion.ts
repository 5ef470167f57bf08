/** Redirections that are followed, not passed: the Contacts of a 3xx become branches. RFC 3261 §16.5, §16.7 step 4 */
import { SipError } from '../base/errors.ts';
import type { SipResponse } from '../sip/message.ts';
import { type NameAddr, parseNameAddrList } from '../sip/name-addr.ts';
import type { Uri } from '../sip/uri.ts';
import { placeOf } from './dialog-guard.ts';
import { byPreference, type Plan, type Target } from './plan.ts';

/** Contacts that one request follows in all, unless its script says less. */
export const RECURSION_MAX = 8;

/** How far redirections are followed. */
export interface RecursionOptions {
  readonly max: number;
  /** Whether a Contact may be followed: whoever redirects must not choose what others pay for. */
  readonly mayFollow: (uri: Uri) => boolean;
}

/** What one request has followed so far. */
export class Recursion {
  private readonly options: RecursionOptions;
  /** No URI is tried twice, whoever named it. §16.5 */
  private readonly tried = new Set<string>();
  private followed = 0;

  constructor(options: RecursionOptions) {
    this.options = options;
  }

  /** This URI has been tried already, redirected to or not. */
  note(uri: Uri): void {
    this.tried.add(placeOf(uri));
  }

  /** The Contacts to try in place of the branch that said so, equal `q` together; undefined when there are none. */
  planFor(response: SipResponse): Plan | undefined {
    const { status } = response;
    if (status !== 300 && status !== 301 && status !== 302) return undefined;
    const targets: Target[] = [];
    for (const contact of contactsOf(response)) {
      if (this.followed === this.options.max) break;
      const uri = followable(contact.uri);
      if (uri === undefined || this.tried.has(placeOf(uri)) || !this.options.mayFollow(uri)) continue;
      this.note(uri);
      this.followed++;
      targets.push({ uri, q: quality(contact) });
    }
    return targets.length === 0 ? undefined : byPreference(targets);
  }
}

/** What cannot be read leads nowhere. */
function contactsOf(response: SipResponse): readonly NameAddr[] {
  try {
    return response.headers.all('Contact').flatMap((value) => parseNameAddrList(value));
  } catch (error) {
    if (error instanceof SipError) return [];
    throw error;
  }
}

/** As a Request-URI: header fields and a method that it asks for are not ours to put in (§19.1.5). */
function followable(uri: Uri): Uri | undefined {
  if (uri.scheme === 'tel') return undefined;
  const { method, ...params } = uri.params;
  return { ...uri, params: method === undefined ? uri.params : params, headers: undefined };
}

/** 1 when it does not say, or says nonsense. RFC 3261 §20.10 */
function quality({ params }: NameAddr): number {
  const q = Number(params['q'] ?? 1);
  return q >= 0 && q <= 1 ? q : 1;
}
