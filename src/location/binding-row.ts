/** A binding as a row of the `location` table, there and back. Columns are OpenSIPS's: see `store/schema.ts`. */
import { hash } from 'node:crypto';
import { isIpAddress } from '../base/endpoint.ts';
import { SipError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import { parseNameAddr, splitList } from '../sip/name-addr.ts';
import { isOtherUri, parseUri } from '../sip/uri.ts';
import type { Value } from '../store/writer.ts';
import { Contact } from './contact.ts';

/** The columns that `restore` reads. */
export interface BindingRow {
  readonly username: string;
  readonly domain: string;
  readonly contact: string;
  readonly received: string | null;
  readonly path: string | null;
  readonly expires: number;
  readonly q: number;
  readonly callid: string;
  readonly cseq: number;
  readonly user_agent: string;
  readonly sip_instance: string | null;
  readonly reg_id: number | null;
  readonly socket?: string | null;
  readonly params?: string | null;
  readonly methods?: number | null;
}

/** Both clocks: by which we count, and by which the disk does. */
type Times = Pick<Clock, 'now' | 'wall'>;

/** Bits of `flags`: it is reached by its flow; that flow is one of several. */
const BOUND = 1;
const OUTBOUND = 2;

/** The bits that `methods.ts` knows. */
const METHODS_MASK = 0x3fff;
const SOCKET_LENGTH_MAX = 64;
const PROVIDER_LENGTH_MAX = 64;
const PARAM_LENGTH_MAX = 255;

/** What would end a header field: control characters, and what becomes one as it is written with a byte a character. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for.
const NO_TEXT = /[^\t\x20-\x7e\x80-\xff]/;
/** `udp:192.0.2.7:5062`, `tcp:[2001:db8::1]:5062` */
const RECEIVED = /^(?:udp|tcp|tls|wss?):\[?([\da-f:.]+?)\]?:(\d{1,5})$/;
const PORT_MAX = 65_535;

/** How a flow's URI ends on disk, so that flows with one Contact are as many rows. */
const FLOW = ';flow=';
const FLOW_HASH_LENGTH = 10;

/** What stands in the `contact` column, the key of the row beside the address-of-record. */
export function diskUri(contact: Contact): string {
  const { uriText, regId } = contact;
  if (regId === undefined) return uriText;
  const device = hash('sha256', contact.instance ?? '', 'hex').substring(0, FLOW_HASH_LENGTH);
  const question = uriText.indexOf('?');
  const end = question < 0 ? uriText.length : question;
  return `${uriText.substring(0, end)}${FLOW}${device}.${regId}${uriText.substring(end)}`;
}

/**
 * The values of `saveBinding`, in its order. On disk times are by the wall clock, which alone outlives a restart.
 * `place`: of some that are written at once, those with a higher one were changed later.
 */
export function savedValues(contact: Contact, clock: Times, place = 0): readonly Value[] {
  const { received = null, path = null, expiresAt, q, callId, cseq, userAgent } = contact;
  const { instance = null, regId = null } = contact;
  const [username, domain] = partsOf(contact.aor);
  const nowWall = clock.wall();
  const expires = Math.round(expiresAt - clock.now() + nowWall);
  const flags = (received === null ? 0 : BOUND) | (regId === null ? 0 : OUTBOUND);
  return [
    username,
    domain,
    diskUri(contact),
    received,
    path,
    expires,
    q,
    callId,
    cseq,
    nowWall + place,
    flags,
    userAgent,
    fits(contact.socket, SOCKET_LENGTH_MAX),
    instance,
    regId,
  ];
}

/** The values of `saveBindingDetails`, in its order. */
export function detailValues(contact: Contact): readonly Value[] {
  const { params, methods = null, push } = contact;
  const [username, domain] = partsOf(contact.aor);
  const attr = null;
  const provider = fits(push?.provider, PROVIDER_LENGTH_MAX);
  const param = fits(push?.param, PARAM_LENGTH_MAX);
  return [params, methods, attr, provider, param, push?.prid ?? null, username, domain, diskUri(contact)];
}

/** What a column beside the binding itself cannot hold is left out: the Contact has it too. */
function fits(text: string | undefined, lengthMax: number): string | null {
  return text === undefined || text.length > lengthMax ? null : text;
}

/** Whether the second row of a binding says more than the first, or than it said before. */
export function hasDetails(contact: Contact, before: Contact | undefined): boolean {
  const { params, methods } = contact;
  if (before === undefined)
    return methods !== undefined || contact.push !== undefined || params !== usualParams(contact);
  return params !== before.params || methods !== before.methods || contact.uriText !== before.uriText;
}

/** The values of `removeBinding`, in its order. */
export function removedValues(contact: Contact): readonly Value[] {
  const [username, domain] = partsOf(contact.aor);
  return [username, domain, diskUri(contact)];
}

/** The binding of a row. Undefined when the row was not written by us and cannot be a binding. */
export function contactOfRow(row: BindingRow, clock: Times): Contact | undefined {
  const { username, domain, callid, user_agent: userAgent, cseq, q, expires } = row;
  const expiresAt = expires - clock.wall() + Math.floor(clock.now());
  const { sip_instance: instance, reg_id: regId, received, path, socket = null, methods = null } = row;
  const params = row.params ?? usualParams({ instance: instance ?? undefined, regId: regId ?? undefined });
  const texts = [username, domain, row.contact, callid, userAgent, params, received, path, socket];
  if (texts.some((text) => text !== null && !isText(text))) return undefined;
  const contact = new Contact({
    aor: username === '' ? domain : `${username}@${domain}`,
    uriText: regId === null ? row.contact : withoutFlow(row.contact),
    q: Math.min(Math.max(q, 0), 1),
    expiresAt,
    callId: callid,
    cseq,
    userAgent,
    params,
    received: received === null || isOtherUri(row.contact) ? undefined : received,
    path: path ?? undefined,
    socket: socket ?? undefined,
    methods: methods === null ? undefined : methods & METHODS_MASK,
  });
  return isReachable(contact) ? contact : undefined;
}

/** SQLite keeps bytes in a column of text, if somebody puts them there. */
function isText(value: unknown): boolean {
  return typeof value === 'string' && !NO_TEXT.test(value);
}

/** Whether everything can be read that is read when somebody calls: a row must not end the call, or us. */
function isReachable({ uriText, received, path }: Contact): boolean {
  if (received !== undefined && !isEndpoint(received)) return false;
  try {
    if (!isOtherUri(uriText)) parseUri(uriText);
    if (path !== undefined) for (const value of splitList(path)) parseNameAddr(value);
    return path !== '';
  } catch (error) {
    if (error instanceof SipError) return false;
    throw error;
  }
}

function isEndpoint(received: string): boolean {
  const [, host = '', port] = RECEIVED.exec(received) ?? [];
  return isIpAddress(host) && Number(port) >= 1 && Number(port) <= PORT_MAX;
}

/** The parameters of a Contact that has nothing but device and flow. */
function usualParams({ instance, regId }: Pick<Contact, 'instance' | 'regId'>): string {
  const device = instance === undefined ? '' : `;+sip.instance="${instance}"`;
  return regId === undefined ? device : `${device};reg-id=${regId}`;
}

/** The URI of a flow's row, as the phone wrote it: `diskUri` the other way round. */
export function withoutFlow(uriText: string): string {
  const from = uriText.lastIndexOf(FLOW);
  if (from < 0) return uriText;
  const question = uriText.indexOf('?', from);
  return uriText.substring(0, from) + (question < 0 ? '' : uriText.substring(question));
}

/** An AOR without a user part is a domain alone. */
function partsOf(aor: string): [username: string, domain: string] {
  const at = aor.lastIndexOf('@');
  return at < 0 ? ['', aor] : [aor.substring(0, at), aor.substring(at + 1)];
}
