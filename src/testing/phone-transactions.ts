/**
 * The transactions of a test phone: what is sent again, when, and when it is given up. RFC 3261 §17.
 * Written apart from the product's own, so that a mistake in one is not hidden by the same mistake in the
 * other.
 */
import type { Clock, Millis, Timer } from '../base/world.ts';
import { ackFor } from '../sip/build.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import type { Way } from './phone-wire.ts';

/** The estimate of a round trip. RFC 3261 §17.1.1.1. */
export const T1_MS = 500;
/** The longest time between two retransmissions of a request other than INVITE, or of a 2xx. */
export const T2_MS = 4_000;
/** 64 × T1: timers B, F, H, J. */
export const GIVE_UP_MS = 64 * T1_MS;

/** Sends a text again and again: after T1, then after twice as long each time, up to `mostMs`. */
class Repeater {
  private readonly clock: Clock;
  private readonly send: () => void;
  private readonly mostMs: Millis;
  private waitMs: Millis = T1_MS;
  private timer: Timer | undefined;

  constructor(clock: Clock, mostMs: Millis, send: () => void) {
    this.clock = clock;
    this.mostMs = mostMs;
    this.send = send;
  }

  start(): void {
    this.timer = this.clock.after(this.waitMs, () => {
      this.waitMs = Math.min(this.waitMs * 2, this.mostMs);
      this.send();
      this.start();
    });
  }

  /** From now on, every T2 only: a provisional response came. RFC 3261 §17.1.2.2. */
  slow(): void {
    this.waitMs = T2_MS;
  }

  stop(): void {
    this.timer?.cancel();
  }
}

/** What the owner of a request is told. */
export interface ClientTold {
  response(response: SipResponse): void;
  /** Nothing came for 64 × T1. */
  timeout(): void;
}

/** One request sent, until its final response. */
export class PhoneClient {
  readonly request: SipRequest;
  /** False: final responses to INVITE are not acknowledged, against the RFC. */
  private readonly acknowledges: boolean;
  private readonly way: Way;
  private readonly told: ClientTold;
  private readonly repeater: Repeater;
  private readonly giveUp: Timer;
  private state: 'calling' | 'proceeding' | 'completed' = 'calling';

  constructor(clock: Clock, way: Way, request: SipRequest, acknowledges: boolean, told: ClientTold) {
    this.way = way;
    this.request = request;
    this.acknowledges = acknowledges;
    this.told = told;
    this.repeater = new Repeater(clock, this.isInvite ? GIVE_UP_MS : T2_MS, () => way.send(request.text));
    this.giveUp = clock.after(GIVE_UP_MS, () => this.timedOut());
    way.send(request.text);
    if (!way.reliable) this.repeater.start();
  }

  receive(response: SipResponse): void {
    if (response.status < 200) this.provisional(response);
    else if (this.isInvite && response.status < 300) this.success(response);
    else this.final(response);
  }

  stop(): void {
    this.repeater.stop();
    this.giveUp.cancel();
  }

  private get isInvite(): boolean {
    return this.request.method === 'INVITE';
  }

  private provisional(response: SipResponse): void {
    if (this.state === 'completed') return;
    this.state = 'proceeding';
    if (this.isInvite) this.stop();
    else this.repeater.slow();
    this.told.response(response);
  }

  /** Every 2xx is for the call, also one that comes again or from another branch. RFC 3261 §13.2.2.4. */
  private success(response: SipResponse): void {
    this.stop();
    this.state = 'completed';
    this.told.response(response);
  }

  private final(response: SipResponse): void {
    if (this.isInvite && this.acknowledges) this.way.send(ackFor(this.request.text, response.headers));
    if (this.state === 'completed') return;
    this.state = 'completed';
    this.stop();
    this.told.response(response);
  }

  private timedOut(): void {
    this.repeater.stop();
    if (this.state === 'completed') return;
    this.state = 'completed';
    this.told.timeout();
  }
}

/** One request received, until nobody can ask for its response again. */
export class PhoneServer {
  readonly request: SipRequest;
  private readonly clock: Clock;
  private readonly way: Way;
  private last: string | undefined;
  private repeater: Repeater | undefined;
  private giveUp: Timer | undefined;

  constructor(clock: Clock, way: Way, request: SipRequest) {
    this.clock = clock;
    this.way = way;
    this.request = request;
  }

  /** The request came again. */
  again(): void {
    if (this.last !== undefined) this.way.send(this.last);
  }

  respond(text: string): void {
    this.last = text;
    this.way.send(text);
  }

  /** Sends a final response to an INVITE, and again until its ACK comes. RFC 3261 §13.3.1.4, §17.2.1. */
  respondUntilAck(text: string, noAck: () => void): void {
    this.respond(text);
    const repeater = new Repeater(this.clock, T2_MS, () => this.again());
    this.repeater = repeater;
    if (!this.way.reliable || text.startsWith('SIP/2.0 2')) repeater.start();
    this.giveUp = this.clock.after(GIVE_UP_MS, () => {
      repeater.stop();
      noAck();
    });
  }

  /** The ACK came. */
  acknowledged(): void {
    this.stop();
  }

  stop(): void {
    this.repeater?.stop();
    this.giveUp?.cancel();
  }
}
