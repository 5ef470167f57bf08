/**
 * What of a message on one leg may be seen on the other. What belongs to the leg itself, or shows how it is routed and
 * where it has been, stays: Via, Record-Route, Contact, Call-ID, History-Info and their like.
 */
import type { HeaderLine } from '../dialog/dialog.ts';
import { fullName } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';
import { hidesIdentity } from '../sip/privacy.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';

/** What the script lets pass beyond the usual. */
export interface PassageOptions {
  /**
   * Header fields that pass although they tell of the other leg: History-Info, Alert-Info, Call-Info, User-Agent, …
   * Never those by which messages of a leg find their way.
   */
  readonly pass?: readonly string[];
  /** Whether the origin of a session, `o=`, names its host to the other side. Default `hide`. */
  readonly origin?: 'hide' | 'pass';
}

/** Fields that make a leg what it is, and what we answer for ourselves: no script lets them pass. */
const OWN: ReadonlySet<string> = new Set(
  (
    'via from to call-id cseq contact route record-route max-forwards max-breadth content-length path ' +
    'service-route authorization proxy-authorization www-authenticate proxy-authenticate ' +
    'proxy-require require supported unsupported authentication-info allow session-expires min-se ' +
    'rseq rack expires timestamp replaces refer-to referred-by ' +
    'refer-sub target-dialog event subscription-state content-type flow-timer security-client ' +
    'security-server security-verify'
  ).split(' '),
);
/** Fields that tell of the leg: equipment, hosts, the calls and networks that it came by. */
const TELLING: ReadonlySet<string> = new Set(
  (
    'user-agent server organization warning alert-info call-info error-info in-reply-to history-info ' +
    'p-associated-uri p-access-network-info p-called-party-id p-charging-function-addresses ' +
    'p-charging-vector p-profile-key p-served-user p-user-database p-visited-network-id'
  ).split(' '),
);

/**
 * Who somebody is, said by others. That of a caller passes unless he wants it hidden; whoever answers can say what he
 * likes, and it is for the script to believe it. RFC 3325 §5, §7
 */
const IDENTITY: ReadonlySet<string> = new Set([
  'p-asserted-identity',
  'p-preferred-identity',
  'remote-party-id',
]);

/** What passes from leg to leg of one call. */
export class Passage {
  private readonly asked: ReadonlySet<string>;
  private readonly hidesOrigin: boolean;

  constructor({ pass = [], origin = 'hide' }: PassageOptions = {}) {
    this.asked = new Set(pass.map((name) => fullName(name)));
    this.hidesOrigin = origin === 'hide';
  }

  /** What of a request is for the far end: identity, content fields, what extensions and scripts added. */
  headers(headers: Headers): HeaderLine[] {
    return this.passed(headers, !hidesIdentity(headers));
  }

  /** The same with the fields of the method that the far end needs to understand it. */
  headersWith(headers: Headers, names: readonly string[]): HeaderLine[] {
    return [...this.headers(headers), ...named(headers, names)];
  }

  /** Body and type. */
  content(message: SipRequest | SipResponse): { body?: string; contentType?: string } {
    const { body } = message;
    if (body === '') return {};
    const contentType = message.headers.get('Content-Type');
    if (contentType === undefined) return { body };
    const hides = this.hidesOrigin && contentType.toLowerCase().startsWith('application/sdp');
    return { body: hides ? withoutOrigin(body) : body, contentType };
  }

  /** What of a response the other side may see, with these fields that it needs to understand it. */
  parts(
    response: SipResponse,
    names: readonly string[] = [],
  ): {
    reason?: string;
    headers: readonly HeaderLine[];
    body?: string;
    contentType?: string;
  } {
    const shown = shownStatus(response.status) === response.status;
    const reason = shown && response.reason !== '' ? { reason: response.reason } : {};
    return {
      ...reason,
      ...this.content(response),
      headers: [...this.passed(response.headers, false), ...named(response.headers, names)],
    };
  }

  /** A redirection as it is, with where it leads. */
  redirection(response: SipResponse): ReturnType<Passage['parts']> {
    const { reason } = response;
    const headers = [...this.passed(response.headers, false), ...named(response.headers, ['Contact'])];
    return { ...this.content(response), reason, headers };
  }

  private passed(headers: Headers, withIdentity: boolean): HeaderLine[] {
    const passed: HeaderLine[] = [];
    for (let place = 0; place < headers.index.length; place += 4) {
      const name = headers.nameAt(place);
      if (this.passes(fullName(name), withIdentity)) passed.push([name, headers.value(place)]);
    }
    return passed;
  }

  private passes(name: string, withIdentity: boolean): boolean {
    if (OWN.has(name)) return false;
    if (this.asked.has(name)) return true;
    return !TELLING.has(name) && (withIdentity || !IDENTITY.has(name));
  }
}

function named(headers: Headers, names: readonly string[]): HeaderLine[] {
  return names.flatMap((name) => headers.all(name).map((value): HeaderLine => [name, value]));
}

/**
 * A challenge of one side cannot be answered by the other, and where a redirection leads is not for it to see. A 503
 * would speak of us (RFC 3261 §16.7 step 6), and a 430 is for proxies alone (RFC 5626 §11.3).
 */
export function shownStatus(status: number): number {
  if (status === 401 || status === 407) return 403;
  if (status === 430) return 480;
  if (status === 503) return 500;
  return status >= 300 && status < 400 ? 480 : status;
}

/**
 * The origin without user and host; its numbers stay, since they tell one description from the next. RFC 8829 §5.2.1
 * has the address that names nobody.
 *
 *   o=<user> <session> <version> IN IP4 <host>
 */
function withoutOrigin(description: string): string {
  const start = description.indexOf('\no=') + 3;
  if (start === 2) return description;
  const user = description.indexOf(' ', start);
  const version = description.indexOf(' ', user + 1);
  const network = description.indexOf(' ', version + 1);
  const end = description.indexOf('\n', start);
  if (user < 0 || version < 0 || network < 0 || end < network) return description;
  const lineEnd = description[end - 1] === '\r' ? end - 1 : end;
  const numbers = description.substring(user, network);
  return `${description.substring(0, start)}-${numbers} IN IP4 0.0.0.0${description.substring(lineEnd)}`;
}
