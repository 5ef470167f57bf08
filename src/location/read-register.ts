/** A REGISTER, read and checked, whatever is registered already. RFC 3261 §10.3, RFC 3327, RFC 5626 §6, RFC 8599 */
import { SipError } from '../base/errors.ts';
import type { Random } from '../base/world.ts';
import { hasOption } from '../dialog/session-timer.ts';
import { EXPIRES, PATH, REQUIRE, SUPPORTED, TO, USER_AGENT } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';
import type { SipRequest } from '../sip/message.ts';
import { splitList } from '../sip/name-addr.ts';
import { registrarOptions } from '../sip/words.ts';
import { aorOf, isOtherUri, parseUri, type Uri } from '../sip/uri.ts';
import { type ContactValue, readContacts, seconds, uriOfAddress } from './contact-field.ts';
import { isLoopback } from '../transport/reach.ts';
import { AllowLines } from './methods.ts';
import { isContactTranslated, isRelayed, isViaTranslated, receivedOf, type RegisterSource } from './nat.ts';
import { pushProviderOf } from './push-address.ts';

/** What the operator allows. Times in seconds. */
export interface RegisterLimits {
  readonly minExpires: number;
  readonly maxExpires: number;
  readonly defaultExpires: number;
  /** Bindings an address-of-record. */
  readonly maxContacts: number;
  /** What becomes of one more: it is refused, or takes the place of the oldest. */
  readonly whenFull: 'refuse' | 'replace';
  /** What makes a contact the same as one before, beside its URI. */
  readonly matching: 'uri' | 'call-id' | 'instance';
  /** Granted times are up to so many percent shorter than asked for, so that refreshes do not come in waves. */
  readonly jitterPercent: number;
  /** A Path of a phone that does not say that it knows what that is: taken all the same, refused, or left out. */
  readonly path: 'lazy' | 'strict' | 'off';
  /** Services that we wake phones by; empty: any may be named. */
  readonly pushProviders: readonly string[];
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
  readonly methods: number | undefined;
  /** Whether it asks for GRUUs. RFC 5627 §5.1 */
  readonly gruu: boolean;
}

/** One contact of a REGISTER; `expires` 0 removes it. */
export interface AskedContact {
  readonly uriText: string;
  /** Without `reg-id` where no flow was agreed on. */
  readonly params: string;
  readonly q: number;
  readonly expires: number;
  readonly received: string | undefined;
  readonly socket: string | undefined;
  readonly instance: string | undefined;
  readonly regId: number | undefined;
}

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
const INSTANCE_LENGTH_MAX = 255;
const PATH_LENGTH_MAX = 1024;
const AOR_PART_LENGTH_MAX = 64;
/** What a flow's URI is made longer by on disk. */
const FLOW_SUFFIX_MAX = 32;

/** Throws SipError 400, 403, 404, 420, 423, 439 or 555. */
export function readRegister(
  request: SipRequest,
  source: RegisterSource,
  limits: RegisterLimits,
  random?: Random,
  allow = new AllowLines(),
): Register {
  const { headers, cseq } = request;
  if (cseq < 0) throw new SipError('BAD_HEADER', 400, 'CSeq without a number');
  checkRequired(headers);
  const aor = registeredAor(request);
  const callId = bounded('Call-ID', request.callId, CALL_ID_LENGTH_MAX);
  const values = readContacts(headers);
  const path = pathOf(headers, limits);
  if (path !== undefined) checkPath(path, source);
  const userAgent = (headers.raw(USER_AGENT) ?? '').substring(0, USER_AGENT_LENGTH_MAX);
  const contacts: AskedContact[] = [];
  if (values === '*') checkStar(headers);
  else {
    const asking = new Asking(headers, source, limits, random);
    for (const value of values) contacts.push(asking.contact(value, path));
  }
  if (contacts.length > 1) checkOneFlow(contacts);
  const methods = allow.methodsIn(headers);
  const gruu = contacts.some(({ instance }) => instance !== undefined) && supports(headers, 'gruu');
  return { aor, callId, cseq, userAgent, path, methods, gruu, contacts, all: values === '*' };
}

