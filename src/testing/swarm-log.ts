/** What an exchange heard and said, as whole messages in order: what the laws are checked against. */
import { createHash } from 'node:crypto';
import type { Endpoint } from '../base/endpoint.ts';
import type { ByteStream, Clock, Millis } from '../base/world.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { Frames } from './frames.ts';
import type { Wiretap } from './sim-process.ts';

/** One message at a socket of the exchange. */
export interface Overheard {
  readonly atMs: Millis;
  readonly wallMs: Millis;
  /** The run of the exchange, counted from 0. */
  readonly run: number;
  readonly heard: boolean;
  /** The far side, as the exchange sees it. */
  readonly peer: Endpoint;
  /** Whether it came, or went, over a connection. */
  readonly streamed: boolean;
  readonly message: SipRequest | SipResponse;
}

/** Listens to all runs of one exchange. */
export class SwarmLog implements Wiretap {
  readonly messages: Overheard[] = [];
  /** What the exchange said that is no SIP message; who sends nonsense may hear some of it again. */
  readonly gibberish: string[] = [];
  /** Every address it sent something to, or tried to connect to. */
  readonly addressed = new Set<string>();
  run = 0;
  private readonly clock: Clock;
  private readonly strangers: ReadonlySet<string>;
  private readonly frames = new WeakMap<ByteStream, { heard: Frames; said: Frames }>();
  private readonly sum = createHash('sha1');

  constructor(clock: Clock, strangers: readonly string[]) {
    this.clock = clock;
    this.strangers = new Set(strangers);
  }

  heard(text: string, from: Endpoint, stream: ByteStream | undefined, whole: boolean): void {
    // What strangers push into a connection is not meant to be cut into messages.
    if (stream !== undefined && this.strangers.has(from.host)) return;
    for (const message of this.cut(text, stream, whole, 'heard'))
      this.note(message, from, true, stream !== undefined);
  }

  said(text: string, to: Endpoint, stream: ByteStream | undefined, whole: boolean): void {
    this.addressed.add(to.host);
    for (const message of this.cut(text, stream, whole, 'said'))
      this.note(message, to, false, stream !== undefined);
  }

  /** The same for two runs that heard and said the same at the same times. */
  get fingerprint(): string {
    return this.sum.copy().digest('hex');
  }

  private cut(
    text: string,
    stream: ByteStream | undefined,
    whole: boolean,
    way: 'heard' | 'said',
  ): readonly string[] {
    if (stream === undefined || whole) return [text];
    let frames = this.frames.get(stream);
    if (frames === undefined) this.frames.set(stream, (frames = { heard: new Frames(), said: new Frames() }));
    return frames[way].push(text);
  }

  private note(text: string, peer: Endpoint, heard: boolean, streamed: boolean): void {
    if (isKeepAlive(text)) return;
    const { run } = this;
    const atMs = this.clock.now();
    this.sum.update(`${atMs} ${peer.key} ${heard}\n`).update(text, 'latin1');
    const message = parseMessage(text);
    if (message.kind !== 'bad') {
      this.messages.push({ atMs, wallMs: this.clock.wall(), run, heard, peer, streamed, message });
    } else if (!heard && !this.strangers.has(peer.host)) this.gibberish.push(text);
  }
}

/** Line ends, and what begins like STUN (RFC 5389 §6): both stand between SIP messages. */
function isKeepAlive(text: string): boolean {
  return text.length < 5 || text.charCodeAt(0) < 2;
}
