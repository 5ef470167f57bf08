/** One binding of an address-of-record, made when someone looks it up. RFC 3261 §10. */
import type { Millis } from '../base/world.ts';
import { isOtherUri, parseUri, type Uri } from '../sip/uri.ts';
import type { Hop } from '../transport/transports.ts';
import { type PushAddress, pushAddressOf } from './push-address.ts';

/** What a binding is made of. */
export interface ContactParts {
  readonly aor: string;
  readonly uriText: string;
  readonly q: number;
  readonly expiresAt: Millis;
  readonly callId: string;
  readonly cseq: number;
  readonly userAgent: string;
  readonly params: string;
  readonly received?: string | undefined;
  readonly path?: string | undefined;
  readonly socket?: string | undefined;
  readonly methods?: number | undefined;
}

/** One binding, read from the table; whoever rings it uses it as it is: it is a target of a plan. */
export class Contact implements ContactParts {
  /** The address-of-record it belongs to, as `aorOf` writes it. */
  readonly aor: string;
  /** The URI as the phone wrote it, URI headers included: a target, never a route to follow. */
  readonly uriText: string;
  /** Preference, 0 to 1 in thousandths. */
  readonly q: number;
  /** When its time is over, on the monotonic clock: who sets the wall clock drops no phone and keeps none. */
  readonly expiresAt: Millis;
  readonly callId: string;
  readonly cseq: number;
  /** Empty when the phone did not say. */
  readonly userAgent: string;
  /** Contact parameters other than `q` and `expires`, as they came: `;+sip.instance="<urn:uuid:…>"`. */
  readonly params: string;
  /** Where to send instead of the URI: the phone is behind a NAT, or wants its flow used: `udp:192.0.2.7:5062`. */
  readonly received: string | undefined;
  /** The proxies to pass on the way to the phone, a Route value. RFC 3327. */
  readonly path: string | undefined;
  /** Our address that the phone knows, with `received` only: `192.0.2.1:5060`. */
  readonly socket: string | undefined;
  /** What it said in Allow, see `methods.ts`; undefined when it did not. */
  readonly methods: number | undefined;
  /** Other flows of the same device, for whoever rings it. RFC 5626 §7 */
  others: readonly Contact[] | undefined = undefined;
  private parsedUri: Uri | undefined = undefined;

  constructor(parts: ContactParts) {
    this.aor = parts.aor;
    this.uriText = parts.uriText;
    this.q = parts.q;
    this.expiresAt = parts.expiresAt;
    this.callId = parts.callId;
    this.cseq = parts.cseq;
    this.userAgent = parts.userAgent;
    this.params = parts.params;
    this.received = parts.received;
    this.path = parts.path;
    this.socket = parts.socket;
    this.methods = parts.methods;
  }

  /** Whether it has a URI such as `mailto:`, which nobody here can ring: it has no `uri`. RFC 3261 §10.2.1 */
  get isOther(): boolean {
    return isOtherUri(this.uriText);
  }

  /** Whoever registered it chose where it leads. */
  get isChosen(): true {
    return true;
  }

  get uri(): Uri {
    return (this.parsedUri ??= parseUri(this.uriText));
  }

  /** Where to send: the far side of the NAT it is behind. Undefined: where its URI leads. */
  get hop(): Hop | undefined {
    if (this.received === undefined) return undefined;
    const [transport, host, port] = partsOf(this.received);
    const secure = this.uriText.startsWith('sips:') ? { secure: true } : {};
    switch (transport) {
      case 'tls':
      case 'ws':
      case 'wss':
        return { transport, host, port, connected: true, ...secure };
      case 'tcp':
        return { transport, host, port, ...(this.boundToConnection ? { connected: true } : {}), ...secure };
      default:
        return { transport: 'udp', host, port, ...secure, sentBy: this.socket };
    }
  }

  /** Whether it is reached by the flow it registered by, and so are requests within its dialogs. */
  get bound(): boolean {
    return this.received !== undefined;
  }

  /**
   * Whether it may be called by a sips URI: it has one itself, or is reached by the TLS connection it registered by.
   * Departs from RFC 5630 §5.3 because nearly every phone that registers by TLS says sip in its Contact: what the
   * caller asked for, TLS on each hop, it has.
   */
  get bySips(): boolean {
    const { received, uriText } = this;
    if (uriText.startsWith('sips:')) return true;
    return received !== undefined && (received.startsWith('tls:') || received.startsWith('wss:'));
  }

  /** Whether that flow is a connection with which it ends; over plain TCP only when the phone asked for that. */
  get boundToConnection(): boolean {
    const { received } = this;
    if (received === undefined || received.startsWith('udp:')) return false;
    return !received.startsWith('tcp:') || this.regId !== undefined;
  }

  /** Whether it ends with that: one that can be woken does not need its connection. RFC 8599 §5.5 */
  get isTied(): boolean {
    return this.boundToConnection && this.push === undefined;
  }

  /** The device, whatever its address: `<urn:uuid:…>` of `+sip.instance`. RFC 5626 §4.1. */
  get instance(): string | undefined {
    return instanceIn(this.params);
  }

  /** Which of the device's flows this is; only where the flow was agreed on. RFC 5626 §4.2. */
  get regId(): number | undefined {
    return regIdIn(this.params);
  }

  /** How to wake it; undefined when it does not sleep. RFC 8599 */
  get push(): PushAddress | undefined {
    return this.uriText.includes(PUSH) && !this.isOther ? pushAddressOf(this.uri) : undefined;
  }
}

const REG_ID = ';reg-id=';
/** How parameters of RFC 8599 begin. */
const PUSH = ';pn-';

/** The value of `+sip.instance` in Contact parameters. */
function instanceIn(params: string): string | undefined {
  if (params === '') return undefined;
  return /;\s*\+sip\.instance\s*=\s*"([^"]*)"/i.exec(params)?.[1];
}

/** The value of `reg-id`: the registrar writes it behind all others, and only where the flow was agreed on. */
function regIdIn(params: string): number | undefined {
  if (!params.includes(REG_ID)) return undefined;
  const digits = /;reg-id=(\d{1,10})$/.exec(params)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** `udp:192.0.2.7:5062`, `tcp:[2001:db8::1]:5062` → transport, address without brackets, port. */
function partsOf(received: string): [transport: string, host: string, port: number] {
  const first = received.indexOf(':');
  const last = received.lastIndexOf(':');
  const host = received.substring(first + 1, last).replace(/^\[|\]$/g, '');
  return [received.substring(0, first), host, Number(received.substring(last + 1))];
}
