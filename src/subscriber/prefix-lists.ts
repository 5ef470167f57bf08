/**
 * Lists of whom one may not call, and of who may not call one. The longest prefix that fits decides; a user's own list
 * comes before that of his domain (`*@example.com`), and that before the list of all. `*` fits everything, so `* block`
 * and `+4930 allow` let nothing through but +4930.
 */
import type { Caller } from '../route/services.ts';
import type { Uri } from '../sip/uri.ts';
import { canonicalEscapes } from '../sip/escapes.ts';
import type { ListAction, ListDirection, ListEntry } from './kinds-of-users.ts';
import type { Provisions } from './provisions.ts';

/** Somebody, by all the names that a list may know him by. */
export interface Party {
  /** `+4930123456`, when there is such a number. */
  readonly number: string | undefined;
  /** As it was dialled; or as a caller is asserted, and as he says himself. */
  readonly uris: readonly Uri[];
  readonly isAnonymous?: boolean;
}

/** What the lists say of a call with that party: the user's, or else that of his domain, or else everybody's. */
export function verdict(
  provisions: Provisions,
  { user, domain }: Caller,
  direction: ListDirection,
  party: Party,
): ListAction | undefined {
  const { lists, globalList } = provisions;
  if (lists.size === 0 && globalList.size === 0) return undefined;
  const names = namesOf(party);
  const byUser = longest(lists.ofOwner(`${user}@${domain}`), direction, names);
  const byDomain = byUser ?? longest(lists.ofOwner(`*@${domain}`), direction, names);
  return byDomain ?? byGlobal(provisions, direction, names);
}

/** `anonymous`, the number, the addresses and their domains: as prefixes are written. */
function namesOf({ number, uris, isAnonymous = false }: Party): readonly string[] {
  const names = uris.flatMap(({ user = '', host }) => [`${canonicalEscapes(user)}@${host}`, `@${host}`]);
  if (number !== undefined) names.unshift(number);
  if (isAnonymous) names.unshift('anonymous');
  return names;
}

function longest(
  entries: readonly ListEntry[],
  direction: ListDirection,
  names: readonly string[],
): ListAction | undefined {
  let best: ListEntry | undefined;
  for (const entry of entries) {
    if (entry.direction !== direction || !names.some((name) => fits(entry.prefix, name))) continue;
    if (best === undefined || lengthOf(entry.prefix) > lengthOf(best.prefix)) best = entry;
  }
  return best?.action;
}

/** Addresses and domains are meant whole. */
function fits(prefix: string, name: string): boolean {
  if (prefix === '*') return true;
  return prefix.includes('@') ? name === prefix : name.startsWith(prefix);
}

function lengthOf(prefix: string): number {
  return prefix === '*' ? 0 : prefix.length;
}

/** The list of all may be long: it is asked for each prefix of the name, the longest first. */
function byGlobal(
  { globalList }: Provisions,
  direction: ListDirection,
  names: readonly string[],
): ListAction | undefined {
  const mark = direction === 'in' ? 'in:' : '';
  for (const name of names) {
    for (let length = name.length; length > 0; length--) {
      const found = globalList.get(mark + name.substring(0, length));
      if (found !== undefined && fits(found.prefix, name)) return found.action;
    }
  }
  return (globalList.get(`${mark}*`) ?? globalList.get(mark))?.action;
}
