/**
 * A transfer that we carry out: the far end of the referrer's call is joined with somebody else, and the referrer is
 * told how that goes. RFC 3515, RFC 3891, RFC 3892, RFC 4488.
 *
 *   referrer A ── us ── B        REFER to C             A told by NOTIFY, then hung up
 *                       C        blind: we ring C       B ── us ── C
 *   attended: A ── us ── C is a call of ours already, named by Replaces; B and C are joined, both legs of A end.
 *   C may still ring: it rings on for B, whatever A does, and is joined when it answers. RFC 5589 §7
 */
import type { HeaderLine } from '../dialog/dialog.ts';
import { SipError } from '../base/errors.ts';
import type { SipResponse } from '../sip/message.ts';
import { parseNameAddr } from '../sip/name-addr.ts';
import type { Uri } from '../sip/uri.ts';
import { COMPLETED_ELSEWHERE } from '../sip/reason.ts';
import type { Asked } from './asked.ts';
import type { B2bCall } from './b2b.ts';
import { Bridge, type Given, type Taker } from './bridge.ts';
import { type Callee, type CalleePlan, checkCallees, hunt, type HuntStep } from './hunt.ts';
import type { AttemptUser, InviteAttempt } from './invite-attempt.ts';
import { ReferSubscription } from './refer-subscription.ts';
import { parseReplaces, replacedSession, replacesIn } from './replaces.ts';
import type { Session } from './session.ts';

/** How long a route may look for whom to ring. */
const PLAN_MS = 5_000;

/** One REFER, until the referrer knows what became of it. */
export class Transfer {
  private readonly b2b: B2bCall;
  private readonly referrer: Session;
  private readonly asked: Asked;
  private readonly subscription: ReferSubscription;
  /** Those who ring for it. */
  private readonly ringing = new Set<InviteAttempt>();
  /** The call of the referrer's that rings for it. */
  private given: Given | undefined = undefined;

  constructor(b2b: B2bCall, referrer: Session, asked: Asked) {
    this.b2b = b2b;
    this.referrer = referrer;
    this.asked = asked;
    this.subscription = new ReferSubscription(b2b.core.world.clock, referrer, asked);
  }

  start(): void {
    const { asked, referrer } = this;
    const far = referrer.peer;
    const to = referTo(asked);
    if (to === undefined) return asked.reply(400, { reason: 'Refer-To Malformed' });
    if (far === undefined || isBusy(far) || referrer.dialog.state !== 'confirmed') return asked.reply(491);
    const replaces = replacesIn(to.headers);
    if (replaces !== undefined) this.attended(far, replaces);
    else this.blind(far, to);
  }

  private attended(far: Session, value: string): void {
    const named = parseReplaces(value);
    if (named === undefined) return this.asked.reply(400, { reason: 'Replaces Malformed' });
    const consulting = replacedSession(this.b2b.core, named);
    const target = consulting?.peer;
    if (consulting === undefined || target === undefined || consulting === this.referrer) {
      return this.asked.reply(403, { reason: 'No Such Call Of Yours' });
    }
    if (target.moving !== undefined) return this.asked.reply(491);
    if (target.caller && target.dialog.state === 'early') return this.early(far, consulting);
    // Its tags are known to nobody but its ends: who names it is one of them, or was told by one.
    this.accept(far, target);
    this.connect(
      far,
      (user) => target.reinvite({}, user),
      (session) => {
        consulting.peer = undefined;
        this.joined(far, session);
        this.release(target);
        consulting.hangUp();
      },
      (status) => {
        this.subscription.notify(status, true);
        this.release(far, target);
      },
    );
  }

  /** Who rings for the referrer rings for the far end from now on. */
  private early(far: Session, consulting: Session): void {
    const { user } = consulting;
    const taker: Taker = {
      rings: (status) => this.subscription.notify(status, false),
      answered: (attempt, session, response, done) => this.take(far, attempt, session, response, done),
      failed: (status) => {
        this.subscription.notify(status, true);
        this.release(far);
      },
    };
    this.given = user instanceof Bridge ? user.giveAway(taker) : undefined;
    if (this.given === undefined) return this.asked.reply(491);
    this.accept(far);
    this.subscription.notify(this.given.progress, false);
  }

  /** Who has answered is asked for an offer, unless that was one. */
  private take(
    far: Session,
    attempt: InviteAttempt,
    session: Session,
    response: SipResponse,
    done: (isJoined: boolean) => void,
  ): void {
    this.given = undefined;
    session.moving = this;
    const joined = (): void => {
      this.joined(far, session);
      this.release(session);
      done(true);
    };
    const failed = (status: number): void => {
      session.moving = undefined;
      this.subscription.notify(status, true);
      done(false);
      this.release(far);
    };
    if (session.localBody === '' && response.body !== '') {
      return this.offer(far, attempt, session, response, joined, failed);
    }
    attempt.acknowledge(session);
    this.connect(far, (user) => session.reinvite({}, user), joined, failed);
  }

