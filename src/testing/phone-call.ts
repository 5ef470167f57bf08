/** What the calls a phone makes and those it gets have in common: a state, a dialog, an end. */
import type { Endpoint } from '../base/endpoint.ts';
import type { World } from '../base/world.ts';
import { replyTo } from '../sip/build.ts';
import type { SipRequest } from '../sip/message.ts';
import { type Dialog, dialogHeaders, firstHop } from './phone-dialog.ts';
import { type Asker, type Draft, type HeaderPair, TIMED_OUT } from './phone-request.ts';
import type { PhoneServer } from './phone-transactions.ts';
import type { Wire } from './phone-wire.ts';

/** `calling`: nobody rings yet; `talking`: answered with 2xx. */
export type CallState = 'calling' | 'ringing' | 'talking' | 'ended';

/** What a phone does wrong on purpose. */
export interface Misbehaviour {
  /** Final responses to its INVITEs are never acknowledged. */
  neverAcks?: boolean;
  /** A BYE stays without an answer, and the call goes on. */
  ignoresBye?: boolean;
  /** A BYE is answered with this status, and the call goes on. */
  refusesBye?: number | undefined;
  /** A CANCEL stays without an answer, and the phone rings on. */
  ignoresCancel?: boolean;
  /** A REFER is refused with this status. */
  refusesRefer?: number | undefined;
}

/** What a call needs of its phone. */
export interface CallParts {
  readonly world: World;
  readonly wire: Wire;
  readonly asker: Asker;
  /** The value of our Contact. */
  readonly contact: string;
  readonly sdp: string;
  readonly misbehaves: Misbehaviour;
  /** Where a request for this URI goes first: outside a dialog, and within one. */
  hopFor(uri: string): Endpoint;
  hopWithin(uri: string): Endpoint;
}

/** One call of a phone, from its INVITE on. */
export abstract class Call {
  state: CallState;
  /** The status of the last response to its INVITE; 0 before any, 408 when none came. */
  status = 0;
  /** Who ended it; `nobody`: it ended because a response or an ACK did not come. */
  endedBy: 'us' | 'them' | 'nobody' | undefined;
  /** The session description of the peer. */
  remoteSdp = '';
  /** The status of our BYE, once answered. */
  byeStatus = 0;
  /** Every in-dialog request of the peer, ACK included. */
  readonly received: SipRequest[] = [];
  abstract readonly callId: string;
  /** Our own tag. */
  abstract readonly localTag: string;
  protected readonly parts: CallParts;
  protected dialog: Dialog | undefined;
  /** INVITEs of the peer that wait for their ACK. */
  protected readonly unacknowledged = new Map<number, PhoneServer>();

  constructor(parts: CallParts, state: CallState) {
    this.parts = parts;
    this.state = state;
  }

  /** Ends the call, whatever its state: BYE, CANCEL or a refusal. */
  hangUp(): void {
    if (this.state === 'talking' && this.dialog !== undefined) {
      this.end('us');
      this.sendBye(this.dialog);
    } else if (this.state !== 'ended') this.giveUp();
  }

  /** Sends a request within the dialog, such as INFO or UPDATE, and answers its status. */
  request(
    method: string,
    more: { headers?: HeaderPair[]; body?: string; contentType?: string } = {},
  ): Promise<number> {
    const { dialog } = this;
    if (dialog === undefined) return Promise.resolve(0);
    const { headers = [], ...body } = more;
    const draft = { ...this.draftIn(dialog, method), ...body };
    return new Promise((resolve) => {
      const answered = (status: number): void => {
        if (status >= 200) resolve(status);
      };
      const whole = {
        ...draft,
        headers: [...draft.headers, ['Contact', this.parts.contact] as const, ...headers],
      };
      this.parts.asker.ask(whole, (response) => answered(response?.status ?? TIMED_OUT));
    });
  }

