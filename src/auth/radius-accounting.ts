/**
 * Tells RADIUS servers when calls begin, go on and end. RFC 2866
 * What is told waits in a queue with an end while no server answers; the call records remain the truth.
 */
import type { Clock, Logger, Millis, Timer } from '../base/world.ts';
import type { RadiusClient } from './radius-client.ts';
import {
  numberAttribute,
  RADIUS_ATTRIBUTES,
  RADIUS_CODES,
  type RadiusAttribute,
  textAttribute,
  VALUE_OCTETS_MAX,
} from './radius-packet.ts';

/** Acct-Status-Type. RFC 2866 §5.1 */
export const ACCOUNTING_STATUS = { start: 1, stop: 2, interim: 3, on: 7 } as const;
/** Acct-Terminate-Cause. RFC 2866 §5.10 */
export const TERMINATE_CAUSE = { user: 1, lost: 2, us: 10 } as const;

/** A call as a session of RADIUS. */
export interface AccountedCall {
  /** The number of its record. */
  readonly session: string;
  readonly callId: string;
  /** `alice@example.com` */
  readonly caller: string;
  readonly callee: string;
}

/** What is told. */
export interface AccountingNews {
  readonly status: (typeof ACCOUNTING_STATUS)[keyof typeof ACCOUNTING_STATUS];
  /** Undefined: it is about all of us. */
  readonly call?: AccountedCall;
  readonly seconds?: number;
  readonly cause?: number;
}

/** What the accounting stands on. */
export interface AccountingOptions {
  readonly client: RadiusClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly nasIdentifier: string;
  /** News that wait; for one more the first in the queue is given up. */
  readonly queueMax: number;
  /** How long nothing is sent after no server has answered. */
  readonly retryMs: Millis;
}

/** News that are on their way at once. */
export const NEWS_AT_ONCE = 64;

interface Waiting {
  readonly news: AccountingNews;
  readonly since: Millis;
  readonly wall: number;
}

/** See above. */
export class RadiusAccounting {
  private readonly options: AccountingOptions;
  private readonly queue = new Set<Waiting>();
  private underway = 0;
  private pause: Timer | undefined = undefined;
  private given = 0;

  constructor(options: AccountingOptions) {
    this.options = options;
  }

  /** News that no server has acknowledged yet. */
  get waiting(): number {
    return this.queue.size + this.underway;
  }

  /** How many were given up. */
  get lost(): number {
    return this.given;
  }

  /** Returns at once; what is told is sent as soon as a server takes it. */
  tell(news: AccountingNews): void {
    const { clock } = this.options;
    this.add({ news, since: clock.now(), wall: clock.wall() });
    this.sendSome();
  }

  /** What waits is given up. */
  stop(): void {
    this.pause?.cancel();
    if (this.waiting > 0) {
      this.options.log.warn('RADIUS was not told of everything', { waiting: this.waiting, lost: this.lost });
    }
    this.queue.clear();
  }

  private add(waiting: Waiting): void {
    if (this.queue.size >= this.options.queueMax) {
      const [oldest] = this.queue;
      if (oldest !== undefined) this.queue.delete(oldest);
      this.given++;
    }
    this.queue.add(waiting);
  }

  private sendSome(): void {
    if (this.pause !== undefined) return;
    for (const waiting of this.queue) {
      if (this.underway >= NEWS_AT_ONCE) return;
      this.queue.delete(waiting);
      this.underway++;
      void this.send(waiting);
    }
  }

  private async send(waiting: Waiting): Promise<void> {
    const { client, clock, log, retryMs, nasIdentifier } = this.options;
    const answer = await client.ask({
      code: RADIUS_CODES.accountingRequest,
      attributes: () => attributesOf(waiting, nasIdentifier, clock.now()),
    });
    this.underway--;
    if (typeof answer === 'object') {
      this.sendSome();
      return;
    }
    // An interim report is made up for by the next one, or by the end.
    if (waiting.news.status !== ACCOUNTING_STATUS.interim) this.add(waiting);
    if (this.pause !== undefined) return;
    log.warn('no RADIUS server takes what calls cost', { waiting: this.waiting, lost: this.lost });
    this.pause = clock.after(retryMs, () => {
      this.pause = undefined;
      this.sendSome();
    });
  }
}

function attributesOf(
  { news, since, wall }: Waiting,
  nasIdentifier: string,
  now: Millis,
): readonly RadiusAttribute[] {
  const of = RADIUS_ATTRIBUTES;
  const { status, call, seconds, cause } = news;
  const attributes = [
    numberAttribute(of.acctStatusType, status),
    textAttribute(of.nasIdentifier, nasIdentifier),
    numberAttribute(of.eventTimestamp, Math.floor(wall / 1000)),
    numberAttribute(of.acctDelayTime, Math.floor((now - since) / 1000)),
    // RFC 2866 §5.5 wants one in every request, also in those about all of us.
    textAttribute(of.acctSessionId, call?.session ?? '0'),
  ];
  if (call !== undefined) {
    addText(attributes, of.userName, call.caller);
    addText(attributes, of.callingStationId, call.caller);
    addText(attributes, of.calledStationId, call.callee);
    addText(attributes, of.acctMultiSessionId, call.callId);
  }
  if (seconds !== undefined) attributes.push(numberAttribute(of.acctSessionTime, seconds));
  if (cause !== undefined) attributes.push(numberAttribute(of.acctTerminateCause, cause));
  return attributes;
}

/** Cut where it is too long, as records are; left out where there is nothing. */
function addText(attributes: RadiusAttribute[], type: number, text: string): void {
  if (text !== '') attributes.push(textAttribute(type, text.substring(0, VALUE_OCTETS_MAX)));
}
