/** What a referrer is told of its transfer, until that is over or it wants no more. RFC 3515 §2.4; RFC 6665 §4.2 */
import type { Clock, Timer } from '../base/world.ts';
import { reasonPhrase } from '../sip/words.ts';
import type { Asked } from './asked.ts';
import type { Session } from './session.ts';

/** How long the referrer is told, at most, unless it asks again. RFC 3515 §2.4.4 */
const SUBSCRIPTION_SECONDS = 180;

/** The subscription that a REFER makes. */
export class ReferSubscription {
  /** The id of its Event: the number of the REFER. RFC 3515 §2.4.6 */
  readonly id: number;
  /** Settles when what was to be told by now has been. */
  told = Promise.resolve();
  private readonly clock: Clock;
  private readonly referrer: Session;
  /** Whether it has ended, or never was: nothing more is told. */
  private over: boolean;
  /** Whether a NOTIFY was refused. RFC 6665 §4.2.2 */
  private unwanted = false;
  private status = 100;
  private endMs = 0;
  private end: Timer | undefined = undefined;

  /** Who says `Refer-Sub: false` is told nothing. RFC 4488 §4 */
  constructor(clock: Clock, referrer: Session, refer: Asked) {
    this.clock = clock;
    this.referrer = referrer;
    this.id = refer.request.cseq;
    this.over = refer.request.headers.get('Refer-Sub')?.trim().toLowerCase() === 'false';
  }

  get isOver(): boolean {
    return this.over;
  }

  /** The REFER has been accepted. */
  begin(): void {
    if (this.over) return;
    const { referrer } = this;
    referrer.referrals = [...referrer.referrals, this];
    void referrer.ended.then(() => this.close());
    this.runFor(SUBSCRIPTION_SECONDS);
    this.notify(100, false);
  }

  /** How the transfer goes; the last time that it is over. RFC 3515 §2.4.5 */
  notify(status: number, last: boolean): void {
    if (this.over) return;
    this.status = status;
    if (last) this.terminate('noresource');
    else this.tell(this.active());
  }

  /** A SUBSCRIBE: it is to last longer, or with `Expires: 0` to end. RFC 6665 §4.1.2.2, §4.1.2.3 */
  refresh(asked: Asked): void {
    const seconds = Math.min(secondsWanted(asked), SUBSCRIPTION_SECONDS);
    asked.reply(200, { headers: [['Expires', seconds]] });
    if (seconds === 0) return this.terminate('timeout');
    this.runFor(seconds);
    this.tell(this.active()); // Whoever asks is told at once how it stands. RFC 6665 §4.2.1.2
  }

  private runFor(seconds: number): void {
    this.endMs = this.clock.now() + seconds * 1000;
    this.end?.cancel();
    this.end = this.clock.after(seconds * 1000, () => this.terminate('timeout'));
  }

  private active(): string {
    return `active;expires=${Math.ceil((this.endMs - this.clock.now()) / 1000)}`;
  }

  /** RFC 6665 §4.2.1.4 */
  private terminate(reason: 'noresource' | 'timeout'): void {
    this.tell(`terminated;reason=${reason}`);
    this.close();
  }

  private close(): void {
    this.over = true;
    this.end?.cancel();
    this.referrer.referrals = this.referrer.referrals.filter((one) => one !== this);
  }

  /** One NOTIFY after the other: the last one ends the subscription. RFC 3515 §2.4.4 */
  private tell(state: string): void {
    const { referrer, status } = this;
    const parts = {
      headers: [
        ['Event', `refer;id=${this.id}`],
        ['Subscription-State', state],
      ] as const,
      body: `SIP/2.0 ${status} ${reasonPhrase(status)}\r\n`,
      contentType: 'message/sipfrag;version=2.0',
    };
    this.told = this.told.then(async () => {
      if (this.unwanted || referrer.isOver) return;
      const end = await referrer.request('NOTIFY', parts, true);
      this.unwanted = typeof end === 'string' || end.status >= 300;
      if (this.unwanted) this.close();
    });
  }
}

/** A SUBSCRIBE of who sent us REFERs; false when it asks for something else. One that is over is gone: 481. */
export function answeredAsReferrer(session: Session, asked: Asked): boolean {
  const [event = '', ...params] = (asked.request.headers.get('Event') ?? '').split(';');
  if (event.trim().toLowerCase() !== 'refer') return false;
  const id = params.map((param) => /^\s*id\s*=\s*(\S+)\s*$/i.exec(param)?.[1]).find((value) => value);
  // RFC 3515 §2.4.6: none means the first one.
  const found = session.referrals.find((one) => id === undefined || String(one.id) === id);
  if (found === undefined) asked.reply(481);
  else found.refresh(asked);
  return true;
}

/** RFC 6665 §4.1.2.1: it need not say how long. */
function secondsWanted(asked: Asked): number {
  const digits = /^\s*(\d+)\s*$/.exec(asked.request.headers.get('Expires') ?? '')?.[1];
  return digits === undefined ? SUBSCRIPTION_SECONDS : Number(digits);
}
