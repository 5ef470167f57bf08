/** Requests of our own outside any dialog, awaited: OPTIONS, MESSAGE, REGISTER, PUBLISH. RFC 3261 §8.1 */
import type { Millis } from '../base/world.ts';
import type { HeaderLine } from '../dialog/dialog.ts';
import type { SipResponse } from '../sip/message.ts';
import { parseNameAddr, splitList } from '../sip/name-addr.ts';
import { printUri, type Uri } from '../sip/uri.ts';
import type { Flow } from '../transport/flow.ts';
import type { Hop } from '../transport/transports.ts';
import type { AgentCore } from './core.ts';
import { type Credentials, DigestClient } from './digest-client.ts';
import { type NoResponse, OutgoingRequest } from './outgoing.ts';
import type { LedBy } from './ways.ts';

/** What to ask, and whom. */
export interface ClientRequest {
  readonly method: string;
  /** The Request-URI. */
  readonly uri: Uri;
  /** The value of From, without a tag. */
  readonly from: string;
  /** The value of To; the Request-URI unless given. */
  readonly to?: string;
  readonly headers?: readonly HeaderLine[];
  readonly body?: string;
  readonly contentType?: string;
  readonly contact?: boolean;
  readonly contactUser?: string | undefined;
  /** Where it goes, when that is not where the URI lives. */
  readonly hop?: Hop | undefined;
  /** Route values: through an outbound proxy. */
  readonly route?: string | undefined;
  readonly credentials?: Credentials | undefined;
  /** Longest wait for the first response at each address. Unless given 32 s, RFC 3261 §17.1.2.2. */
  readonly replyMs?: Millis | undefined;
}

/** What one request has of its own, among those of the same Call-ID. */
export interface ClientAside extends Pick<LedBy, 'asker'> {
  /** Proves who we are, in place of the usual one. */
  readonly digest?: DigestClient | undefined;
}

/** How it ended; 408, 503 or 403 when there is no response. */
export interface ClientOutcome {
  readonly status: number;
  readonly response: SipResponse | undefined;
  /** The path that it went at last. */
  readonly flow: Flow | undefined;
}

const STATUS_WITHOUT: Readonly<Record<NoResponse, number>> = {
  timeout: 408,
  unreachable: 503,
  overload: 503,
  refused: 403,
};
const CALL_ID_BITS = 128;

/** Asks again and again under one Call-ID, with CSeq rising: what a registrar wants. RFC 3261 §10.2 */
export class Client {
  private readonly core: AgentCore;
  private readonly digest: DigestClient | undefined;
  private readonly callId: string;
  private readonly order: number;
  private cseq = 0;

  constructor(core: AgentCore, credentials?: Credentials) {
    this.core = core;
    this.digest = credentials === undefined ? undefined : new DigestClient(credentials, core.world.random);
    this.callId = core.world.random.token(CALL_ID_BITS);
    this.order = core.newOrder();
  }

  /** Settles with its end; never rejects. */
  ask(request: ClientRequest, { asker, digest = this.digest }: ClientAside = {}): Promise<ClientOutcome> {
    const { core } = this;
    const { promise, resolve } = Promise.withResolvers<ClientOutcome>();
    const { method, body, contentType, contact, contactUser, hop, route } = request;
    const uri = printUri(request.uri);
    const draft = {
      method,
      uri,
      body,
      contentType,
      contactUser,
      contact: contact === true,
      headers: [
        ...(route === undefined ? [] : [['Route', route] as const]),
        ['From', `${request.from};tag=${core.dialogs.newTag()}`] as const,
        ['To', request.to ?? `<${uri}>`] as const,
        ['Call-ID', this.callId] as const,
        ...(request.headers ?? []),
      ],
    };
    const next = route === undefined ? request.uri : parseNameAddr(splitList(route)[0] ?? route).uri;
    const outgoing: OutgoingRequest = new OutgoingRequest(
      core,
      draft,
      {
        next,
        get flow() {
          return hop && core.flowTo(hop); // Another one each time, if the last has ended.
        },
        onlyByFlow: hop !== undefined,
        asker,
        digest,
        order: this.order,
        nextCSeq: () => ++this.cseq,
        replyMs: request.replyMs,
      },
      { ended: (end) => resolve(outcomeOf(end, outgoing.flow)) },
    );
    outgoing.send();
    return promise;
  }
}

/** One request, with a Call-ID of its own. */
export function ask(core: AgentCore, request: ClientRequest): Promise<ClientOutcome> {
  return new Client(core, request.credentials).ask(request);
}

function outcomeOf(end: SipResponse | NoResponse, flow: Flow | undefined): ClientOutcome {
  if (typeof end === 'string') return { status: STATUS_WITHOUT[end], response: undefined, flow };
  return { status: end.status, response: end, flow };
}
