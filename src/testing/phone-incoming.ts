/** A call this phone gets. RFC 3261 §13.3. */
import type { Millis, Timer } from '../base/world.ts';
import type { SipRequest } from '../sip/message.ts';
import { Call, type CallParts } from './phone-call.ts';
import { calledDialog } from './phone-dialog.ts';
import type { HeaderPair } from './phone-request.ts';
import type { PhoneServer } from './phone-transactions.ts';

/**
 * What a phone does with a call: answers it by itself, or rings until told (`ring`), or is deaf (`silent`).
 * Times count from the INVITE; it rings at `ringMs` (0 by default) if that is before the answer.
 */
export type Answers =
  | {
      readonly afterMs: Millis;
      readonly ringMs?: Millis;
      /** 200 by default. */
      readonly status?: number;
      readonly sdp?: string;
      /** More header fields of the final response, such as the Contact of a 302. */
      readonly headers?: readonly HeaderPair[];
    }
  | 'ring'
  | 'silent';

/** Rings and answers as it was told, or by hand: `ring`, `answer`, `refuse`. */
export class IncomingCall extends Call {
  readonly callId: string;
  readonly localTag: string;
  readonly invite: SipRequest;
  private readonly server: PhoneServer;
  private readonly timers: Timer[] = [];

  constructor(parts: CallParts, invite: SipRequest, server: PhoneServer, answers: Answers) {
    super(parts, 'calling');
    this.invite = invite;
    this.server = server;
    this.callId = invite.callId;
    this.localTag = parts.world.random.token(48);
    this.remoteSdp = invite.body;
    this.follow(answers);
  }

  /** Sends 180. */
  ring(): void {
    if (this.state !== 'calling') return;
    this.state = 'ringing';
    this.status = 180;
    this.respond(this.invite, this.server, 180);
  }

  /** Sends 200. */
  answer(sdp = this.parts.sdp): void {
    if (!this.isPending) return;
    this.dialog = calledDialog(this.invite, this.localTag);
    this.state = 'talking';
    this.status = 200;
    this.accept(this.invite, this.server, sdp);
  }

  /** Sends a final response other than 2xx. */
  refuse(status: number, headers: readonly HeaderPair[] = []): void {
    if (!this.isPending) return;
    this.status = status;
    this.end(status === 487 ? 'them' : 'us');
    this.server.respondUntilAck(this.reply(this.invite, status, undefined, headers), () => {});
  }

  /** The CANCEL came. RFC 3261 §9.2. */
  cancelled(): void {
    this.refuse(487);
  }

  override stop(): void {
    super.stop();
    this.server.stop();
    for (const timer of this.timers) timer.cancel();
  }

  protected override giveUp(): void {
    this.refuse(603);
  }

  private get isPending(): boolean {
    return this.state === 'calling' || this.state === 'ringing';
  }

  private follow(answers: Answers): void {
    if (answers === 'silent') return;
    if (answers === 'ring') {
      this.ring();
      return;
    }
    const { afterMs, ringMs = 0, status = 200, sdp, headers } = answers;
    const { clock } = this.parts.world;
    if (ringMs === 0 && afterMs > 0) this.ring();
    else if (ringMs < afterMs) this.timers.push(clock.after(ringMs, () => this.ring()));
    const decide = (): void => (status < 300 ? this.answer(sdp) : this.refuse(status, headers));
    if (afterMs === 0) decide();
    else this.timers.push(clock.after(afterMs, decide));
  }
}