/** RFC 3261 §10.3 step 2: what we do not understand is listed in Unsupported. */
function checkRequired(headers: Headers): void {
  if (headers.find(REQUIRE) < 0) return;
  const tags = headers.all('Require').flatMap(splitList);
  const unknown = tags.filter((tag) => tag !== '' && !registrarOptions.includes(tag.toLowerCase()));
  if (unknown.length === 0) return;
  throw new SipError('BAD_EXTENSION', 420, 'Require asks for what we do not know', {
    Unsupported: unknown.join(', '),
  });
}

/** RFC 3261 §10.3 step 5: the address-of-record is the URI of To; one that cannot be ours is not found. */
function registeredAor(request: SipRequest): string {
  const { headers } = request;
  // Of two To fields, one would be checked and the other registered.
  if (headers.find(TO) < 0 || (headers.twice & (1 << TO)) !== 0)
    throw new SipError('BAD_HEADER', 400, 'not exactly one To');
  const uri = toUri(request);
  if (uri.scheme !== 'sip' && uri.scheme !== 'sips')
    throw new SipError('BAD_HEADER', 404, 'To is no SIP address');
  const aor = aorOf(uri);
  const at = aor.lastIndexOf('@');
  if (at > AOR_PART_LENGTH_MAX || aor.length - at - 1 > AOR_PART_LENGTH_MAX) {
    const why = `the address in To is longer than ${AOR_PART_LENGTH_MAX} characters`;
    throw new SipError('BAD_HEADER', 404, why);
  }
  return aor;
}

function toUri(request: SipRequest): Uri {
  try {
    return request.to.uri;
  } catch (error) {
    throw withoutUri(error, 'To');
  }
}

/** RFC 3261 §10.3 step 6: `Contact: *` goes with `Expires: 0` and with nothing else. */
function checkStar(headers: Headers): void {
  if (expiresField(headers) !== 0) throw new SipError('BAD_HEADER', 400, 'Contact * without Expires 0');
}

/** The proxies on the way to the phone, whichever of them asked for that. RFC 3327 §5.3 */
function pathOf(headers: Headers, limits: RegisterLimits): string | undefined {
  if (headers.find(PATH) < 0 || limits.path === 'off') return undefined;
  if (limits.path === 'strict' && !supports(headers, 'path'))
    throw new SipError('BAD_EXTENSION', 420, 'a Path that the phone does not know of', {
      Unsupported: 'path',
    });
  return bounded('Path', headers.all('Path').join(', '), PATH_LENGTH_MAX);
}

/**
 * RFC 3327 §6: nobody knows who wrote a Path. One that leads to our own machine can come from there alone, else a phone
 * could have us speak to what listens on its loopback.
 */
function checkPath(path: string, { remote }: RegisterSource): void {
  const { host, params } = parsedUri(uriOfAddress(splitList(path)[0] ?? ''), 'Path');
  const { maddr = host } = params;
  const target = typeof maddr === 'string' ? maddr.replace(/^\[|\]$/g, '') : host;
  if (isLoopback(target) && !isLoopback(remote.host))
    throw new SipError('BAD_HEADER', 403, 'a Path to our own machine, from another');
}

/** RFC 5626 §6: whoever registers a flow registers nothing else with it. */
function checkOneFlow(contacts: readonly AskedContact[]): void {
  const lasting = contacts.filter(({ expires }) => expires > 0);
  if (lasting.length > 1 && lasting.some(({ regId }) => regId !== undefined))
    throw new SipError('BAD_HEADER', 400, 'reg-id beside another Contact');
}

/** The contacts of one request. */
class Asking {
  private readonly headers: Headers;
  private readonly source: RegisterSource;
  private readonly limits: RegisterLimits;
  private readonly random: Random | undefined;

  constructor(headers: Headers, source: RegisterSource, limits: RegisterLimits, random: Random | undefined) {
    this.headers = headers;
    this.source = source;
    this.limits = limits;
    this.random = random;
  }

  contact(value: ContactValue, path: string | undefined): AskedContact {
    const { q, instance } = value;
    const uriText = bounded('Contact', value.uriText, URI_LENGTH_MAX);
    const params = bounded('Contact parameters', value.params, PARAMS_LENGTH_MAX);
    if (instance !== undefined) bounded('+sip.instance', instance, INSTANCE_LENGTH_MAX);
    const expires = this.granted(value.expires);
    const isOther = isOtherUri(uriText);
    if (expires > 0 && !isOther) this.checkPush(uriText);
    // RFC 5626 §6: a flow leads to a SIP URI alone.
    const regId = isOther ? undefined : this.flowOf(value, path);
    if (regId !== undefined) bounded('Contact', uriText, URI_LENGTH_MAX - FLOW_SUFFIX_MAX);
    const received = isOther ? undefined : this.received(uriText, regId);
    const socket = received === undefined ? undefined : this.source.sentBy;
    const kept = regId === undefined ? params : `${params};reg-id=${regId}`;
    return { uriText, params: kept, q, expires, received, socket, instance, regId };
  }

