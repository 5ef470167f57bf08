/** Where a redirection leads: the Contacts of a 3xx, and in which order they are tried. RFC 3261 §8.1.3.4, §20.10 */
import { contactsOf } from './contacts.ts';
import type { SipResponse } from './message.ts';
import type { NameAddr } from './name-addr.ts';
import type { Uri } from './uri.ts';

/** Somewhere else to try. */
export interface Redirected {
  readonly uri: Uri;
  /** 0 to 1. */
  readonly q: number;
}

/** The Contacts that can be called, as they stand; none for a response that redirects nobody. */
export function redirectedTo(response: SipResponse): readonly Redirected[] {
  const { status } = response;
  if (status !== 300 && status !== 301 && status !== 302) return [];
  return contactsOf(response).flatMap((contact) => {
    const uri = followable(contact.uri);
    return uri === undefined ? [] : [{ uri, q: quality(contact) }];
  });
}

/** Groups of equal `q`, the highest first; without one it is 1. RFC 3261 §16.6 */
export function groupsByQ<T extends { readonly q?: number | undefined }>(
  items: readonly T[],
): readonly T[][] {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const q = item.q ?? 1;
    const group = groups.get(q);
    if (group === undefined) groups.set(q, [item]);
    else group.push(item);
  }
  return [...groups].sort(([a], [b]) => b - a).map(([, group]) => group);
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
