/**
 * A request of our own, from finding where it goes to its final response. On the way it is tried at the next address
 * when one is dead (RFC 3263 §4.3), and once again with credentials when it is challenged (RFC 3261 §22.2).
 */
import type { Millis, Timer } from '../base/world.ts';
import type { HeaderLine } from '../dialog/dialog.ts';
import { asBytes, checkedValue } from '../sip/headers.ts';
import { MAX_FORWARDS_MOST } from '../sip/max-forwards.ts';
import type { Method, SipResponse } from '../sip/message.ts';
import { retryAfterMs } from '../sip/retry-after.ts';
import type { Uri } from '../sip/uri.ts';
import type { CleanMessage, ClientTransaction, ClientUser } from '../transaction/client-transaction.ts';
import type { Stem } from '../transaction/stem.ts';
import { type Flow, isSecure } from '../transport/flow.ts';
import { DATAGRAM_BYTES_MAX } from '../transport/large-requests.ts';
import type { AgentCore } from './core.ts';
import type { DigestClient } from './digest-client.ts';
import { contactFor, type LedBy, type Ways } from './ways.ts';

/** What the request says; Via, Max-Forwards, CSeq, Contact, credentials and Content-Length are put in. */
export interface Draft {
  readonly method: Method;
  readonly uri: string;
  readonly headers: readonly HeaderLine[];
  readonly body?: string | undefined;
  readonly contentType?: string | undefined;
  /** Whether it carries our Contact: what begins a dialog or refreshes its target. */
  readonly contact?: boolean;
  /** The user in that Contact: what somebody who calls us there asks for. */
  readonly contactUser?: string | undefined;
  readonly maxForwards?: number;
}

/** How it goes out. */
export interface OutgoingOptions extends LedBy {
  readonly next: Uri;
  /** Where it goes, when that is not where `next` lives. */
  readonly flow?: Flow | undefined;
  /** By that flow or not at all: whoever is bound to one is not where his URI says. RFC 5626 §5.3 */
  readonly onlyByFlow?: boolean | undefined;
  /** By TLS or not at all, whatever `next` says: it is part of a call to a sips URI. RFC 5630 §5.3 */
  readonly isSips?: boolean | undefined;
  readonly digest?: DigestClient | undefined;
  /** What each response goes through first. */
  readonly clean?: CleanMessage | undefined;
  readonly order: number;
  readonly nextCSeq: () => number;
  /** What it is sent for. */
  readonly stem?: Stem | undefined;
  /** Longest wait for the first response at each address. */
  readonly replyMs?: Millis | undefined;
}

/** Why there is no response: nobody answered, no way works, our own limit, or a local route that refused it. */
export type NoResponse = 'timeout' | 'unreachable' | 'overload' | 'refused';

/** Who is told. `ended` comes once; after it, for an INVITE, further 2xx may come by `answered`. */
export interface OutgoingUser {
  provisional?(response: SipResponse): void;
  /** A 2xx to INVITE, as often as it comes. */
  answered?(response: SipResponse): void;
  /** The final response, or why there is none. Not called for a 2xx to INVITE. */
  ended(end: SipResponse | NoResponse): void;
}

/**
 * How often one request is tried with credentials: for two realms on its way, and for a nonce that was too old. Whoever
 * wants more would have us ask for ever. RFC 3261 §22.2
 */
export const PROOFS_MAX = 3;

/** One request on its way. */
export class OutgoingRequest implements ClientUser {
  readonly draft: Draft;
  /** The path of the last try. */
  flow: Flow | undefined = undefined;
  /** The number of the last try's CSeq. */
  cseq = 0;
  /** The credentials it carried last. */
  proofs: readonly HeaderLine[] = [];
  private readonly core: AgentCore;
  private readonly options: OutgoingOptions;
  private readonly user: OutgoingUser;
  private client: ClientTransaction | undefined = undefined;
  private generation = 0;
  /** Undefined when the way was told to us: then there is no other. */
  private ways: Ways | undefined = undefined;
  /** Realms that have seen our credentials for this request. */
  private readonly tried = new Set<string>();
  private proved = 0;
  private sentAnew = false;
  private heard = false;
  private over = false;
  private cancelWanted = false;
  private cancelReason = '';
  private patience: Timer | undefined = undefined;

