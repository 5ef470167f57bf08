/**
 * A back-to-back user agent: two dialogs as one call. Neither side sees of the other what routes its messages: each
 * leg has its own Call-ID, tags, Via, Contact and route set.
 */
import { checkWait, checkWord, refused } from '../base/options.ts';
import type { Millis, Timer } from '../base/world.ts';
import type { HeaderLine } from '../dialog/dialog.ts';
import { askForTimer } from '../dialog/session-timer.ts';
import { FROM, MAX_FORWARDS, TO } from '../sip/header-table.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { parseNameAddr, printNameAddr, splitList } from '../sip/name-addr.ts';
import { COMPLETED_ELSEWHERE } from '../sip/reason.ts';
import { printUri, type Uri } from '../sip/uri.ts';
import { allowValue } from '../sip/words.ts';
import type { Asked } from './asked.ts';
import { Bridge, type BridgeUser } from './bridge.ts';
import type { AgentCore } from './core.ts';
import { type Credentials, DigestClient } from './digest-client.ts';
import { type Callee, type CalleePlan, CALLEES_MAX, hunt, type HuntStep } from './hunt.ts';
import { type AttemptUser, InviteAttempt } from './invite-attempt.ts';
import type { LocalApp, LocalCall } from './local-call.ts';
import { Passage, type PassageOptions, shownStatus } from './passage.ts';
import { type RedirectOptions, Redirects } from './redirects.ts';
import { pickUp } from './pick-up.ts';
import { takeReplacement } from './replaces.ts';
import { Session, type SessionEnd } from './session.ts';
import { Transfer } from './transfer.ts';

/** How a call of two legs is made. */
export interface B2bOptions extends RedirectOptions, PassageOptions {
  /** Proves who we are to the callee's side. */
  readonly credentials?: Credentials;
  /** The value of From on the callee's side, without a tag. Unless given: the caller's own. */
  readonly from?: string;
  /** More header fields for the callee. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How long each callee may ring. Unless given: three minutes for the last one, else 30 s. */
  readonly ringMs?: Millis;
  /** How long each callee may say nothing. Default 5 s. */
  readonly replyMs?: Millis;
  /** What the caller is told of a redirection that is not followed: 480 and no Contact (`hide`, the default), or it. */
  readonly redirects?: 'hide' | 'pass';
  /** The call is ended after so long: credit that is used up. */
  readonly talkMsMax?: Millis;
  /** `pass`: a REFER goes to the far end. Default `ours`: we carry it out. RFC 3515 */
  readonly refer?: 'ours' | 'pass';
  /**
   * Whom a transfer to this URI rings; undefined forbids it. Unless given, only a transfer to somebody the referrer
   * already talks with through us is carried out: anything else would let a caller dial where no route allows it.
   */
  readonly transfer?: (
    to: Uri,
    refer: SipRequest,
  ) => CalleePlan | undefined | Promise<CalleePlan | undefined>;
}

const REPLY_MS = 5_000;
const RING_MS = 180_000;
const CALL_ID_BITS = 128;

/** The application for `c.answer`: rings along the plan and joins who answers with the caller. Throws INVALID. */
export function b2bTo(plan: CalleePlan | Uri, options: B2bOptions = {}): LocalApp {
  const { ringMs, replyMs, talkMsMax, redirects, refer } = options;
  checkWait('ringMs of b2b.to', ringMs);
  checkWait('replyMs of b2b.to', replyMs);
  checkWait('talkMsMax of b2b.to', talkMsMax);
  checkWord('redirects of b2b.to', redirects, ['hide', 'pass']);
  checkWord('refer of b2b.to', refer, ['ours', 'pass']);
  if (typeof plan !== 'object' || plan === null)
    throw refused('the plan of b2b.to', 'a URI or targets', plan);
  const callees: CalleePlan = 'scheme' in plan ? { uri: plan } : plan;
  return { name: 'b2b', run: (call) => new B2bCall(call, options).run(callees) };
}

/** One call of two legs. */
export class B2bCall implements BridgeUser {
  readonly core: AgentCore;
  readonly options: B2bOptions;
  readonly bridge: Bridge;
  readonly passage: Passage;
  private readonly call: LocalCall;
  private readonly attempts = new Set<InviteAttempt>();
  private readonly talking = new Set<Session>();
  private readonly digest: DigestClient | undefined;
  private readonly redirects: Redirects;
  private best: { status: number; response: SipResponse | undefined } | undefined = undefined;
  private rung = 0;
  private untagged: Session | undefined = undefined;
  private credit: Timer | undefined = undefined;
  /** The callee whose 2xx made the offer; its ACK carries the caller's answer. */
  private awaitsAnswer: { attempt: InviteAttempt; session: Session } | undefined = undefined;
  /** The leg that stands for whoever called, also after a transfer. */
  private callersLeg: Session | undefined = undefined;
  private allOver: (end: SessionEnd) => void = () => {};

