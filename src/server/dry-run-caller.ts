/** Who calls in a dry run: sends the request, proves who he is when he is asked and can, and hears the end. */
import { parseChallenges } from '../agent/digest-challenge.ts';
import type { Clock, HostPort, Millis } from '../base/world.ts';
import { ackFor } from '../sip/build.ts';
import { digestResponse } from '../sip/digest.ts';
import { CSEQ, VIA } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { quoted } from '../sip/scan.ts';
import type { DryRunNet, Way } from './dry-run-net.ts';

/** The hash of a password, if an account has one for that realm. */
export type HashFinder = (user: string, realm: string, algorithm: 'MD5' | 'SHA-256') => string | undefined;

/** What the caller was told. */
export interface HeardResponse {
  readonly atMs: Millis;
  readonly status: number;
  readonly reason: string;
}

const NONCE_COUNT = '00000001';
const CNONCE = 'dryrun';

/** One caller with one request. */
export class DryRunCaller {
  /** Everything he was told, in order. */
  readonly heard: HeardResponse[] = [];
  private readonly clock: Clock;
  private readonly net: DryRunNet;
  private readonly from: HostPort;
  private readonly way: Way;
  private readonly hashOf: HashFinder | undefined;
  private request: SipRequest;
  private tries = 0;

  /** `hashOf`: undefined when he is not to prove anything. */
  constructor(
    world: { readonly clock: Clock; readonly net: DryRunNet },
    request: SipRequest,
    path: { readonly from: HostPort; readonly way: Way },
    hashOf: HashFinder | undefined,
  ) {
    this.clock = world.clock;
    this.net = world.net;
    this.request = request;
    this.from = path.from;
    this.way = path.way;
    this.hashOf = hashOf;
  }

  /** The last final response; undefined while he waits. */
  get end(): HeardResponse | undefined {
    const last = this.heard.at(-1);
    return last !== undefined && last.status >= 200 ? last : undefined;
  }

  /** False when nothing of the exchange's listens for his transport. */
  send(): boolean {
    this.tries++;
    return this.net.arrive(this.request.text, this.from, this.way);
  }

  receive(response: SipResponse): void {
    const { status, reason } = response;
    if (response.callId !== this.request.callId || response.method !== this.request.method) return;
    const isAck = status >= 300 && this.request.method === 'INVITE';
    if (isAck) this.later(ackFor(this.request.text, response.headers));
    if (this.end !== undefined || status === 100) return;
    if ((status === 401 || status === 407) && this.tries === 1 && this.proves(response)) {
      this.clock.after(0, () => void this.send());
      return;
    }
    this.heard.push({ atMs: this.clock.now(), status, reason });
  }

  private later(text: string): void {
    this.clock.after(0, () => void this.net.arrive(text, this.from, this.way));
  }

  /** RFC 7616 §3.4 with the hash that we keep in place of the password. */
  private proves(response: SipResponse): boolean {
    const proxy = response.status === 407;
    const field = proxy ? 'Proxy-Authenticate' : 'WWW-Authenticate';
    const user = this.userOf(this.request);
    for (const challenge of response.headers.all(field).flatMap(parseChallenges)) {
      const { algorithm, realm, nonce, qop, opaque } = challenge;
      if (algorithm !== 'MD5' && algorithm !== 'SHA-256') continue;
      const ha1 = this.hashOf?.(user, realm, algorithm);
      if (ha1 === undefined || ha1 === '' || qop === 'unknown') continue;
      const { method, uriText: uri, body } = this.request;
      const counted = qop === undefined ? {} : { nc: NONCE_COUNT, cnonce: CNONCE, qop };
      const proof = digestResponse(algorithm, ha1, method, { nonce, uri, body, ...counted });
      let value =
        `Digest username=${quoted(user)}, realm=${quoted(realm)}, nonce=${quoted(nonce)}, ` +
        `uri=${quoted(uri)}, response="${proof}", algorithm=${algorithm}`;
      if (opaque !== undefined) value += `, opaque=${quoted(opaque)}`;
      if (qop !== undefined) value += `, qop=${qop}, nc=${NONCE_COUNT}, cnonce="${CNONCE}"`;
      this.request = nextTry(this.request, proxy ? 'Proxy-Authorization' : 'Authorization', value);
      return true;
    }
    return false;
  }

  private userOf({ headers }: SipRequest): string {
    const from = headers.get('From') ?? '';
    const start = from.indexOf(':') + 1;
    const end = from.indexOf('@', start);
    return end < 0 ? '' : from.substring(start, end);
  }
}

/** A new transaction of the same call. RFC 3261 §22.2 */
function nextTry(request: SipRequest, field: string, value: string): SipRequest {
  const again = parseMessage(request.text);
  if (again.kind !== 'request') throw new Error('a request stays one when it is copied');
  again.headers.set(field, value);
  replaceValue(again.headers, CSEQ, `${request.cseq + 1} ${request.method}`);
  replaceValue(again.headers, VIA, `${request.headers.get('Via') ?? ''}2`);
  return again;
}

function replaceValue(headers: Headers, id: number, value: string): void {
  const place = headers.find(id);
  headers.splice(headers.valueStart(place), headers.valueEnd(place), value);
}
