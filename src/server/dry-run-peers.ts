/** Those whom a dry run calls: they ring, answer, refuse or say nothing, as `--answer` has it. */
import type { Clock, Millis, Timer } from '../base/world.ts';
import { replyTo } from '../sip/build.ts';
import type { SipRequest } from '../sip/message.ts';
import { type FarAnswer, type FarAnswers, finalStatus } from './dry-run-answers.ts';
import type { SentMessage } from './dry-run-net.ts';

/** There and back. */
const REPLY_AFTER_MS: Millis = 20;
/** How long a phone rings until it is answered. */
export const RING_MS: Millis = 2_000;

/** What caller and callee of a dry run say of their media: A-law to a port that nobody listens on. */
export const SESSION = [
  'v=0',
  'o=- 1 1 IN IP4 198.18.0.1',
  's=-',
  'c=IN IP4 198.18.0.1',
  't=0 0',
  'm=audio 40000 RTP/AVP 8',
  '',
].join('\r\n');

/** A request that left the exchange, and what its receiver does with it. */
export interface FarRequest {
  readonly atMs: Millis;
  readonly method: string;
  readonly uri: string;
  readonly to: string;
  readonly way: string;
  readonly answer: FarAnswer;
}

/** All far ends of one run. */
export class DryRunPeers {
  /** What they were asked, but ACK and CANCEL. */
  readonly asked: FarRequest[] = [];
  /** Replies that are on their way. */
  replying = 0;
  private readonly clock: Clock;
  private readonly answers: FarAnswers;
  private readonly namesOf: (request: SipRequest, message: SentMessage) => readonly string[];
  private readonly ringing = new Map<
    string,
    { readonly invite: SipRequest; readonly timers: readonly Timer[] }
  >();
  /** Requests that were heard: one that comes again is not another one. */
  private readonly heard = new Set<string>();

  constructor(
    clock: Clock,
    answers: FarAnswers,
    namesOf: (request: SipRequest, message: SentMessage) => readonly string[],
  ) {
    this.clock = clock;
    this.answers = answers;
    this.namesOf = namesOf;
  }

  receive(request: SipRequest, message: SentMessage): void {
    const { method } = request;
    if (method === 'ACK') return;
    const key = request.headers.get('Via') ?? '';
    if (method === 'CANCEL') return this.cancelled(key, request, message);
    if (this.heard.has(key)) return;
    this.heard.add(key);
    const names = this.namesOf(request, message);
    const answer = this.answers.of(names);
    const contact = this.answers.textOf(names);
    const { key: to } = message.to;
    this.asked.push({ atMs: this.clock.now(), method, uri: request.uriText, to, way: message.way, answer });
    if (method === 'INVITE') this.ring(key, request, message, answer, contact);
    else if (answer !== 'silent') {
      const headers: [string, string][] = contact === undefined ? [] : [['Contact', `<${contact}>`]];
      this.send(replyTo(request, finalStatus(answer) ?? 200, { toTag: 'far', headers }), message);
    }
  }

  /** `contact`: where a redirection leads. */
  private ring(
    key: string,
    invite: SipRequest,
    message: SentMessage,
    answer: FarAnswer,
    contact: string | undefined,
  ): void {
    if (answer === 'silent') return;
    const status = finalStatus(answer);
    const rings = status === undefined || status < 300;
    const timers: Timer[] = [];
    if (rings) timers.push(this.send(this.reply(invite, 180), message));
    if (status !== undefined) {
      const afterMs = REPLY_AFTER_MS + (rings ? RING_MS : 0);
      timers.push(
        this.send(this.reply(invite, status, contact), message, afterMs, () => this.ringing.delete(key)),
      );
    }
    this.ringing.set(key, { invite, timers });
  }

  private send(
    text: string,
    message: SentMessage,
    afterMs = REPLY_AFTER_MS,
    sent: () => void = () => {},
  ): Timer {
    let waits = true;
    this.replying++;
    const once = (act: () => void): void => {
      if (!waits) return;
      waits = false;
      this.replying--;
      act();
    };
    const timer = this.clock.after(afterMs, () =>
      once(() => {
        sent();
        message.back(text);
      }),
    );
    return { cancel: () => once(() => timer.cancel()) };
  }

  private cancelled(key: string, request: SipRequest, message: SentMessage): void {
    this.send(replyTo(request, 200, { toTag: 'far' }), message);
    const call = this.ringing.get(key);
    if (call === undefined) return;
    this.ringing.delete(key);
    for (const timer of call.timers) timer.cancel();
    this.send(this.reply(call.invite, 487), message);
  }

  private reply(invite: SipRequest, status: number, contact = invite.uriText): string {
    const routes = status < 300 ? invite.headers.all('Record-Route') : [];
    const headers: [string, string][] = routes.map((value) => ['Record-Route', value]);
    if (status < 400) headers.push(['Contact', `<${contact}>`]);
    if (status >= 300) return replyTo(invite, status, { toTag: 'far', headers });
    const hasSession = status === 200 && invite.body !== '';
    if (hasSession) headers.push(['Content-Type', 'application/sdp']);
    return replyTo(invite, status, { toTag: 'far', headers, body: hasSession ? SESSION : undefined });
  }
}