  /** Offers the session anew, acknowledges every 2xx, and answers the status. RFC 3261 §14.1 */
  reinvite(): Promise<number> {
    const { dialog, parts } = this;
    if (dialog === undefined) return Promise.resolve(0);
    const draft = this.draftIn(dialog, 'INVITE');
    const headers = [...draft.headers, ['Contact', parts.contact] as const];
    const offer = { ...draft, headers, body: parts.sdp, contentType: 'application/sdp' };
    let cseq = 0;
    return new Promise((resolve) => {
      parts.asker.ask(
        offer,
        (response) => {
          const status = response?.status ?? TIMED_OUT;
          if (status < 200) return;
          if (status < 300) {
            const ack = parts.asker.build(this.draftIn(dialog, 'ACK'), cseq);
            parts.wire.wayTo(parts.hopWithin(firstHop(dialog))).send(ack.text);
          }
          resolve(status);
        },
        (request) => void (cseq = request.cseq),
      );
    });
  }

  /** A request of the peer within this call. */
  receive(request: SipRequest, server: PhoneServer): void {
    this.received.push(request);
    if (request.method === 'BYE') this.receiveBye(request, server);
    else if (request.method === 'INVITE') this.receiveInvite(request, server);
    else if (request.method === 'REFER')
      this.respond(request, server, this.parts.misbehaves.refusesRefer ?? 200);
    else this.respond(request, server, 200);
  }

  /** The ACK for a 2xx of ours. */
  receiveAck(request: SipRequest): void {
    this.received.push(request);
    this.unacknowledged.get(request.cseq)?.acknowledged();
    this.unacknowledged.delete(request.cseq);
    if (request.body !== '') this.remoteSdp = request.body;
  }

  /** Ends every timer. */
  stop(): void {
    for (const server of this.unacknowledged.values()) server.stop();
  }

  /** Hangs up a call that nobody has answered yet. */
  protected abstract giveUp(): void;

  protected end(by: 'us' | 'them' | 'nobody'): void {
    if (this.state === 'ended') return;
    this.state = 'ended';
    this.endedBy = by;
  }

  protected sendBye(dialog: Dialog): void {
    this.parts.asker.ask(this.draftIn(dialog, 'BYE'), (response) => {
      this.byeStatus = response?.status ?? TIMED_OUT;
    });
  }

  protected draftIn(dialog: Dialog, method: string): Draft {
    return {
      method,
      uri: dialog.target,
      hop: this.parts.hopWithin(firstHop(dialog)),
      nextCseq: () => ++dialog.cseq,
      headers: dialogHeaders(dialog),
    };
  }

  /** A 2xx to an INVITE: sent again until its ACK comes, RFC 3261 §13.3.1.4. */
  protected accept(request: SipRequest, server: PhoneServer, sdp: string): void {
    this.remoteSdp = request.body;
    this.unacknowledged.set(request.cseq, server);
    server.respondUntilAck(this.reply(request, 200, sdp), () => {
      if (this.state !== 'talking' || this.dialog === undefined) return;
      this.end('nobody');
      this.sendBye(this.dialog);
    });
  }

  protected respond(request: SipRequest, server: PhoneServer, status: number): void {
    server.respond(this.reply(request, status));
  }

  /** A response with what a dialog is made of: Contact and the route set. RFC 3261 §12.1.1. */
  protected reply(
    request: SipRequest,
    status: number,
    sdp?: string,
    more: readonly HeaderPair[] = [],
  ): string {
    const dialogFields = status < 300 ? routeSetAnd(request, this.parts.contact) : [];
    const type = sdp === undefined ? [] : [['Content-Type', 'application/sdp'] as const];
    const given = more.map(([name, value]) => [name, String(value)] as const);
    const headers = [...dialogFields, ...given, ...type];
    return replyTo(request, status, { toTag: this.localTag, headers, body: sdp });
  }

  private receiveBye(request: SipRequest, server: PhoneServer): void {
    const { ignoresBye, refusesBye } = this.parts.misbehaves;
    if (ignoresBye === true) return;
    if (refusesBye !== undefined) return this.respond(request, server, refusesBye);
    this.respond(request, server, 200);
    this.end('them');
  }

  /** A re-INVITE: we agree to whatever is offered. */
  private receiveInvite(request: SipRequest, server: PhoneServer): void {
    this.accept(request, server, this.parts.sdp);
  }
}

function routeSetAnd(request: SipRequest, contact: string): (readonly [string, string])[] {
  const routes = request.headers.all('Record-Route').map((value) => ['Record-Route', value] as const);
  return [...routes, ['Contact', contact]];
}
