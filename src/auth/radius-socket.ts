/** One UDP socket towards one RADIUS server, and the 256 requests that its identifiers can tell apart. */
import type { Endpoint } from '../base/endpoint.ts';
import type { Clock, Millis, Random, Timer, UdpSocket } from '../base/world.ts';
import {
  AUTHENTICATOR_OCTETS,
  encodeAccessRequest,
  encodeAccountingRequest,
  isAnswerTo,
  parseRadius,
  RADIUS_CODES,
  type RadiusAttribute,
  type RadiusPacket,
} from './radius-packet.ts';

/** What is asked. */
export interface RadiusQuestion {
  readonly code: typeof RADIUS_CODES.accessRequest | typeof RADIUS_CODES.accountingRequest;
  /** Made when it is sent to a server: an Acct-Delay-Time is another one for the next. RFC 2866 §5.2 */
  attributes(): readonly RadiusAttribute[];
}

/** How often a question is repeated, and how long an answer is waited for. */
export interface RadiusPatience {
  /** After the first sending; after each further one twice as long as before. */
  readonly replyMs: Millis;
  readonly attempts: number;
}

/** What a socket is made of. */
export interface RadiusSocketParts extends RadiusPatience {
  readonly clock: Clock;
  readonly random: Random;
  readonly server: Endpoint;
  readonly secret: string;
  /** An answer came that the server alone can have made. */
  readonly heard: () => void;
}

/** Identifiers of one octet. RFC 2865 §3 */
export const IDENTIFIERS = 256;
/** RFC 5080 §2.2.1: waits differ by up to a tenth, so that clients do not repeat themselves all at once. */
const JITTER_STEPS = 1000;

interface Pending {
  readonly question: RadiusQuestion;
  readonly authenticator: Uint8Array;
  readonly text: string;
  readonly ended: (answer: RadiusPacket | undefined) => void;
  waitMs: Millis;
  left: number;
  timer: Timer | undefined;
}

const ANSWERS: Readonly<Record<RadiusQuestion['code'], readonly number[]>> = {
  [RADIUS_CODES.accessRequest]: [
    RADIUS_CODES.accessAccept,
    RADIUS_CODES.accessReject,
    RADIUS_CODES.accessChallenge,
  ],
  [RADIUS_CODES.accountingRequest]: [RADIUS_CODES.accountingResponse],
};

/** See above. `use` gives it the socket, `receive` what comes there. */
export class RadiusSocket {
  private readonly parts: RadiusSocketParts;
  private readonly pending: (Pending | undefined)[] = Array.from({ length: IDENTIFIERS });
  private socket: UdpSocket | undefined = undefined;
  private count = 0;
  private nextId = 0;

  constructor(parts: RadiusSocketParts) {
    this.parts = parts;
  }

  /** Whether an identifier is free. */
  get hasRoom(): boolean {
    return this.count < IDENTIFIERS;
  }

  /** The socket by which it sends; it receives what comes there. */
  use(socket: UdpSocket): void {
    this.socket = socket;
  }

  /** Asks until there is an answer, or patience is over: then undefined. */
  ask(question: RadiusQuestion): Promise<RadiusPacket | undefined> {
    const { promise, resolve } = Promise.withResolvers<RadiusPacket | undefined>();
    const id = this.takeId();
    const { random, secret, replyMs, attempts } = this.parts;
    const attributes = question.attributes();
    const isAccess = question.code === RADIUS_CODES.accessRequest;
    const octets = isAccess
      ? encodeAccessRequest(id, random.bytes(AUTHENTICATOR_OCTETS), attributes, secret)
      : encodeAccountingRequest(id, attributes, secret);
    const pending: Pending = {
      question,
      authenticator: octets.subarray(4, 4 + AUTHENTICATOR_OCTETS),
      text: octets.latin1Slice(0, octets.length),
      ended: resolve,
      waitMs: replyMs,
      left: attempts,
      timer: undefined,
    };
    this.pending[id] = pending;
    this.send(id, pending);
    return promise;
  }

  /** What is not from the server, is no packet, answers nothing or was made without the secret: dropped. */
  receive(text: string, from: Endpoint): void {
    const { server, secret, heard } = this.parts;
    if (from.key !== server.key) return;
    const packet = parseRadius(Buffer.from(text, 'latin1'));
    const pending = packet && this.pending[packet.id];
    if (packet === undefined || pending === undefined) return;
    if (!ANSWERS[pending.question.code].includes(packet.code)) return;
    if (!isAnswerTo(packet, pending.authenticator, secret)) return;
    heard();
    this.end(packet.id, pending, packet);
  }

  /** Nobody is waited for any more. */
  close(): void {
    for (const [id, pending] of this.pending.entries()) {
      if (pending !== undefined) this.end(id, pending, undefined);
    }
    this.socket?.close();
  }

  private send(id: number, pending: Pending): void {
    if (pending.left === 0) {
      this.end(id, pending, undefined);
      return;
    }
    pending.left--;
    this.socket?.send(pending.text, this.parts.server, 0);
    const { clock, random } = this.parts;
    const jitter = 0.9 + random.below(JITTER_STEPS) / (5 * JITTER_STEPS);
    pending.timer = clock.after(pending.waitMs * jitter, () => this.send(id, pending));
    pending.waitMs *= 2;
  }

  private end(id: number, pending: Pending, answer: RadiusPacket | undefined): void {
    pending.timer?.cancel();
    this.pending[id] = undefined;
    this.count--;
    pending.ended(answer);
  }

  /** In turn, so that an identifier rests as long as can be: a late answer meets nobody it could be for. */
  private takeId(): number {
    while (this.pending[this.nextId] !== undefined) this.nextId = (this.nextId + 1) % IDENTIFIERS;
    const id = this.nextId;
    this.nextId = (id + 1) % IDENTIFIERS;
    this.count++;
    return id;
  }
}
