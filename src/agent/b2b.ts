/**
 * A back-to-back user agent: two dialogs as one call. Neither side sees of the other what routes its messages: each
 * leg has its own Call-ID, tags, Via, Contact and route set.
 */
import { checkWait, checkWord } from '../base/options.ts';
import type { Millis, Timer } from '../base/world.ts';
import type { HeaderLine } from '../dialog/dialog.ts';
import { breadthShare, maxBreadth } from '../sip/breadth.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { COMPLETED_ELSEWHERE } from '../sip/reason.ts';
import type { Uri } from '../sip/uri.ts';
import type { Asked } from './asked.ts';
import { Bridge, type BridgeUser, type Given, type Taker } from './bridge.ts';
import { type CalleeLegOptions, type CalleeParts, hopsLeft, inviteCallee } from './callee-leg.ts';
import type { AgentCore } from './core.ts';
import { type Credentials, DigestClient } from './digest-client.ts';
import { type Callee, type CalleePlan, CALLEES_MAX, checkCallees, hunt, type HuntStep } from './hunt.ts';
import type { AttemptUser, InviteAttempt } from './invite-attempt.ts';
import type { LocalApp, LocalCall } from './local-call.ts';
import { Passage, type PassageOptions, shownStatus } from './passage.ts';
import { type RedirectOptions, Redirects } from './redirects.ts';
import { pickUp } from './pick-up.ts';
import { answeredAsReferrer } from './refer-subscription.ts';
import { takeReplacement } from './replaces.ts';
import { Session, type SessionEnd } from './session.ts';
import { Transfer } from './transfer.ts';

/** How a call of two legs is made. */
export interface B2bOptions extends RedirectOptions, PassageOptions, CalleeLegOptions {
  /** Proves who we are to the callee's side. */
  readonly credentials?: Credentials;
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

/** The application for `c.answer`: rings along the plan and joins who answers with the caller. Throws INVALID. */
export function b2bTo(plan: CalleePlan | Uri, options: B2bOptions = {}): LocalApp {
  const { ringMs, replyMs, talkMsMax, redirects, refer } = options;
  checkWait('ringMs of b2b.to', ringMs);
  checkWait('replyMs of b2b.to', replyMs);
  checkWait('talkMsMax of b2b.to', talkMsMax);
  checkWord('redirects of b2b.to', redirects, ['hide', 'pass']);
  checkWord('refer of b2b.to', refer, ['ours', 'pass']);
  const isUri = typeof plan === 'object' && plan !== null && 'scheme' in plan;
  const callees: CalleePlan = isUri ? { uri: plan } : plan;
  checkCallees('the plan of b2b.to', callees);
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
  /** See {@link Given}. */
  private progress = 180;
  /** Who gets whoever answers, since the caller has given the call away. */
  private taker: Taker | undefined = undefined;
  /** What each callee gets of the caller's; undefined: the caller named none, and it is not divided. */
  private breadth: number | undefined;
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
    this.breadth = maxBreadth(call.request);
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
      cancelled: (reason) => {
        if (this.taker === undefined) this.cancelAll(reason);
      },
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
    if (!this.shares(plan)) return call.reject(440);
    const step = await hunt(plan, (callee) => this.ring(callee));
    if (step === 'next' || this.talking.size === 0) this.refuse();
    if (this.talking.size > 0) await over;
  }

