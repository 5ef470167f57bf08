/** Hosts in URIs and in Via: names, IPv4 addresses, IPv6 references. RFC 3261 §25.1, RFC 5954. */
import { bytesOf } from '../base/bytes.ts';
import { isIp4 } from '../base/endpoint.ts';
import { ALPHANUMERIC, charSet, isDigit, isHex, runEnd } from './scan.ts';

const DOT = 46;
const COLON = 58;
const OPEN = 91;
const CLOSE = 93;
/** The highest port there is. */
export const PORT_MAX = 65_535;

/** The underscore is in no host name of RFC 3261, but in many that phones are given. */
const LABEL = charSet(`${ALPHANUMERIC}-_`);

/** Where the host that begins at `from` ends, brackets included; -1 when there is none or it is malformed. */
export function hostEndAt(text: string, from: number, to: number): number {
  const bytes = bytesOf(text);
  if (from < to && bytes[from] === OPEN) {
    let close = from + 1;
    while (close < to && bytes[close] !== CLOSE) close++;
    return close < to && isIp6Between(text, from + 1, close) ? close + 1 : -1;
  }
  let at = runEnd(bytes, from, to, LABEL);
  for (let label = from; at < to && bytes[at] === DOT; at = runEnd(bytes, label, to, LABEL)) {
    if (at === label) return -1;
    label = at + 1;
  }
  return at > from ? at : -1;
}

/** Whether it is a host as a Uri has it: an IPv6 address without its brackets. */
export function isHost(host: string): boolean {
  if (host.includes(':')) return hostEndAt(`[${host}]`, 0, host.length + 2) === host.length + 2;
  let label = 0;
  for (let at = 0; at < host.length; at++) {
    const c = host.charCodeAt(at);
    if (c !== DOT && LABEL[c] !== 1) return false;
    if (c !== DOT) continue;
    if (at === label) return false;
    label = at + 1;
  }
  return host !== '';
}

/** Where the digits of a port that begins at `from` end; -1 when it is no number from 1 to 65,535. */
export function portEndAt(text: string, from: number, to: number): number {
  const bytes = bytesOf(text);
  let at = from;
  let port = 0;
  for (; at < to && isDigit(bytes[at]!); at++) {
    port = port * 10 + bytes[at]! - 48;
    if (port > PORT_MAX) return -1;
  }
  return port > 0 ? at : -1;
}

/** RFC 4291 §2.2: eight groups, one `::` for the missing ones, an IPv4 tail allowed. */
function isIp6Between(text: string, from: number, to: number): boolean {
  const bytes = bytesOf(text);
  let groups = 0;
  let gap = false;
  let at = from;
  if (bytes[at] === COLON) {
    if (bytes[at + 1] !== COLON) return false;
    gap = true;
    at += 2;
  }
  while (at < to) {
    const start = at;
    while (at < to && isHex(bytes[at]!)) at++;
    if (at < to && bytes[at] === DOT) {
      groups += 2;
      return isIp4(text.substring(start, to)) && (gap ? groups <= 7 : groups === 8);
    }
    if (at === start || at - start > 4) return false;
    groups++;
    if (at === to) break;
    if (bytes[at] !== COLON || at + 1 === to) return false;
    at++;
    if (bytes[at] === COLON) {
      if (gap) return false;
      gap = true;
      at++;
    }
  }
  return gap ? groups <= 7 : groups === 8;
}
