/**
 * One question on its way: to one server after the other, by UDP, and by TCP when the answer does not fit.
 * RFC 1035 §4.2, RFC 5452 §9 (each try has an id and a socket of its own), RFC 7766 §5.
 *
 *            start: send
 *                 │
 *            ┌────▼────┐ refused, silent: the next server
 *       ┌────┤ asking  ├─┐
 *       │    └─┬─────▲─┘◄┘
 *       │      │     │ refused, silent: the next server
 *       │      │truncated: connect
 *       │    ┌─▼─────┴─┐
 *       │    │streaming│
 *       │    └────┬────┘
 *       │answered │ answered
 *      ┌▼─────────▼┐
 *      │   over    │◄── no server is left, or no place to ask from: from both
 *      └───────────┘
 */
import { go, ignore, type Machine, stay, step } from '../base/machine.ts';
import type {
  ByteStream,
  Clock,
  DnsType,
  HostPort,
  Millis,
  Random,
  StreamUser,
  Timer,
} from '../base/world.ts';
import { type DnsQuestion, type DnsReply, rcode, readReply, writeQuestion } from './dns-message.ts';

/** A UDP socket bound to one server: nobody else is heard. */
export interface DatagramPath {
  send(bytes: Uint8Array): void;
  close(): void;
}

/** What goes over the network. */
export interface DnsSockets {
  /** `failed` tells that nobody listens there; it may not be told at all. */
  datagram(to: HostPort, receive: (bytes: Uint8Array) => void, failed: () => void): DatagramPath;
  connect(to: HostPort, user: StreamUser): ByteStream;
}

/** What questions are made with. */
export interface QuestionParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly sockets: DnsSockets;
}

/** Whom to ask, and how patiently. */
export interface QuestionPlan {
  /** In this order, and from the front again. */
  readonly servers: readonly HostPort[];
  readonly timeoutMs: Millis;
  /** How often each server is asked. */
  readonly attempts: number;
}

/** An answer, with the server that gave it, or why there is none. */
export type QuestionEnd =
  | { readonly reply: DnsReply; readonly server: HostPort }
  | { readonly reply: undefined; readonly code: 'ETIMEOUT' | 'ESERVFAIL' | 'EBADNAME' };

/** The boxes of the figure. */
export type QuestionState = 'asking' | 'streaming' | 'over';
/** Its arrows. */
export type QuestionEvent = 'start' | 'answered' | 'truncated' | 'trouble' | 'exhausted';

/** What the figure asks of its surroundings. */
export interface QuestionPart {
  send(): void;
  openStream(): void;
  /** Asks the next server, or tells that none is left. */
  goOn(): void;
  end(): void;
}

const over = go<'over', QuestionPart>('over', (q) => q.end());

/** The figure. `truncated` over a stream is trouble: there it has no meaning. */
export const question: Machine<QuestionState, QuestionEvent, QuestionPart> = {
  asking: {
    start: stay((q) => q.send()),
    answered: over,
    truncated: go('streaming', (q) => q.openStream()),
    trouble: stay((q) => q.goOn()),
    exhausted: over,
  },
  streaming: {
    start: ignore,
    answered: over,
    truncated: go('asking', (q) => q.goOn()),
    trouble: go('asking', (q) => q.goOn()),
    exhausted: over,
  },
  over: { start: ignore, answered: ignore, truncated: ignore, trouble: ignore, exhausted: ignore },
};

/** Asks; settles in `servers × attempts × timeoutMs` at the latest, at once when aborted, and never rejects. */
export function ask(
  parts: QuestionParts,
  plan: QuestionPlan,
  name: string,
  type: DnsType,
  signal: AbortSignal,
): Promise<QuestionEnd> {
  const { promise, resolve } = Promise.withResolvers<QuestionEnd>();
  const made = new Question(parts, plan, name, type, resolve);
  step(question, signal.aborted ? 'exhausted' : 'start', made);
  signal.addEventListener('abort', () => step(question, 'exhausted', made));
  return promise;
}

