/** A call this phone makes. RFC 3261 §13.2. */
import { Endpoint } from '../base/endpoint.ts';
import type { HostPort } from '../base/world.ts';
import { cancelFor } from '../sip/build.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { Call, type CallParts } from './phone-call.ts';
import { callersDialog, dialogHeaders, type Dialog, firstHop } from './phone-dialog.ts';
import { type HeaderPair, TIMED_OUT } from './phone-request.ts';

/** What an INVITE carries beside the usual. */
export interface DialOptions {
  /** The session description offered; a plain audio offer by default, none when empty. */
  readonly sdp?: string;
  readonly headers?: readonly HeaderPair[];
  /** Another proxy than the phone's own. */
  readonly through?: HostPort;
}

/** Begins with the INVITE as soon as it is made. */
export class DialledCall extends Call {
  readonly callId: string;
  readonly localTag: string;
  /** Every response to the INVITE, also those sent again. */
  readonly responses: SipResponse[] = [];
  private readonly uri: string;
  private readonly hop: Endpoint;
  /** Whether the INVITE had an offer; if not, the ACK answers the one in the 2xx. RFC 3261 §13.2.1 */
  private readonly offers: boolean;
  private invite: SipRequest | undefined;
  private cancelWanted = false;
  private cancelReason = '';
  /** The ACK for each dialog, by the tag of the one who answered. */
  private readonly acks = new Map<string, string>();

  constructor(parts: CallParts, from: string, uri: string, options: DialOptions) {
    super(parts, 'calling');
    const { random, net } = parts.world;
    const { through, sdp = parts.sdp } = options;
    this.uri = uri;
    this.hop = through === undefined ? parts.hopFor(uri) : new Endpoint(through.host, through.port);
    this.offers = sdp !== '';
    this.callId = `${random.token(96)}@${net.localAddressFor(uri)}`;
    this.localTag = random.token(48);
    this.sendInvite(`<${from}>;tag=${this.localTag}`, options);
  }

  /** Takes the call back before it is answered. Waits for a provisional response first, RFC 3261 §9.1. */
  cancel(reason = ''): void {
    if (this.state !== 'calling' && this.state !== 'ringing') return;
    this.cancelReason = reason;
    this.cancelWanted = true;
    if (this.status >= 100) this.sendCancel();
  }

  protected override giveUp(): void {
    this.cancel();
  }

  private sendInvite(from: string, options: DialOptions): void {
    const { parts, uri } = this;
    const sdp = options.sdp ?? parts.sdp;
    let cseq = 0;
    const headers: HeaderPair[] = [
      ['From', from],
      ['To', `<${uri}>`],
      ['Call-ID', this.callId],
      ['Contact', parts.contact],
      ...(options.headers ?? []),
    ];
    const session = sdp === '' ? {} : { body: sdp, contentType: 'application/sdp' };
    const draft = {
      method: 'INVITE',
      uri,
      hop: this.hop,
      nextCseq: () => ++cseq,
      headers,
      ...session,
    };
    const latest = (request: SipRequest): void => {
      this.invite = request;
      this.status = 0;
    };
    parts.asker.ask(draft, (response) => this.answered(response), latest);
  }

  private answered(response: SipResponse | undefined): void {
    if (response === undefined) {
      this.status = TIMED_OUT;
      this.end('nobody');
      return;
    }
    this.responses.push(response);
    if (response.status < 200) this.provisional(response);
    else if (response.status < 300) this.success(response);
    else {
      this.status = response.status;
      this.end(this.cancelWanted ? 'us' : 'them');
    }
  }

  private provisional(response: SipResponse): void {
    if (this.state === 'talking' || this.state === 'ended') return;
    const first = this.status === 0;
    this.status = response.status;
    if (response.status > 100) this.state = 'ringing';
    if (response.body !== '') this.remoteSdp = response.body;
    if (first && this.cancelWanted) this.sendCancel();
  }

  /** Each 2xx is acknowledged; only the first one is talked to. RFC 3261 §13.2.2.4. */
  private success(response: SipResponse): void {
    const known = this.acks.get(response.toTag);
    const dialog = this.dialog?.remoteTag === response.toTag ? this.dialog : callersDialog(response);
    const answer = this.offers || response.body === '' ? '' : this.parts.sdp;
    if (this.parts.misbehaves.neverAcks !== true) this.sendAck(dialog, known ?? this.ackText(dialog, answer));
    if (known !== undefined || this.dialog === dialog) return;
    if (this.dialog !== undefined) this.sendBye(dialog);
    else this.begin(response, dialog);
  }

  private begin(response: SipResponse, dialog: Dialog): void {
    this.status = response.status;
    if (this.cancelWanted) {
      this.end('us');
      this.sendBye(dialog);
      return;
    }
    this.dialog = dialog;
    this.state = 'talking';
    if (response.body !== '') this.remoteSdp = response.body;
  }

  private ackText(dialog: Dialog, answer: string): string {
    const session = answer === '' ? {} : { body: answer, contentType: 'application/sdp' };
    const draft = { ...this.draftIn(dialog, 'ACK'), headers: dialogHeaders(dialog), ...session };
    const { text } = this.parts.asker.build(draft, dialog.cseq);
    this.acks.set(dialog.remoteTag, text);
    return text;
  }

  private sendAck(dialog: Dialog, text: string): void {
    this.parts.wire.wayTo(this.parts.hopWithin(firstHop(dialog))).send(text);
  }

  private sendCancel(): void {
    if (this.invite === undefined) return;
    const cancel = parseMessage(cancelFor(this.invite.text, this.cancelReason));
    if (cancel.kind === 'request') this.parts.asker.askAsIs(cancel, this.hop, () => {});
  }
}