  constructor(call: LocalCall, options: B2bOptions) {
    this.call = call;
    this.core = call.core;
    this.options = options;
    this.passage = new Passage(options);
    this.bridge = new Bridge(this, this.passage);
    this.redirects = new Redirects(options, (uri) => call.core.isOwn(uri));
    this.digest =
      options.credentials === undefined
        ? undefined
        : new DigestClient(options.credentials, call.core.world.random);
  }

  async run(plan: CalleePlan): Promise<void> {
    const { call } = this;
    const over = new Promise<SessionEnd>((resolve) => {
      this.allOver = resolve;
    });
    call.invite.lasts = over; // Its record ends with the last leg, not with the one that a transfer took out.
    call.invite.user = {
      cancelled: (reason) => this.cancelAll(reason),
      acknowledged: (_session, ack) => this.acknowledged(ack),
    };
    if (call.request.headers.has('Replaces')) {
      const taken = takeReplacement(this, call);
      // Who takes a ringing call becomes part of that one, and this one lasts as long as the leg.
      if (taken instanceof Session) void taken.ended.then(this.allOver);
      if (taken !== undefined) await over;
      return;
    }
    if (hopsLeft(call.request) <= 0) return call.reject(483);
    const step = await hunt(plan, (callee) => this.ring(callee));
    if (step === 'next' || this.talking.size === 0) this.refuse();
    if (this.talking.size > 0) await over;
  }

  /** Rings somebody for this call; `offer` false: who answers makes the offer. */
  invite(
    callee: Callee,
    body: { body?: string; contentType?: string },
    user: AttemptUser,
    more: readonly HeaderLine[] = [],
  ): InviteAttempt {
    const { core, options } = this;
    const { next, routes } = nextFor(callee);
    const draft = {
      method: 'INVITE',
      uri: callee.uriText ?? printUri(callee.uri),
      headers: [...routes, ...this.legHeaders(), ...more],
      contact: true,
      maxForwards: hopsLeft(this.call.request),
      ...body,
    };
    let cseq = 0;
    const attempt = new InviteAttempt(
      core,
      {
        draft,
        digest: this.digest,
        options: {
          next,
          get flow() {
            return callee.hop && core.flowTo(callee.hop);
          },
          onlyByFlow: callee.hop !== undefined,
          asker: this.call.invite.flow.remote.host,
          isChosen: callee.isChosen,
          isSips: this.call.invite.isSips,
          digest: this.digest,
          order: core.newOrder(),
          nextCSeq: () => ++cseq,
          replyMs: callee.replyMs ?? options.replyMs ?? REPLY_MS,
        },
      },
      user,
    );
    attempt.ringFor(callee.ringMs ?? options.ringMs ?? RING_MS);
    attempt.send();
    return attempt;
  }

  /** Two legs talk from now on; the call lasts as long as one of its legs. */
  join(a: Session, b: Session): void {
    this.bridge.pair(a, b);
    // Who comes anew takes the place of whoever left; the first pair is caller and callee.
    if (this.callersLeg !== a && this.callersLeg !== b) this.callersLeg = this.talking.has(a) ? b : a;
    this.talking.add(a).add(b);
    const { talkMsMax } = this.options;
    if (talkMsMax !== undefined && this.credit === undefined) {
      this.credit = this.core.world.clock.after(talkMsMax, () => {
        for (const session of this.talking) session.hangUp();
      });
    }
  }

  // ─── what the bridge tells ───────────────────────────────────────────────────────────────────

  refer(session: Session, asked: Asked): boolean {
    if (this.options.refer === 'pass') return false;
    new Transfer(this, session, asked).start();
    return true;
  }

  ended(session: Session, end: SessionEnd): void {
    // The early dialog of a callee who declined is no part of the call: another one may still answer.
    if (!this.talking.delete(session) || this.talking.size > 0) return;
    this.credit?.cancel();
    // As the record has it: `them` is whoever called.
    this.allOver(end === 'them' && session !== this.callersLeg ? 'us' : end);
  }

  left(session: Session): void {
    this.ended(session, 'us');
  }

  pickUp(newcomer: LocalCall): Session | undefined {
    const ringing = {
      invite: this.call.invite,
      bridge: this.bridge,
      join: (caller: Session, other: Session): void => {
        this.cancelAll(COMPLETED_ELSEWHERE);
        this.join(caller, other);
      },
    };
    return pickUp(ringing, newcomer);
  }

  // ─── ringing ─────────────────────────────────────────────────────────────────────────────────