  /** Rings somebody for this call. */
  invite(callee: Callee, parts: CalleeParts, user: AttemptUser): InviteAttempt {
    const { core, call, digest, options } = this;
    return inviteCallee({ core, invite: call.invite, digest, options }, callee, user, parts);
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
    if (asked.request.method === 'SUBSCRIBE') return answeredAsReferrer(session, asked);
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
    if (this.taker !== undefined) {
      newcomer.reject(491);
      return undefined;
    }
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

  giveAway(taker: Taker): Given | undefined {
    if (this.taker !== undefined || !this.call.invite.pending || this.talking.size > 0) return undefined;
    this.taker = taker;
    const giveUp = (): void => {
      this.taker = undefined;
      this.call.invite.refuse(487); // First: once nobody waits, nobody else of the plan is rung.
      this.cancelAll();
    };
    return { progress: this.progress, giveUp };
  }

  ringsForTaker(leg: Session): boolean {
    return this.taker !== undefined && leg.dialog.state === 'early';
  }

  // ─── ringing ─────────────────────────────────────────────────────────────────────────────────

  /** Whether somebody waits for a callee. */
  private get isWanted(): boolean {
    return this.call.invite.pending || this.taker !== undefined;
  }

  private ring(callee: Callee): Promise<HuntStep> {
    if (!this.isWanted) return Promise.resolve('stop');
    if (++this.rung > CALLEES_MAX) return Promise.resolve('stop');
    const { promise, resolve } = Promise.withResolvers<HuntStep>();
    const { request } = this.call;
    this.redirects.note(callee.uri);
    // One that cannot be sent fails before it is made.
    let attempt: InviteAttempt | undefined = undefined;
    attempt = this.invite(
      callee,
      {
        ...this.passage.content(request),
        headers: [...this.passage.headers(request.headers), ...this.breadthLine],
      },
      {
        provisional: (response, session, reliable) => this.provisional(response, session, reliable),
        answered: (answered, session, response) => {
          this.answered(answered, session, response, () => resolve('stop'));
        },
        failed: (status, response) => {
          if (attempt !== undefined) this.attempts.delete(attempt);
          if (response?.status === 430) this.core.flowFailed?.(callee);
          const other = callee.others?.[0];
          if (other !== undefined && isFlowGone(status, response) && attempt?.cancelled !== true)
            return void this.ring(other).then(resolve);
          const elsewhere = response && this.isWanted ? this.redirects.planFor(response) : undefined;
          if (elsewhere !== undefined && this.shares(elsewhere))
            return void hunt(elsewhere, (other) => this.ring(other)).then(resolve);
          this.failed(status, response);
          resolve(status >= 600 || !this.isWanted ? 'stop' : 'next');
        },
      },
    );
    if (attempt.pending) this.attempts.add(attempt);
    return promise;
  }

  /** Whether there is breadth enough for all who are rung at once. RFC 5393 §5.3.3 */
  private shares(plan: CalleePlan): boolean {
    const share = breadthShare(plan, this.breadth);
    this.breadth = share ?? this.breadth;
    return share !== 0;
  }

  /** A call of two legs is as wide as one through a proxy. */
  private get breadthLine(): HeaderLine[] {
    return this.breadth === undefined ? [] : [['Max-Breadth', this.breadth]];
  }

  private provisional(response: SipResponse, session: Session | undefined, reliable: boolean): void {
    const { invite } = this.call;
    this.progress = response.status;
    this.taker?.rings(response.status);
    if (!invite.pending) {
      if (reliable) void session?.prack();
      return;
    }
    // All responses without a tag share one early dialog: a callee must not make us keep more of them.
    const here = session === undefined ? (this.untagged ??= invite.open()) : (session.peer ?? invite.open());
    if (here === undefined) return;
    if (session !== undefined && session.peer === undefined) this.bridge.pair(here, session);
    invite.progress(here, response.status, this.passage.parts(response), reliable);
    // Who cannot acknowledge a provisional response does not hear of it, so we do it in its place.
    if (reliable && !invite.takesReliable) void session?.prack();
  }

  private answered(attempt: InviteAttempt, session: Session, response: SipResponse, done: () => void): void {
    this.attempts.delete(attempt);
    this.cancelAll(COMPLETED_ELSEWHERE);
    if (this.taker !== undefined) return this.taken(this.taker, attempt, session, response, done);
    const here = this.callersLegFor(session);
    const offered = this.call.request.body !== '';
    if (offered || here === undefined) attempt.acknowledge(session);
    else this.awaitsAnswer = { attempt, session };
    this.talk(here, session, response);
    done();
  }

  /** What a transfer makes of who answered; he has been acknowledged by it. */
  private taken(
    taker: Taker,
    attempt: InviteAttempt,
    session: Session,
    response: SipResponse,
    done: () => void,
  ): void {
    taker.answered(attempt, session, response, (isJoined) => {
      this.taker = undefined;
      if (isJoined) this.call.invite.refuse(487);
      else if (!session.isOver) this.talk(this.callersLegFor(session), session, response);
      done();
    });
  }

  private callersLegFor(callee: Session): Session | undefined {
    const { invite } = this.call;
    return callee.peer ?? (invite.pending ? invite.open() : undefined);
  }

  private talk(here: Session | undefined, session: Session, response: SipResponse): void {
    const { invite } = this.call;
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
    this.taker?.failed(status);
    if (response === undefined) invite.refuse(shownStatus(status));
    else if (status < 400 && this.options.redirects === 'pass')
      invite.refuse(status, this.passage.redirection(response));
    else invite.refuse(shownStatus(status), this.passage.parts(response));
  }

  private cancelAll(reason = ''): void {
    for (const attempt of this.attempts) attempt.cancel(reason);
  }
}

/** Whether nobody has had the call by this flow: then another one of the same device may lead there. RFC 5626 §7 */
function isFlowGone(status: number, response: SipResponse | undefined): boolean {
  return response === undefined ? status === 408 || status === 480 : status === 430;
}
