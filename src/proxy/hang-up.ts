/**
 * A callee who answers when his caller has been told already that the call failed. The caller's INVITE is over: its
 * transaction would drop the 2xx (RFC 6026 §7.2), and a caller who took it all the same would have a call that nobody
 * counts. So we take the call ourselves and end it.
 * Departs from RFC 3261 §16.7 step 5 because the callee would otherwise hear nothing for 32 s.
 */
import { SipError } from '../base/errors.ts';
import { CALL_ID, FROM, TO } from '../sip/header-table.ts';
import type { SipResponse } from '../sip/message.ts';
import { parseNameAddr } from '../sip/name-addr.ts';
import type { Uri } from '../sip/uri.ts';
import { printUri } from '../sip/uri.ts';
import type { ClientTransaction, ClientUser } from '../transaction/client-transaction.ts';
import type { TransactionLayer } from '../transaction/layer.ts';
import type { Flow } from '../transport/flow.ts';
import type { Locator } from '../transport/locate.ts';
import type { Hop, Transports } from '../transport/transports.ts';
import type { CallDialogs } from './call-dialogs.ts';
import type { DialogGuard } from './dialog-guard.ts';
import { viaOf } from './forward.ts';

/** Forks downstream of one branch that are ended, each a call of its own. Those beyond end by themselves: §13.3.1.4. */
export const LATE_FORKS_MAX = 8;

/** In place of the loop mark, in requests of our own: they came from nowhere. */
const NO_LOOP = 100_000_000;

/** What it stands on. */
export interface HangUpParts {
  readonly layer: TransactionLayer;
  readonly transports: Transports;
  readonly locator: Locator;
}

/** Ends such calls; one for the whole exchange. */
export class HangUp {
  private readonly parts: HangUpParts;
  private readonly guard: DialogGuard;
  private readonly dialogs: CallDialogs;

  constructor(parts: HangUpParts, guard: DialogGuard, dialogs: CallDialogs) {
    this.parts = parts;
    this.guard = guard;
    this.dialogs = dialogs;
  }

  /**
   * Takes a call that its caller no longer waits for, and ends it, and so what else this branch answers. `dialog`: the
   * one that the caller has all the same, 0 for none: a BYE of these others does not end it.
   */
  take(client: ClientTransaction | undefined, response: SipResponse, dialog: number): void {
    if (client === undefined || !client.isInvite) return;
    // For each To tag what acknowledges it; undefined when nobody can be told.
    const acks = new Map<string, (() => void) | undefined>();
    const take = (_: ClientTransaction, answer: SipResponse): void => {
      if (answer.status < 200 || answer.status >= 300) return;
      const { toTag } = answer;
      // A fork repeats its 2xx until it has an ACK: §13.3.1.4.
      if (acks.has(toTag)) acks.get(toTag)?.();
      else if (acks.size < LATE_FORKS_MAX) {
        acks.set(toTag, undefined);
        this.dialogs.unwanted(answer, dialog);
        this.end(client.flow, client.order, answer, (ack) => void acks.set(toTag, ack));
      }
    };
    client.user = { ...noUser, response: take };
    take(client, response);
  }

  /** A 2xx without a mark of ours is of a call that we did not want to stay with: its callee ends it. */
  private end(came: Flow, order: number, response: SipResponse, sent: (ack: () => void) => void): void {
    const { layer, transports, locator } = this.parts;
    const call = this.callOf(response);
    if (call === undefined) return;
    const sendBy = (flow: Flow | undefined): void => {
      const bye = flow && layer.openClient(flow, { method: 'BYE', cseq: call.byeCSeq }, order, noUser);
      if (flow === undefined || bye === undefined) return;
      const text = call.ack(viaOf(flow, `${layer.branchPrefix}a${bye.generation}`));
      const ack = (): void => void flow.send(text, order);
      ack();
      sent(ack);
      bye.begin(call.bye(bye.via(NO_LOOP)));
    };
    if (call.isDirect && this.guard.isBound(response, came)) return sendBy(came);
    const send = (hop: Hop | undefined): void => sendBy(hop && transports.flowTo(hop));
    const hop = locator.locate(call.next, order);
    if (hop instanceof Promise) void hop.then(send);
    else send(hop);
  }

  private callOf(response: SipResponse): UnwantedCall | undefined {
    try {
      const routes = this.guard.routesToCallee(response);
      return routes && new UnwantedCall(response, routes);
    } catch (error) {
      if (error instanceof SipError) return undefined;
      throw error;
    }
  }
}

/** Nobody waits for what comes. */
const noUser: ClientUser = { response() {}, failed() {}, timer() {} };

/** The dialog of such a 2xx, as its caller would have it. RFC 3261 §12.1.2 */
export class UnwantedCall {
  /** Where its requests go first. */
  readonly next: Uri;
  /** Whether no proxy stands between. */
  readonly isDirect: boolean;
  private readonly uriText: string;
  private readonly lines: string;
  private readonly cseq: number;

  /** `routes`: the route set from here to the callee. Throws SipError when the Contact or a route cannot be read. */
  constructor(response: SipResponse, routes: readonly string[]) {
    const { headers } = response;
    const target = parseNameAddr(headers.get('Contact') ?? '').uri;
    this.next = routes[0] === undefined ? target : parseNameAddr(routes[0]).uri;
    this.isDirect = routes.length === 0;
    this.uriText = printUri(target);
    this.cseq = response.cseq;
    let lines = routes.map((route) => `Route: ${route}\r\n`).join('');
    for (const id of [FROM, TO, CALL_ID]) lines += headers.line(headers.find(id));
    this.lines = lines;
  }

  /** §13.2.2.4 */
  ack(via: string): string {
    return this.request('ACK', this.cseq, via);
  }

  get byeCSeq(): number {
    return this.cseq + 1;
  }

  /** §15.1.1 */
  bye(via: string): string {
    return this.request('BYE', this.byeCSeq, via);
  }

  private request(method: string, cseq: number, via: string): string {
    const start = `${method} ${this.uriText} SIP/2.0\r\n${via}Max-Forwards: 70\r\n`;
    return `${start}${this.lines}CSeq: ${cseq} ${method}\r\nContent-Length: 0\r\n\r\n`;
  }
}