  /** The route says whom to ring, perhaps after it has looked for him. */
  private blind(far: Session, to: Uri): void {
    const { asked, b2b } = this;
    const { clock, log } = b2b.core.world;
    const late = clock.after(PLAN_MS, () => asked.reply(500));
    const asks = async (): Promise<CalleePlan | undefined> => {
      const plan = await b2b.options.transfer?.({ ...to, headers: undefined }, asked.request);
      if (plan !== undefined) checkCallees('the plan of a transfer', plan);
      return plan;
    };
    asks().then(
      (plan) => {
        late.cancel();
        this.decided(far, plan);
      },
      (error: unknown) => {
        late.cancel();
        const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
        log.error('a route for transfers failed', { callId: asked.request.callId, why });
        asked.reply(error instanceof SipError ? error.status : 500);
      },
    );
  }

  private decided(far: Session, plan: CalleePlan | undefined): void {
    const { asked, referrer } = this;
    if (!asked.pending) return;
    if (plan === undefined) return asked.reply(403);
    // Meanwhile a call may have ended, or begun to change.
    if (referrer.peer !== far || isBusy(far) || far.isOver) return asked.reply(491);
    this.accept(far);
    this.ring(far, plan);
  }

  private ring(far: Session, plan: CalleePlan): void {
    let last = 480;
    const ring = (callee: Callee): Promise<HuntStep> => {
      const { promise, resolve } = Promise.withResolvers<HuntStep>();
      if (far.moving !== this || far.isOver) return Promise.resolve('stop');
      const attempt = this.connect(
        far,
        (user) => this.b2b.invite(callee, { headers: this.referredBy() }, user),
        (session) => {
          this.joined(far, session);
          resolve('stop');
        },
        (status) => {
          last = status;
          resolve(status >= 600 || far.isOver ? 'stop' : 'next');
        },
      );
      if (attempt?.pending === true) this.ringing.add(attempt);
      return promise;
    };
    void hunt(plan, ring).then(() => {
      if (far.moving !== this) return;
      this.subscription.notify(last, true);
      this.release(far);
    });
  }

  /** The far end has hung up: nobody need ring for it any more. */
  lost(): void {
    for (const attempt of this.ringing) attempt.cancel();
    this.given?.giveUp();
  }

  /** The new party makes the offer, the far end answers it. RFC 3725 §4.1 draws this flow. */
  private connect(
    far: Session,
    call: (user: AttemptUser) => InviteAttempt | undefined,
    joined: (session: Session) => void,
    failed: (status: number) => void,
  ): InviteAttempt | undefined {
    const attempt = call({
      provisional: (response, session, reliable) => {
        if (reliable) void session?.prack();
        this.subscription.notify(response.status, false);
      },
      answered: (answered, session, response) => this.offer(far, answered, session, response, joined, failed),
      failed,
    });
    if (attempt === undefined) failed(491);
    return attempt;
  }

  private offer(
    far: Session,
    answered: InviteAttempt,
    session: Session,
    offer: SipResponse,
    joined: (session: Session) => void,
    failed: (status: number) => void,
  ): void {
    const { passage } = this.b2b;
    const giveUp = (status: number): void => {
      const { localBody: body, localType: contentType } = session;
      // Who talks already is answered with what it hears already, and talks on; who came for this alone is not.
      answered.acknowledge(session, body === '' ? {} : { body, contentType });
      if (body === '') session.hangUp();
      failed(status);
    };
    const asked = far.reinvite(passage.content(offer), {
      provisional() {},
      answered(accepted, _far, answer) {
        accepted.acknowledge(far);
        answered.acknowledge(session, passage.content(answer));
        if (!far.isOver && !session.isOver) return joined(session);
        if (session.peer === undefined) session.hangUp();
        failed(487); // One of the two has hung up meanwhile.
      },
      failed: giveUp,
    });
    if (asked === undefined) giveUp(491);
  }

  private joined(far: Session, session: Session): void {
    const { referrer } = this;
    referrer.peer = undefined;
    this.b2b.join(far, session);
    this.release(far);
    for (const attempt of this.ringing) attempt.cancel(COMPLETED_ELSEWHERE);
    this.subscription.notify(200, true);
    void this.subscription.told.then(() => referrer.hangUp());
  }

  /** Whoever was joined with nobody, and is left alone since the referrer hung up, is hung up on. */
  private release(...legs: readonly Session[]): void {
    for (const leg of legs) {
      leg.moving = undefined;
      if (leg.peer === undefined) leg.hangUp();
    }
  }

  // ─── what the referrer is told ───────────────────────────────────────────────────────────────

  /** From now on these legs do not end with the referrer's. */
  private accept(...legs: readonly Session[]): void {
    for (const leg of legs) leg.moving = this;
    this.asked.reply(202, { headers: this.subscription.isOver ? [['Refer-Sub', 'false']] : [] });
    this.subscription.begin();
  }

  /** RFC 3892 §3: who asked for the call, as the referrer says it. */
  private referredBy(): HeaderLine[] {
    const value = this.asked.request.headers.get('Referred-By');
    return value === undefined ? [] : [['Referred-By', value]];
  }
}

/** Whether a leg has something under way that another change would meet. */
function isBusy(leg: Session): boolean {
  return leg.changing || leg.moving !== undefined;
}

/** Exactly one value, a URI that we can call. RFC 3515 §2.4.2 */
function referTo(asked: Asked): Uri | undefined {
  const values = asked.request.headers.all('Refer-To');
  const [value] = values;
  if (value === undefined || values.length > 1) return undefined;
  try {
    return parseNameAddr(value).uri;
  } catch (error) {
    if (error instanceof SipError) return undefined;
    throw error;
  }
}
