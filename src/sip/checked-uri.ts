/** A Uri that a script made is looked at before it is printed: what the parser would not take does not leave. */
import { checkUri, refused } from '../base/options.ts';
import { isEscapeAt } from './escapes.ts';
import { isHost, PORT_MAX } from './host.ts';
import { INVISIBLE, allBut } from './scan.ts';
import { HEADERS, isTelDigit, PARAM_NAME, PARAM_VALUE, SEPARATORS, USER } from './uri-characters.ts';
import { isShared, type Uri } from './uri.ts';

const PERCENT = 37;
const PLUS = 43;

/** What stands between `<` and `>` and is one word. */
const ONE_WORD = allBut(`${INVISIBLE}<>"`).fill(0, 128);

const SCHEMES = 'sip, sips or tel';
const PLAIN_USER =
  "letters, digits, any of -_.!~*'()&=+$,;?/# and escapes such as %40 (numbers.e164 takes the blanks out of a number)";
const TEL_USER = 'a telephone number of digits, -.() and a leading +';
const HOST = 'a domain name or an IP address, IPv6 without brackets,';
const PARAM = "letters, digits, any of -_.!~*'()[]/:&+$ and escapes such as %20";

/** Throws INVALID, naming the part, unless the parser would take this URI once it is printed. RFC 3261 §25.1 */
export function checkPrintable(what: string, uri: Uri): void {
  checkUri(what, uri);
  const { scheme, user, password, host, port, params, headers } = uri;
  if (scheme === 'tel') return checkTel(what, uri);
  if (scheme !== 'sip' && scheme !== 'sips') throw refused(`the scheme in ${what}`, SCHEMES, scheme);
  if (user !== undefined && !isMadeOf(user, USER)) throw refused(`the user in ${what}`, PLAIN_USER, user);
  if (password !== undefined) checkPassword(what, uri);
  if (typeof host !== 'string' || !isHost(host)) throw refused(`the host in ${what}`, HOST, host);
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port <= PORT_MAX))
    throw refused(`the port in ${what}`, `a port from 1 to ${PORT_MAX}`, port);
  if (!isShared(params)) checkParams(what, uri);
  if (headers !== undefined && !isMadeOf(headers, HEADERS))
    throw refused(`the headers in ${what}`, 'name=value, joined by & and escaped,', headers);
}

/** The same of one that is at hand as text: it is one word and ends no brackets. */
export function checkUriText(what: string, text: string): void {
  if (isMadeOf(text, ONE_WORD)) return;
  throw refused(`the uriText of ${what}`, 'a URI as text', text);
}

function checkTel(what: string, uri: Uri): void {
  if (!isTelNumber(uri.user)) throw refused(`the user in ${what}`, TEL_USER, uri.user);
  if (uri.headers !== undefined) throw refused(`the headers in ${what}`, 'none in a tel URI', uri.headers);
  checkParams(what, uri);
}

function checkPassword(what: string, { user, password }: Uri): void {
  if (user === undefined) throw refused(`the password in ${what}`, 'a user beside it', password);
  if (password !== '' && !isMadeOf(password, USER))
    throw refused(`the password in ${what}`, 'what may stand in a user', password);
}

function checkParams(what: string, { params }: Uri): void {
  if (typeof params !== 'object' || params === null)
    throw refused(`the params in ${what}`, 'a record, {} for none,', params);
  for (const name in params) {
    const value = params[name];
    if (!isMadeOf(name, PARAM_NAME)) throw refused(`a name in the params of ${what}`, PARAM, name);
    if (value !== true && !isMadeOf(value, PARAM_VALUE))
      throw refused(`${name} in the params of ${what}`, `true, or ${PARAM}`, value);
  }
}

/** RFC 3966 §3, as `parseUri` takes it. */
function isTelNumber(user: unknown): boolean {
  if (typeof user !== 'string') return false;
  let digits = 0;
  for (let at = 0; at < user.length; at++) {
    const c = user.charCodeAt(at);
    if (isTelDigit(c)) digits++;
    else if (SEPARATORS[c] !== 1 && !(c === PLUS && at === 0)) return false;
  }
  return digits > 0;
}

/** Whether it is a text, not empty, of these characters and escapes. */
function isMadeOf(text: unknown, allowed: Uint8Array): boolean {
  if (typeof text !== 'string' || text === '') return false;
  for (let at = 0; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (allowed[c] === 1) continue;
    if (c !== PERCENT || !isEscapeAt(text, at)) return false;
    at += 2;
  }
  return true;
}
