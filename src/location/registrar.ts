/**
 * REGISTER → what changes and what is answered. Pure: nothing is changed here. RFC 3261 §10.3, steps 3 to 8.
 *
 *   readRegister   the request alone: address-of-record, contacts, times       steps 5 and 6
 *   planRegister   against the bindings that there are: every change, or none  steps 6 and 7
 *   answerOf       all bindings that hold afterwards                           step 8
 */
import { SipError } from '../base/errors.ts';
import { EXPIRES, PATH, TO, USER_AGENT } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';
import type { SipRequest } from '../sip/message.ts';
import { aorOf, parseUri, sameUri, type Uri } from '../sip/uri.ts';
import { Contact } from './contact.ts';
import { type ContactValue, readContacts, seconds, uriOfAddress } from './contact-field.ts';
import { isContactTranslated, isRelayed, isViaTranslated, receivedOf, type RegisterSource } from './nat.ts';

/** What a REGISTER is answered. */
export interface RegisterOutcome {
  readonly status: number;
  readonly reason?: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** What the operator allows. Times in seconds. */
export interface RegisterLimits {
  readonly minExpires: number;
  readonly maxExpires: number;
  readonly defaultExpires: number;
  /** Bindings an address-of-record. */
  readonly maxContacts: number;
}

/** A REGISTER, read. */
export interface Register {
  readonly aor: string;
  readonly callId: string;
  readonly cseq: number;
  /** `Contact: *`: every binding goes. */
  readonly all: boolean;
  readonly contacts: readonly AskedContact[];
  readonly userAgent: string;
  readonly path: string | undefined;
}

/** One contact of a REGISTER; `expires` 0 removes it. */
export interface AskedContact {
  readonly uriText: string;
  readonly params: string;
  readonly q: number;
  readonly expires: number;
  readonly received: string | undefined;
}

/** A binding that there is, and the row it lives in. */
export interface Binding {
  readonly row: number;
  readonly contact: Contact;
}

/** One change: `put` without a row adds, with a row replaces, `remove` removes. */
export type Change =
  | { readonly kind: 'put'; readonly contact: Contact; readonly old: Binding | undefined }
  | { readonly kind: 'remove'; readonly old: Binding };

/** RFC 3261 §10.3 step 7: only times below one hour may be refused as too brief. */
const TOO_BRIEF_BELOW = 3600;
/**
 * What the columns of the database hold, together less than BINDING_TEXT_MAX. A longer User-Agent is cut, longer
 * values of the other fields are refused.
 */
const URI_LENGTH_MAX = 512;
const CALL_ID_LENGTH_MAX = 255;
const USER_AGENT_LENGTH_MAX = 255;
const PARAMS_LENGTH_MAX = 1024;
const PATH_LENGTH_MAX = 1024;
const AOR_PART_LENGTH_MAX = 64;

/** Throws SipError 400, 403, 404 or 423. */
export function readRegister(request: SipRequest, source: RegisterSource, limits: RegisterLimits): Register {
  const { headers, cseq } = request;
  if (cseq < 0) throw new SipError('BAD_HEADER', 400, 'CSeq without a number');
  const aor = registeredAor(headers);
  const callId = bounded('Call-ID', request.callId, CALL_ID_LENGTH_MAX);
  const values = readContacts(headers);
  const path = headers.raw(PATH) === undefined ? undefined : headers.all('Path').join(', ');
  if (path !== undefined) bounded('Path', path, PATH_LENGTH_MAX);
  const userAgent = (headers.raw(USER_AGENT) ?? '').substring(0, USER_AGENT_LENGTH_MAX);
  const contacts: AskedContact[] = [];
  if (values === '*') checkStar(headers);
  else for (const value of values) contacts.push(askedContact(value, headers, source, limits));
  return { aor, callId, cseq, userAgent, path, all: values === '*', contacts };
}

/** RFC 3261 §10.3 step 5: the address-of-record is the URI of To; one that cannot be ours is not found. */
function registeredAor(headers: Headers): string {
  const to = headers.raw(TO);
  // Of two To fields, one would be checked and the other registered.
  if (to === undefined || (headers.twice & (1 << TO)) !== 0)
    throw new SipError('BAD_HEADER', 400, 'not exactly one To');
  const uri = parsed(uriOfAddress(to), 'To');
  if (uri.scheme !== 'sip' && uri.scheme !== 'sips')
    throw new SipError('BAD_HEADER', 404, 'To is no SIP address');
  const aor = aorOf(uri);
  const at = aor.lastIndexOf('@');
  if (at > AOR_PART_LENGTH_MAX || aor.length - at - 1 > AOR_PART_LENGTH_MAX) {
    throw new SipError(
      'BAD_HEADER',
      404,
      `the address in To is longer than ${AOR_PART_LENGTH_MAX} characters`,
    );
  }
  return aor;
}

/** RFC 3261 §10.3 step 6: `Contact: *` goes with `Expires: 0` and with nothing else. */
function checkStar(headers: Headers): void {
  const expires = headers.raw(EXPIRES);
  if (expires === undefined || seconds(expires, 0, expires.length) !== 0) {
    throw new SipError('BAD_HEADER', 400, 'Contact * without Expires 0');
  }
}

function askedContact(
  value: ContactValue,
  headers: Headers,
  source: RegisterSource,
  limits: RegisterLimits,
): AskedContact {
  const uriText = bounded('Contact', value.uriText, URI_LENGTH_MAX);
  const params = bounded('Contact parameters', value.params, PARAMS_LENGTH_MAX);
  const expires = grantedExpires(value, headers, limits);
  return { uriText, params, q: value.q, expires, received: received(uriText, headers, source) };
}

/** RFC 3261 §10.3 step 7: its own `expires`, else the Expires field, else ours; bounded. */
function grantedExpires(value: ContactValue, headers: Headers, limits: RegisterLimits): number {
  const asked = value.expires ?? expiresField(headers) ?? limits.defaultExpires;
  if (asked > 0 && asked < limits.minExpires && asked < TOO_BRIEF_BELOW) {
    const why = `expires ${asked}, the least is ${limits.minExpires}`;
    throw new SipError('INTERVAL_TOO_BRIEF', 423, why, { 'Min-Expires': String(limits.minExpires) });
  }
  return Math.min(asked, limits.maxExpires);
}

function expiresField(headers: Headers): number | undefined {
  const text = headers.raw(EXPIRES);
  return text === undefined ? undefined : seconds(text, 0, text.length);
}

/** A request with a Path, or one that a proxy relayed, comes from that proxy: not the phone's own way. */
function received(uriText: string, headers: Headers, source: RegisterSource): string | undefined {
  const translated = isContactTranslated(uriText, source) || isViaTranslated(headers, source);
  if (!translated || headers.find(PATH) >= 0 || isRelayed(headers)) return undefined;
  return receivedOf(source);
}

/**
 * Every change this request asks for, or a SipError: then nothing may be changed. RFC 3261 §10.3 steps 6 and 7.
 * `bindings` are all of this address-of-record, expired ones included.
 */
export function planRegister(
  register: Register,
  bindings: readonly Binding[],
  nowWall: number,
  maxContacts: number,
): readonly Change[] {
  if (register.all) {
    const removed = bindings.filter((binding) => !cameBefore(binding, register, nowWall));
    return removed.map((old) => ({ kind: 'remove', old }));
  }
  const changes: Change[] = [];
  for (const asked of register.contacts) addChange(changes, asked, register, bindings, nowWall);
  checkCount(changes, bindings, nowWall, maxContacts);
  return changes;
}

function addChange(
  changes: Change[],
  asked: AskedContact,
  register: Register,
  bindings: readonly Binding[],
  nowWall: number,
): void {
  const uri = lazyUri(asked.uriText);
  const old = bindings.find((binding) => isSame(binding.contact, asked.uriText, uri));
  if (old === undefined) uri();
  else if (cameBefore(old, register, nowWall)) return;
  dropEarlier(changes, old, asked.uriText, uri);
  if (asked.expires === 0) {
    if (old !== undefined) changes.push({ kind: 'remove', old });
    return;
  }
  const contact = bindingOf(asked, register, nowWall);
  // The text of the URI is the key on disk: the same URI in other words is another row there.
  const renamed = old !== undefined && old.contact.uriText !== asked.uriText;
  if (renamed) changes.push({ kind: 'remove', old });
  changes.push({ kind: 'put', contact, old: renamed ? undefined : old });
}

/**
 * Whether this very request made the binding: RFC 3261 §10.3 steps 6 and 7. With the Call-ID of the binding a lower
 * CSeq comes late, and the whole request fails with 500. An equal one is the same request again, because its answer
 * was lost: we answer REGISTER without a transaction (§8.2.7), so it is answered as before and changes nothing.
 * A binding whose time is over is no binding.
 */
function cameBefore(binding: Binding, register: Register, nowWall: number): boolean {
  const { contact } = binding;
  if (contact.expiresAt <= nowWall || contact.callId !== register.callId) return false;
  if (register.cseq < contact.cseq) {
    throw new SipError('BAD_HEADER', 500, 'CSeq is below the one of the binding');
  }
  return register.cseq === contact.cseq;
}

/** One URI twice in a request: the later counts. */
function dropEarlier(changes: Change[], old: Binding | undefined, uriText: string, uri: () => Uri): void {
  for (let i = changes.length - 1; i >= 0; i--) {
    const change = changes[i]!;
    const same = change.kind === 'put' ? isSame(change.contact, uriText, uri) : change.old === old;
    if (same) changes.splice(i, 1);
  }
}

/** RFC 3261 §19.1.4; most refreshes repeat the text, and nothing is parsed. */
function isSame(contact: Contact, uriText: string, uri: () => Uri): boolean {
  return contact.uriText === uriText || sameUri(contact.uri, uri());
}

function bindingOf(asked: AskedContact, register: Register, nowWall: number): Contact {
  const { uriText, params, q, received: receivedFrom } = asked;
  const { aor, callId, cseq, userAgent, path } = register;
  const expiresAt = nowWall + asked.expires * 1000;
  return new Contact({
    aor,
    uriText,
    q,
    expiresAt,
    callId,
    cseq,
    userAgent,
    params,
    received: receivedFrom,
    path,
  });
}

function checkCount(
  changes: readonly Change[],
  bindings: readonly Binding[],
  nowWall: number,
  most: number,
): void {
  let added = 0;
  let count = 0;
  for (const { contact } of bindings) if (contact.expiresAt > nowWall) count++;
  for (const change of changes) {
    const live = change.old !== undefined && change.old.contact.expiresAt > nowWall;
    if (change.kind === 'remove') count -= live ? 1 : 0;
    else if (!live) {
      count++;
      added++;
    }
  }
  if (added > 0 && count > most) throw new SipError('TOO_MANY_CONTACTS', 403, `more than ${most} contacts`);
}

/** RFC 3261 §10.3 step 8: every binding with the time it has left. Path is copied: RFC 3327 §5.3. */
export function answerOf(
  contacts: readonly Contact[],
  nowWall: number,
  path: string | undefined,
): RegisterOutcome {
  const headers: [string, string][] = [];
  for (const contact of contacts) headers.push(['Contact', contactLine(contact, nowWall)]);
  if (path !== undefined) headers.push(['Path', path]);
  return { status: 200, headers };
}

function contactLine(contact: Contact, nowWall: number): string {
  const q = contact.q === 1 ? '' : `;q=${contact.q}`;
  const expires = Math.ceil((contact.expiresAt - nowWall) / 1000);
  return `<${contact.uriText}>${contact.params}${q};expires=${expires}`;
}

/** What a refused REGISTER is answered. */
export function refusalOf(error: SipError): RegisterOutcome {
  return { status: error.status, reason: error.message, headers: Object.entries(error.headers) };
}

function bounded(name: string, value: string, lengthMax: number): string {
  if (value.length > lengthMax)
    throw new SipError('BAD_HEADER', 400, `${name} is longer than ${lengthMax} characters`);
  return value;
}

/** Parses when first asked, once. */
function lazyUri(text: string): () => Uri {
  let uri: Uri | undefined;
  return () => (uri ??= parsed(text, 'Contact'));
}

/** RFC 3261 §21.4.14 keeps 416 for the Request-URI: elsewhere a scheme we do not know is a malformed field. */
function parsed(text: string, field: string): Uri {
  try {
    return parseUri(text);
  } catch (error) {
    if (!(error instanceof SipError)) throw error;
    throw new SipError('BAD_HEADER', 400, `${field} without a valid URI`);
  }
}