  constructor(core: AgentCore, draft: Draft, options: OutgoingOptions, user: OutgoingUser) {
    this.core = core;
    this.draft = draft;
    this.options = options;
    this.user = user;
  }

  /** Sends it, at once when the address is known. */
  send(): void {
    const { flow, next, order, onlyByFlow } = this.options;
    if (flow?.open) return this.tryAt(flow);
    if (onlyByFlow === true) return this.end('unreachable');
    this.ways = this.core.waysTo(next, order, this.options);
    return this.tryNext('unreachable');
  }

  /** Once more where the connection ended with the challenge that came by it: by a new one. */
  private sendAnew(): boolean {
    if (this.proved === 0 || this.sentAnew || this.flow?.reliable !== true) return false;
    this.sentAnew = true;
    this.send();
    return true;
  }

  /** Gives an INVITE up; it ends with its final response, or when none comes. RFC 3261 §9.1 */
  cancel(reason = ''): void {
    if (this.over || this.cancelWanted) return;
    this.cancelWanted = true;
    this.cancelReason = reason;
    if (this.live === undefined) this.end('timeout');
    else this.live.cancel(reason);
  }

  get hasEnded(): boolean {
    return this.over;
  }

  // ─── what the transaction tells ──────────────────────────────────────────────────────────────

  response(client: ClientTransaction, response: SipResponse): void {
    const { status } = response;
    const success = status >= 200 && status < 300 && this.draft.method === 'INVITE';
    // A try that we gave up may still be answered, and then somebody waits for the ACK.
    if (client !== this.live && !success) return;
    this.options.clean?.(response.headers, client.flow);
    this.flow = client.flow; // Another one than it began with, when its connection ended meanwhile.
    if (!this.heard) this.ways?.answered();
    this.heard = true;
    this.patience?.cancel();
    if (status >= 200) this.options.digest?.heed(response);
    if (status < 200) {
      if (!this.over) this.user.provisional?.(response);
    } else if (success) {
      if (client !== this.live) this.live?.cancel();
      this.over = true;
      this.user.answered?.(response);
    } else if (!this.tryWithProof(response) && !this.tryElsewhere(response)) this.end(response);
  }

  failed(client: ClientTransaction, why: 'timeout' | 'transport'): void {
    if (this.over || client !== this.live) return;
    const end = why === 'timeout' ? 'timeout' : 'unreachable';
    if (this.heard || this.cancelWanted) this.end(end);
    else if (why === 'timeout' || !this.sendAnew()) this.giveUpWay(end);
  }

  timer(): void {}

  // ─── tries ───────────────────────────────────────────────────────────────────────────────────

  /** By the next way; where there is none it ends with what became of the last one. */
  private tryNext(last: SipResponse | NoResponse): void {
    const way = this.ways?.next();
    const go = (flow: Flow | undefined): void => {
      if (this.over) return;
      if (flow === undefined) this.end(last);
      else this.tryAt(flow);
    };
    if (way instanceof Promise) void way.then(go);
    else go(way);
  }

  /** RFC 3263 §4.3: a 503 says that another server may do it. */
  private tryElsewhere(response: SipResponse): boolean {
    if (response.status !== 503 || this.cancelWanted || this.over || this.ways?.mayHaveMore !== true)
      return false;
    this.ways.failed(retryAfterMs(response));
    this.tryNext(response);
    return true;
  }

