/**
 * A request a phone sends: its parts, its transactions, and once again with credentials when it is
 * challenged.
 */
import type { Endpoint } from '../base/endpoint.ts';
import type { World } from '../base/world.ts';
import { buildRequest } from '../sip/build.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { credentialsFor } from './phone-credentials.ts';
import { GIVE_UP_MS, PhoneClient } from './phone-transactions.ts';
import type { Wire } from './phone-wire.ts';

/** A header field: its name and its value. */
export type HeaderPair = readonly [string, string | number];

/** What the phone wants to ask; Via, CSeq, Max-Forwards and credentials are added. */
export interface Draft {
  readonly method: string;
  readonly uri: string;
  readonly hop: Endpoint;
  /** The number of the CSeq; asked again when the request is sent a second time. */
  readonly nextCseq: () => number;
  readonly headers: readonly HeaderPair[];
  readonly body?: string | undefined;
  readonly contentType?: string | undefined;
}

/** The status of a request nobody answered. RFC 3261 §8.1.3.1. */
export const TIMED_OUT = 408;

/** Whose requests they are. */
export interface AskerOptions {
  readonly user: string;
  readonly password: string | undefined;
  /** Whether final responses to INVITE are acknowledged. */
  readonly acknowledges: () => boolean;
}

/** Told of each response but the challenges that were answered; `undefined` says that none came in time. */
export type Answered = (response: SipResponse | undefined) => void;

/** Sends requests and finds the responses to them. */
export class Asker {
  private readonly world: World;
  private readonly wire: Wire;
  private readonly options: AskerOptions;
  private readonly clients = new Map<string, PhoneClient>();

  constructor(world: World, wire: Wire, options: AskerOptions) {
    this.world = world;
    this.wire = wire;
    this.options = options;
  }

  /** `latest` is told each request that leaves: a second one after a challenge. */
  ask(
    draft: Draft,
    answered: Answered,
    latest: (request: SipRequest) => void = () => {},
    challenges: readonly HeaderPair[] = [],
  ): void {
    const judged: Answered = (response) => {
      const challenge = response === undefined ? undefined : this.challengeIn(draft, response, challenges);
      if (challenge === undefined) answered(response);
      else this.ask(draft, answered, latest, [...challenges, challenge]);
    };
    // A nonce that was answered before is used once more. RFC 7616 §3.4
    const proofs = challenges.flatMap(([name, challenge], at) => {
      const cnonce = this.world.random.token(64);
      const proof = this.prove(draft, String(challenge), cnonce, challenges.length - at);
      return proof === undefined ? [] : [[name, proof] as const];
    });
    this.send(draft, proofs, judged, latest);
  }

  /** Sends a request that is whole already: a CANCEL, which has the branch of its INVITE. */
  askAsIs(request: SipRequest, hop: Endpoint, answered: Answered): void {
    this.begin(request, hop, answered);
  }

  /** The response's transaction, or none: then it is for nobody. */
  receive(response: SipResponse): void {
    this.clients.get(keyOf(response.headers.get('Via') ?? '', response.method))?.receive(response);
  }

  /** A request outside any transaction: the ACK for a 2xx. RFC 3261 §13.2.2.4. */
  build(draft: Draft, cseq: number, more: readonly HeaderPair[] = []): SipRequest {
    const { name, local } = this.wire;
    const via = `SIP/2.0/${name} ${local.key};branch=z9hG4bK${this.world.random.token(96)};rport`;
    const headers: HeaderPair[] = [
      ['Via', via],
      ...draft.headers,
      ['CSeq', `${cseq} ${draft.method}`],
      ['Max-Forwards', 70],
      ...more,
    ];
    const { method, uri, body, contentType } = draft;
    return buildRequest({
      method,
      uri,
      headers,
      ...(body === undefined ? {} : { body }),
      ...(contentType === undefined ? {} : { contentType }),
    });
  }

  stop(): void {
    for (const client of this.clients.values()) client.stop();
    this.clients.clear();
  }

  private send(
    draft: Draft,
    more: readonly HeaderPair[],
    answered: Answered,
    latest: (request: SipRequest) => void,
  ): void {
    const request = this.build(draft, draft.nextCseq(), more);
    latest(request);
    this.begin(request, draft.hop, answered);
  }

  private begin(request: SipRequest, hop: Endpoint, answered: Answered): void {
    const key = keyOf(request.headers.get('Via') ?? '', request.method);
    const forget = (): void => void this.clients.delete(key);
    const told = {
      response: (response: SipResponse): void => {
        if (response.status >= 200) this.world.clock.after(GIVE_UP_MS, forget);
        answered(response);
      },
      timeout: (): void => {
        forget();
        answered(undefined);
      },
    };
    const way = this.wire.wayTo(hop);
    this.clients.set(key, new PhoneClient(this.world.clock, way, request, this.options.acknowledges(), told));
  }

  /**
   * The field that answers the first challenge we can answer, and that challenge. Each realm is answered once: proxies
   * on the way may have one each. RFC 3261 §22.3
   */
  private challengeIn(
    draft: Draft,
    response: SipResponse,
    before: readonly HeaderPair[],
  ): HeaderPair | undefined {
    const fields = challengeFields[response.status];
    if (fields === undefined) return undefined;
    const isNew = (challenge: string): boolean => {
      const [realm = ''] = /realm="[^"]*"/.exec(challenge) ?? [];
      return !before.some(([name, value]) => name === fields.answers && String(value).includes(realm));
    };
    const found = response.headers
      .all(fields.asks)
      .find((challenge) => isNew(challenge) && this.prove(draft, challenge, '') !== undefined);
    return found === undefined ? undefined : [fields.answers, found];
  }

  private prove({ method, uri }: Draft, challenge: string, cnonce: string, count = 1): string | undefined {
    const { user, password } = this.options;
    if (password === undefined) return undefined;
    return credentialsFor(challenge, { user, password, method, uri, cnonce, count });
  }
}

const challengeFields: Readonly<Record<number, { asks: string; answers: string }>> = {
  401: { asks: 'WWW-Authenticate', answers: 'Authorization' },
  407: { asks: 'Proxy-Authenticate', answers: 'Proxy-Authorization' },
};

/** A response belongs to the request with its branch and method. RFC 3261 §17.1.3. */
function keyOf(via: string, method: string): string {
  return `${/;\s*branch=([^;,\s]+)/i.exec(via)?.[1] ?? ''} ${method}`;
}
