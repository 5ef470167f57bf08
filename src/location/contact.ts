/** One binding of an address-of-record, made when someone looks it up. RFC 3261 §10. */
import { parseUri, type Uri } from '../sip/uri.ts';
import type { Hop } from '../transport/transports.ts';

/** What a binding is made of. */
export interface ContactParts {
  readonly aor: string;
  readonly uriText: string;
  readonly q: number;
  readonly expiresAt: number;
  readonly callId: string;
  readonly cseq: number;
  readonly userAgent: string;
  readonly params: string;
  readonly received?: string | undefined;
  readonly path?: string | undefined;
}

/** One binding, read from the table. */
export class Contact implements ContactParts {
  /** The address-of-record it belongs to, as `aorOf` writes it. */
  readonly aor: string;
  /** The URI as the phone wrote it, URI headers included: a target, never a route to follow. */
  readonly uriText: string;
  /** Preference, 0 to 1 in thousandths. */
  readonly q: number;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  readonly callId: string;
  readonly cseq: number;
  /** Empty when the phone did not say. */
  readonly userAgent: string;
  /** Contact parameters other than `q` and `expires`, as they came: `;+sip.instance="<urn:uuid:…>"`. */
  readonly params: string;
  /** Where to send instead of the URI when the phone is behind a NAT: `udp:192.0.2.7:5062`. */
  readonly received: string | undefined;
  /** The proxies to pass on the way to the phone, a Route value. RFC 3327. */
  readonly path: string | undefined;
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
  }

  get uri(): Uri {
    return (this.parsedUri ??= parseUri(this.uriText));
  }

  /** Where to send: the far side of the NAT it is behind. Undefined: where its URI leads. */
  get hop(): Hop | undefined {
    if (this.received === undefined) return undefined;
    const [transport, host, port] = partsOf(this.received);
    return { transport: transport === 'tcp' ? 'tcp' : 'udp', host, port };
  }

  /** The device, whatever its address: `<urn:uuid:…>` of `+sip.instance`. RFC 5626 §4.1. */
  get instance(): string | undefined {
    if (this.params === '') return undefined;
    return /;\s*\+sip\.instance\s*=\s*"([^"]*)"/i.exec(this.params)?.[1];
  }

  /** Which of the device's flows this is. RFC 5626 §4.2. */
  get regId(): number | undefined {
    if (this.params === '') return undefined;
    const digits = /;\s*reg-id\s*=\s*(\d{1,9})/i.exec(this.params)?.[1];
    return digits === undefined ? undefined : Number(digits);
  }
}

/** `udp:192.0.2.7:5062`, `tcp:[2001:db8::1]:5062` → transport, address without brackets, port. */
function partsOf(received: string): [transport: string, host: string, port: number] {
  const first = received.indexOf(':');
  const last = received.lastIndexOf(':');
  const host = received.substring(first + 1, last).replace(/^\[|\]$/g, '');
  return [received.substring(0, first), host, Number(received.substring(last + 1))];
}
