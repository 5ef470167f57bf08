/** Whether a Via field is well formed, every value of it. RFC 3261 §20.42, §25.1. */
import { isTokenChar } from './headers.ts';
import { hostEndAt, portEndAt } from './host.ts';
import { paramsEndAt } from './name-addr.ts';
import { skipBlanks } from './scan.ts';

const SLASH = 47;
const COLON = 58;

/** Whether [from, to) holds one or more Via values with commas between. */
export function isWellFormedViaList(text: string, from: number, to: number): boolean {
  for (let at = from; ; at++) {
    at = viaEndAt(text, at, to);
    if (at === to) return true;
    if (at < 0) return false;
  }
}

/** Walks over `SIP/2.0/UDP host:port;name=value` as far as a comma or `to`; -1 when malformed. */
function viaEndAt(text: string, from: number, to: number): number {
  let at = skipBlanks(text, from, to);
  for (let slashes = 0; slashes < 2; slashes++) {
    at = skipBlanks(text, tokenBehind(text, at, to), to);
    if (at >= to || text.charCodeAt(at) !== SLASH) return -1;
    at = skipBlanks(text, at + 1, to);
  }
  const transportEnd = tokenBehind(text, at, to);
  const sentBy = skipBlanks(text, transportEnd, to);
  if (transportEnd === at || sentBy === transportEnd) return -1;
  const hostEnd = hostEndAt(text, sentBy, to);
  if (hostEnd < 0) return -1;
  at = skipBlanks(text, hostEnd, to);
  if (at < to && text.charCodeAt(at) === COLON) {
    at = portEndAt(text, skipBlanks(text, at + 1, to), to);
    if (at < 0) return -1;
  }
  return paramsEndAt(text, at, to);
}

function tokenBehind(text: string, from: number, to: number): number {
  let at = from;
  while (at < to && isTokenChar(text.charCodeAt(at))) at++;
  return at;
}