  /** RFC 3261 §10.3 step 7: its own `expires`, else the Expires field, else ours; bounded. */
  private granted(own: number | undefined): number {
    const { minExpires, maxExpires, defaultExpires, jitterPercent } = this.limits;
    const asked = own ?? expiresField(this.headers) ?? defaultExpires;
    if (asked > 0 && asked < minExpires && asked < TOO_BRIEF_BELOW) {
      const why = `expires ${asked}, the least is ${minExpires}`;
      throw new SipError('INTERVAL_TOO_BRIEF', 423, why, { 'Min-Expires': String(minExpires) });
    }
    const granted = Math.min(asked, maxExpires);
    const shorter = Math.min(Math.floor((granted * jitterPercent) / 100), granted - minExpires);
    return shorter > 0 && this.random !== undefined ? granted - this.random.below(shorter + 1) : granted;
  }

  /** The flow that it asks for, when every part of it is there; otherwise `reg-id` says nothing. RFC 5626 §6 */
  private flowOf({ instance, regId }: ContactValue, path: string | undefined): number | undefined {
    if (instance === undefined || regId === undefined || !supports(this.headers, 'outbound'))
      return undefined;
    if (isRelayed(this.headers) && !isOutboundEdge(path))
      throw new SipError('BAD_EXTENSION', 439, 'First Hop Lacks Outbound Support');
    return regId;
  }

  /** A request with a Path, or one that a proxy relayed, comes from that proxy: not the phone's own way. */
  private received(uriText: string, regId: number | undefined): string | undefined {
    const { headers, source } = this;
    const translated =
      regId !== undefined || isContactTranslated(uriText, source) || isViaTranslated(headers, source);
    if (!translated || headers.find(PATH) >= 0 || isRelayed(headers)) return undefined;
    return receivedOf(source);
  }

  /** RFC 8599 §5.3: a service that we do not serve is refused, so that the phone does not go to sleep on it. */
  private checkPush(uriText: string): void {
    const { pushProviders } = this.limits;
    if (pushProviders.length === 0 || !uriText.includes(';pn-provider')) return;
    const provider = pushProviderOf(parsedUri(uriText, 'Contact'));
    // Without a value it asks which there are. RFC 8599 §4.1.1
    if (provider === undefined || provider === '' || pushProviders.includes(provider)) return;
    throw new SipError('BAD_EXTENSION', 555, 'Push Notification Service Not Supported');
  }
}

/** The first hop is the proxy that put in its Path before all others: the last value. RFC 5626 §5.1, §6 */
function isOutboundEdge(path: string | undefined): boolean {
  const last = path === undefined ? undefined : splitList(path).at(-1);
  return last !== undefined && /;\s*ob\s*(?:[;>=]|$)/i.test(last);
}

/** Whether an extension stands in Supported or Require. RFC 3261 §20.32, §20.37 */
function supports(headers: Headers, option: string): boolean {
  if (headers.find(SUPPORTED) >= 0 && hasOption(headers, 'Supported', option)) return true;
  return headers.find(REQUIRE) >= 0 && hasOption(headers, 'Require', option);
}

function expiresField(headers: Headers): number | undefined {
  const place = headers.find(EXPIRES);
  if (place < 0) return undefined;
  return seconds(headers.text, headers.valueStart(place), headers.valueEnd(place));
}

function bounded(name: string, value: string, lengthMax: number): string {
  if (value.length > lengthMax)
    throw new SipError('BAD_HEADER', 400, `${name} is longer than ${lengthMax} characters`);
  return value;
}

/** Throws SipError 400: RFC 3261 §21.4.14 keeps 416 for the Request-URI. */
export function parsedUri(text: string, field: string): Uri {
  try {
    return parseUri(text);
  } catch (error) {
    throw withoutUri(error, field);
  }
}

function withoutUri(error: unknown, field: string): unknown {
  if (!(error instanceof SipError)) return error;
  return new SipError('BAD_HEADER', 400, `${field} without a valid URI`);
}