  private tryWithProof(response: SipResponse): boolean {
    const { digest } = this.options;
    if (this.over || this.cancelWanted || digest === undefined || this.flow === undefined) return false;
    if (response.status !== 401 && response.status !== 407) return false;
    if (this.proved === PROOFS_MAX) return false;
    const learned = digest.learn(response, this.tried);
    if (learned.length === 0) return false;
    this.proved++;
    for (const realm of learned) this.tried.add(realm);
    this.tryAt(this.flow);
    return true;
  }

  private tryAt(flow: Flow, cseq = this.options.nextCSeq()): void {
    if (this.options.isSips === true && !isSecure(flow.transport)) return this.end('unreachable');
    this.flow = flow;
    this.heard = false;
    const asked = { method: this.draft.method, cseq };
    const client = this.core.layer.openClient(flow, asked, this.options.order, this, this.options.stem);
    if (client === undefined) {
      this.end('overload');
      return;
    }
    this.client = client;
    this.generation = client.generation;
    this.cseq = cseq;
    const written = this.write(client.via(0), flow);
    const connection = written.length > DATAGRAM_BYTES_MAX ? this.ways?.byTcp() : undefined;
    if (connection !== undefined) {
      client.end();
      this.tryAt(connection, cseq);
      return;
    }
    const text = this.core.afterLocal(written);
    if (text === undefined) {
      client.end();
      this.end('refused');
      return;
    }
    client.begin(text);
    if (this.cancelWanted) client.cancel(this.cancelReason);
    this.waitForFirst();
  }

  private waitForFirst(): void {
    const { replyMs } = this.options;
    this.patience?.cancel();
    if (replyMs === undefined) return;
    this.patience = this.core.world.clock.after(replyMs, () => {
      if (this.over || this.heard) return;
      this.live?.cancel();
      this.giveUpWay('timeout');
    });
  }

  private giveUpWay(last: NoResponse): void {
    this.ways?.failed();
    if (this.ways?.mayHaveMore === true) this.tryNext(last);
    else this.end(last);
  }

  private write(via: string, flow: Flow): string {
    const { method, uri, headers, body = '', contentType, contact, maxForwards } = this.draft;
    let out = `${method} ${uri} SIP/2.0\r\n${via}Max-Forwards: ${maxForwards ?? MAX_FORWARDS_MOST}\r\n`;
    for (const [name, value] of headers) out += `${name}: ${checkedValue(name, String(value))}\r\n`;
    out += `CSeq: ${this.cseq} ${method}\r\n`;
    if (contact === true)
      out += `Contact: ${contactFor(flow, this.draft.contactUser, this.options.isSips)}\r\n`;
    this.proofs = this.options.digest?.prove({ method, uri, body }) ?? [];
    for (const [name, value] of this.proofs) out += `${name}: ${value}\r\n`;
    if (contentType !== undefined) out += `Content-Type: ${checkedValue('Content-Type', contentType)}\r\n`;
    const bytes = asBytes(body);
    return `${out}Content-Length: ${bytes.length}\r\n\r\n${bytes}`;
  }

  /** Its transaction, unless the slot has been given to another since. */
  private get live(): ClientTransaction | undefined {
    return this.client?.generation === this.generation ? this.client : undefined;
  }

  private end(end: SipResponse | NoResponse): void {
    if (this.over) return;
    this.over = true;
    this.patience?.cancel();
    this.user.ended(end);
  }
}

/** Whose end is no end of the call: they belong to a subscription within its dialog. RFC 5057 §4.1, §5.1 */
const SUBSCRIPTIONS: ReadonlySet<string> = new Set(['NOTIFY', 'SUBSCRIBE']);

/** Whether a call is over by what became of a request within it. */
export function endsCall(method: string, end: SipResponse | NoResponse): boolean {
  return method !== 'BYE' && !SUBSCRIPTIONS.has(method) && isGone(end);
}

/** RFC 3261 §12.2.1.2: after these nobody is there. */
function isGone(end: SipResponse | NoResponse): boolean {
  if (typeof end === 'string') return end === 'timeout' || end === 'unreachable';
  return end.status === 481 || end.status === 408;
}
