/**
 * What a REGISTER changes and what is answered. Pure: nothing is changed here. RFC 3261 §10.3, steps 6 to 8.
 *
 *   readRegister   (read-register.ts) the request alone                        steps 3, 5 and 6
 *   planRegister   against the bindings that there are: every change, or none  steps 6 and 7
 *   answerOf       all bindings that hold afterwards                           step 8
 */
import { SipError } from '../base/errors.ts';
import type { Millis } from '../base/world.ts';
import { isOtherUri, sameUri, type Uri } from '../sip/uri.ts';
import { diskUri } from './binding-row.ts';
import { Contact } from './contact.ts';
import { type AskedContact, parsedUri, type Register, type RegisterLimits } from './read-register.ts';

/** What a REGISTER is answered. */
export interface RegisterOutcome {
  readonly status: number;
  readonly reason?: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** A binding that there is, and the row it lives in. */
export interface Binding {
  readonly row: number;
  readonly contact: Contact;
  /** The higher, the later it was changed. */
  readonly order: number;
}

/** One change: `put` without a row adds, with a row replaces, `remove` removes. */
export type Change =
  | { readonly kind: 'put'; readonly contact: Contact; readonly old: Binding | undefined }
  | { readonly kind: 'remove'; readonly old: Binding };

/** What of the limits decides here. */
export type PlanLimits = Pick<RegisterLimits, 'maxContacts' | 'whenFull' | 'matching'>;

/**
 * Every change this request asks for, or a SipError: then nothing may be changed. RFC 3261 §10.3 steps 6 and 7.
 * `bindings` are all of this address-of-record, expired ones included; `now`: whole milliseconds, monotonic.
 */
export function planRegister(
  register: Register,
  bindings: readonly Binding[],
  now: Millis,
  limits: PlanLimits,
): readonly Change[] {
  if (register.all) {
    const removed = bindings.filter((binding) => !cameBefore(binding, register, now));
    return removed.map((old) => ({ kind: 'remove', old }));
  }
  const changes: Change[] = [];
  for (const asked of register.contacts) {
    const old = boundBefore(asked, register, bindings, changes, limits);
    addChange(changes, asked, old, register, now);
  }
  return withinLimit(changes, bindings, now, limits);
}

/** The bindings that a request would renew: those that hold, and are asked for once more. */
export function renewedBy(
  register: Register,
  bindings: readonly Binding[],
  now: Millis,
  limits: PlanLimits,
): readonly (readonly [old: Binding, expiresMs: Millis])[] {
  const live = bindings.filter(({ contact }) => contact.expiresAt > now);
  return register.contacts.flatMap((asked) => {
    const old = asked.expires === 0 ? undefined : boundBefore(asked, register, live, [], limits);
    return old === undefined ? [] : [[old, asked.expires * 1000]];
  });
}

/**
 * The binding that a contact stands for. A flow of a device is known by device and flow, whatever its URI (RFC 5626
 * §6). Any other contact is known by its URI, and where the operator says so, by its device or its Call-ID: then a
 * phone whose address has changed takes its old binding's place. What the request names itself is not its place.
 */
function boundBefore(
  asked: AskedContact,
  register: Register,
  bindings: readonly Binding[],
  changes: readonly Change[],
  { matching }: PlanLimits,
): Binding | undefined {
  const known = askedAmong(bindings, asked);
  if (known !== undefined) return known;
  const uri = lazyUri(asked.uriText);
  uri();
  if (asked.regId !== undefined) return undefined;
  // Who takes a flow away may forget to say which one.
  if (asked.expires === 0)
    return bindings.find((one) => isOfCall(one, register) && isSame(one.contact, asked.uriText, uri));
  if (matching === 'uri' || isOtherUri(asked.uriText)) return undefined;
  const free = bindings.filter(
    (one) =>
      one.contact.regId === undefined &&
      !one.contact.isOther &&
      !changes.some(({ old }) => old === one) &&
      !isNamed(one, register),
  );
  if (matching === 'call-id') return free.find((one) => isOfCall(one, register));
  return asked.instance === undefined
    ? undefined
    : free.find(({ contact }) => contact.instance === asked.instance);
}

/** The one that it names itself. */
function askedAmong(bindings: readonly Binding[], asked: AskedContact): Binding | undefined {
  if (asked.regId !== undefined) return bindings.find(({ contact }) => isFlow(contact, asked));
  let uri: (() => Uri | undefined) | undefined;
  for (const one of bindings) {
    const { contact } = one;
    if (contact.regId !== undefined) continue;
    // Most refreshes repeat the text, and nothing is parsed.
    if (contact.uriText === asked.uriText) return one;
    if (isSame(contact, asked.uriText, (uri ??= lazyUri(asked.uriText)))) return one;
  }
  return undefined;
}

function isFlow(contact: Contact, { regId, instance }: AskedContact): boolean {
  return contact.regId === regId && contact.instance === instance;
}

function isOfCall({ contact }: Binding, { callId, cseq }: Register): boolean {
  return contact.callId === callId && contact.cseq < cseq;
}

function isNamed({ contact }: Binding, { contacts }: Register): boolean {
  return contacts.some(({ uriText }) => isSame(contact, uriText, lazyUri(uriText)));
}

function addChange(
  changes: Change[],
  asked: AskedContact,
  old: Binding | undefined,
  register: Register,
  now: Millis,
): void {
  if (old !== undefined && cameBefore(old, register, now)) return;
  dropEarlier(changes, old, asked);
  if (asked.expires === 0) {
    if (old !== undefined) changes.push({ kind: 'remove', old });
    return;
  }
  const contact = bindingOf(asked, register, now);
  // The text of the URI is the key on disk: the same URI in other words is another row there.
  const renamed = old !== undefined && diskUri(old.contact) !== diskUri(contact);
  if (renamed) changes.push({ kind: 'remove', old });
  changes.push({ kind: 'put', contact, old: renamed ? undefined : old });
}

/**
 * Whether this very request made the binding: RFC 3261 §10.3 steps 6 and 7. With the Call-ID of the binding a lower
 * CSeq comes late, and the whole request fails with 500. An equal one is the same request again, because its answer
 * was lost: we answer REGISTER without a transaction (§8.2.7), so it is answered as before and changes nothing.
 * A binding whose time is over is no binding.
 */
function cameBefore(binding: Binding, register: Register, now: Millis): boolean {
  const { contact } = binding;
  if (contact.expiresAt <= now || contact.callId !== register.callId) return false;
  if (register.cseq < contact.cseq) {
    throw new SipError('BAD_HEADER', 500, 'CSeq is below the one of the binding');
  }
  return register.cseq === contact.cseq;
}

/** One binding twice in a request: the later counts. */
function dropEarlier(changes: Change[], old: Binding | undefined, asked: AskedContact): void {
  if (changes.length === 0) return;
  const uri = lazyUri(asked.uriText);
  for (let i = changes.length - 1; i >= 0; i--) {
    const change = changes[i]!;
    const { contact } = change.kind === 'put' ? change : change.old;
    const same =
      change.kind === 'put' && contact.regId === asked.regId
        ? asked.regId === undefined
          ? isSame(contact, asked.uriText, uri)
          : isFlow(contact, asked)
        : change.old !== undefined && change.old === old;
    if (same) changes.splice(i, 1);
  }
}

/** RFC 3261 §19.1.4; other schemes are compared by their text alone. */
function isSame(contact: Contact, uriText: string, uri: () => Uri | undefined): boolean {
  if (contact.uriText === uriText) return true;
  const asked = contact.isOther ? undefined : uri();
  return asked !== undefined && sameUri(contact.uri, asked);
}

function bindingOf(asked: AskedContact, register: Register, now: Millis): Contact {
  const { uriText, params, q, received, socket } = asked;
  const { aor, callId, cseq, userAgent, path, methods } = register;
  const expiresAt = now + asked.expires * 1000;
  return new Contact({
    aor,
    uriText,
    q,
    expiresAt,
    callId,
    cseq,
    userAgent,
    params,
    received,
    path,
    socket,
    methods,
  });
}

/** Refuses what is too many, or makes room: those go whose last word is the longest ago. */
function withinLimit(
  changes: Change[],
  bindings: readonly Binding[],
  now: Millis,
  { maxContacts, whenFull }: PlanLimits,
): readonly Change[] {
  let added = 0;
  let count = 0;
  for (const { contact } of bindings) if (contact.expiresAt > now) count++;
  for (const change of changes) {
    const live = change.old !== undefined && change.old.contact.expiresAt > now;
    if (change.kind === 'remove') count -= live ? 1 : 0;
    else if (!live) {
      count++;
      added++;
    }
  }
  if (added === 0 || count <= maxContacts) return changes;
  const touched = new Set(changes.map(({ old }) => old));
  const others = bindings.filter((one) => one.contact.expiresAt > now && !touched.has(one));
  if (whenFull === 'refuse' || count - others.length > maxContacts)
    throw new SipError('TOO_MANY_CONTACTS', 403, `more than ${maxContacts} contacts`);
  const oldest = others.toSorted((a, b) => (a.order - b.order) | 0).slice(0, count - maxContacts);
  return [...oldest.map((old): Change => ({ kind: 'remove', old })), ...changes];
}

/** What stands in an answer beside the bindings. */
export interface AnswerParts {
  readonly now: Millis;
  /** More parameters of a Contact, such as its GRUUs. */
  readonly more?: ((contact: Contact) => string) | undefined;
  readonly headers: readonly (readonly [string, string])[];
}

/** RFC 3261 §10.3 step 8: every binding with the time it has left. */
export function answerOf(contacts: readonly Contact[], parts: AnswerParts): RegisterOutcome {
  const headers: (readonly [string, string])[] = [];
  for (const contact of contacts) headers.push(['Contact', contactLine(contact, parts)]);
  headers.push(...parts.headers);
  return { status: 200, headers };
}

function contactLine(contact: Contact, { now, more }: AnswerParts): string {
  const q = contact.q === 1 ? '' : `;q=${contact.q}`;
  const expires = Math.ceil((contact.expiresAt - now) / 1000);
  return `<${contact.uriText}>${contact.params}${more?.(contact) ?? ''}${q};expires=${expires}`;
}

/** What a refused REGISTER is answered. */
export function refusalOf(error: SipError): RegisterOutcome {
  return { status: error.status, reason: error.message, headers: Object.entries(error.headers) };
}

/** Parses when first asked, once; undefined is a URI of another scheme. Throws SipError 400. */
function lazyUri(text: string): () => Uri | undefined {
  let uri: Uri | undefined;
  return () => (isOtherUri(text) ? undefined : (uri ??= parsedUri(text, 'Contact')));
}