class Question implements QuestionPart {
  state: QuestionState = 'asking';
  private readonly parts: QuestionParts;
  private readonly plan: QuestionPlan;
  /** With the id of the last try. */
  private asked: DnsQuestion;
  private readonly done: (end: QuestionEnd) => void;
  private tries = 0;
  /** Off once a server has shown that it does not know RFC 6891. */
  private extended = true;
  private bytes: Uint8Array | undefined = undefined;
  private path: DatagramPath | undefined = undefined;
  private stream: ByteStream | undefined = undefined;
  private unread = '';
  private timer: Timer | undefined = undefined;
  private reply: DnsReply | undefined = undefined;
  private refusal: 'ETIMEOUT' | 'ESERVFAIL' | 'EBADNAME' = 'ETIMEOUT';

  constructor(
    parts: QuestionParts,
    plan: QuestionPlan,
    name: string,
    type: DnsType,
    done: (end: QuestionEnd) => void,
  ) {
    this.parts = parts;
    this.plan = plan;
    this.asked = { id: 0, name, type };
    this.done = done;
  }

  private get server(): HostPort {
    const { servers } = this.plan;
    return servers[this.tries % servers.length]!; // There is one at least: `DnsConfig` sees to it.
  }

  send(): void {
    this.asked = { ...this.asked, id: this.parts.random.below(65_536) };
    this.bytes = writeQuestion(this.asked, this.extended);
    if (this.bytes === undefined) {
      this.refusal = 'EBADNAME';
      return step(question, 'exhausted', this);
    }
    this.wait();
    const path = this.parts.sockets.datagram(
      this.server,
      (bytes) => path === this.path && this.heard(bytes),
      () => path === this.path && step(question, 'trouble', this),
    );
    this.path = path;
    path.send(this.bytes);
  }

  openStream(): void {
    this.close();
    this.wait();
    this.unread = '';
    const { bytes = new Uint8Array(0) } = this;
    const stream = this.parts.sockets.connect(this.server, {
      data: (text) => stream === this.stream && this.data(text),
      closed: () => stream === this.stream && step(question, 'trouble', this),
    });
    this.stream = stream;
    stream.write(String.fromCharCode(bytes.length >>> 8, bytes.length & 255, ...bytes));
  }

  goOn(): void {
    this.close();
    this.tries++;
    if (this.tries < this.plan.servers.length * this.plan.attempts) this.send();
    else step(question, 'exhausted', this);
  }

  end(): void {
    this.close();
    const { reply, server } = this;
    this.done(reply === undefined ? { reply, code: this.refusal } : { reply, server });
  }

  /** RFC 1035 §4.2.2: two octets of length go before the message. */
  private data(text: string): void {
    this.unread += text;
    if (this.unread.length < 2) return;
    const length = this.unread.charCodeAt(0) * 256 + this.unread.charCodeAt(1);
    if (this.unread.length < 2 + length) return;
    const message = this.unread.substring(2, 2 + length);
    this.heard(Uint8Array.from(message, (c) => c.charCodeAt(0)));
    if (this.state === 'streaming') step(question, 'trouble', this); // One question, one answer.
  }

  /** What is no answer to our question is as if it had not come: it may be somebody's guess. RFC 5452 §9.1 */
  private heard(bytes: Uint8Array): void {
    const reply = readReply(bytes, this.asked);
    if (reply === undefined) return;
    if (reply.truncated) return step(question, 'truncated', this);
    const { code } = reply;
    if (code === rcode.noError || code === rcode.nxDomain) {
      this.reply = reply;
      return step(question, 'answered', this);
    }
    this.refusal = 'ESERVFAIL';
    if (this.extended && (code === rcode.formErr || code === rcode.notImp)) {
      this.extended = false;
      this.tries--; // The same server once more, in the language of RFC 1035.
    }
    step(question, 'trouble', this);
  }

  private wait(): void {
    this.timer = this.parts.clock.after(this.plan.timeoutMs, () => step(question, 'trouble', this));
  }

  private close(): void {
    this.timer?.cancel();
    this.path?.close();
    this.path = undefined;
    const { stream } = this;
    this.stream = undefined;
    stream?.destroy();
  }
}