  private ring(callee: Callee): Promise<HuntStep> {
    if (!this.call.invite.pending) return Promise.resolve('stop');
    if (++this.rung > CALLEES_MAX) return Promise.resolve('stop');
    const { promise, resolve } = Promise.withResolvers<HuntStep>();
    const { request } = this.call;
    this.redirects.note(callee.uri);
    // One that cannot be sent fails before it is made.
    let attempt: InviteAttempt | undefined = undefined;
    attempt = this.invite(
      callee,
      this.passage.content(request),
      {
        provisional: (response, session, reliable) => this.provisional(response, session, reliable),
        answered: (answered, session, response) => {
          this.answered(answered, session, response);
          resolve('stop');
        },
        failed: (status, response) => {
          if (attempt !== undefined) this.attempts.delete(attempt);
          if (response?.status === 430) this.core.flowFailed?.(callee);
          const other = callee.others?.[0];
          if (other !== undefined && isFlowGone(status, response) && attempt?.cancelled !== true)
            return void this.ring(other).then(resolve);
          const elsewhere =
            response && this.call.invite.pending ? this.redirects.planFor(response) : undefined;
          if (elsewhere !== undefined) return void hunt(elsewhere, (other) => this.ring(other)).then(resolve);
          this.failed(status, response);
          resolve(status >= 600 || !this.call.invite.pending ? 'stop' : 'next');
        },
      },
      this.passage.headers(request.headers),
    );
    if (attempt.pending) this.attempts.add(attempt);
    return promise;
  }

  private provisional(response: SipResponse, session: Session | undefined, reliable: boolean): void {
    const { invite } = this.call;
    // All responses without a tag share one early dialog: a callee must not make us keep more of them.
    const here = session === undefined ? (this.untagged ??= invite.open()) : (session.peer ?? invite.open());
    if (here === undefined) return;
    if (session !== undefined && session.peer === undefined) this.bridge.pair(here, session);
    invite.progress(here, response.status, this.passage.parts(response), reliable);
    // Who cannot acknowledge a provisional response does not hear of it, so we do it in its place.
    if (reliable && !invite.takesReliable) void session?.prack();
  }

  private answered(attempt: InviteAttempt, session: Session, response: SipResponse): void {
    const { invite, request } = this.call;
    this.attempts.delete(attempt);
    this.cancelAll(COMPLETED_ELSEWHERE);
    const here = session.peer ?? (invite.pending ? invite.open() : undefined);
    const offered = request.body !== '';
    if (offered || here === undefined) attempt.acknowledge(session);
    else this.awaitsAnswer = { attempt, session };
    if (here === undefined || !invite.pending) {
      session.hangUp();
      return;
    }
    this.join(here, session);
    if (!invite.accept(here, this.passage.parts(response), response.status)) session.hangUp();
  }

  /** The caller's ACK; it carries the answer when the callee made the offer. RFC 3261 §13.2.2.4 */
  private acknowledged(ack: SipRequest | undefined): void {
    const awaits = this.awaitsAnswer;
    this.awaitsAnswer = undefined;
    awaits?.attempt.acknowledge(awaits.session, ack === undefined ? {} : this.passage.content(ack));
  }

  /** A 6xx counts most, then the lowest class; nobody hears 408 when somebody said more. */
  private failed(status: number, response: SipResponse | undefined): void {
    const rank = (value: number): number => (value >= 600 ? 0 : value === 408 ? 699 : value);
    if (this.best === undefined || rank(status) < rank(this.best.status)) this.best = { status, response };
    if (status >= 600) this.cancelAll();
  }

  private refuse(): void {
    const { status, response } = this.best ?? { status: 480, response: undefined };
    const { invite } = this.call;
    if (response === undefined) invite.refuse(shownStatus(status));
    else if (status < 400 && this.options.redirects === 'pass')
      invite.refuse(status, this.passage.redirection(response));
    else invite.refuse(shownStatus(status), this.passage.parts(response));
  }

  private cancelAll(reason = ''): void {
    for (const attempt of this.attempts) attempt.cancel(reason);
  }

  private legHeaders(): HeaderLine[] {
    const { core, options, call } = this;
    const { headers } = call.request;
    const supported = ['timer', 'replaces'];
    if (call.invite.takesReliable) supported.push('100rel');
    return [
      ['From', `${options.from ?? withoutParams(headers.raw(FROM))};tag=${core.dialogs.newTag()}`],
      ['To', withoutParams(headers.raw(TO))],
      ['Call-ID', core.world.random.token(CALL_ID_BITS)],
      ['Allow', allowValue],
      ['Supported', supported.join(', ')],
      ...askForTimer(core.limits.sessionTimer),
      ...Object.entries(options.headers ?? {}),
    ];
  }
}

/** Whether nobody has had the call by this flow: then another one of the same device may lead there. RFC 5626 §7 */
function isFlowGone(status: number, response: SipResponse | undefined): boolean {
  return response === undefined ? status === 408 || status === 480 : status === 430;
}

/** Name and URI, without the tag of another dialog. */
function withoutParams(value = ''): string {
  const { name, uri } = parseNameAddr(value);
  return printNameAddr({ name, uri, params: {} });
}

/** A call that goes round and round through us ends as one through a proxy does. RFC 3261 §16.3 */
function hopsLeft(request: SipRequest): number {
  const hops = Number(request.headers.raw(MAX_FORWARDS) ?? 70);
  return (Number.isInteger(hops) ? hops : 70) - 1;
}

function nextFor(callee: Callee): { next: Uri; routes: HeaderLine[] } {
  if (callee.path === undefined) return { next: callee.uri, routes: [] };
  const [first = callee.path] = splitList(callee.path);
  return { next: parseNameAddr(first).uri, routes: [['Route', callee.path]] };
}
