/**
 * Says that a session is still there, when that is ours to say, or what holds in it: by UPDATE, or by a re-INVITE.
 * RFC 4028 §7.4, §10; RFC 3261 §14.1
 */
import type { Timer } from '../base/world.ts';
import type { AgentCore } from './core.ts';
import type { Session } from './session.ts';

/** RFC 3261 §14.1: after a 491 who made the Call-ID waits 2.1 to 4 s, the other one up to 2 s; in steps of 10 ms. */
const GLARE_STEP_MS = 10;
const GLARE_LEAST_MS = 2_100;
const GLARE_STEPS_OWNER = 191;
const GLARE_STEPS_OTHER = 201;

/** Refreshes one session. */
export class SessionRefresher {
  private readonly core: AgentCore;
  private readonly session: Session;
  private glare: Timer | undefined = undefined;
  /** Whether the peer believes something else than the other side does, until it is offered what holds. */
  private owesOffer = false;

  constructor(core: AgentCore, session: Session) {
    this.core = core;
    this.session = session;
  }

  /** An UPDATE needs no offer, so it is the first choice where the peer takes it. */
  refresh(): void {
    const { session } = this;
    if (session.isOver) return;
    if (session.changing) this.later();
    else if (session.theyUpdate && !this.owesOffer) void this.byUpdate();
    else this.byInvite();
  }

  /** Offers what holds, as it was said last, to a peer that has taken something else. */
  putBack(): void {
    this.owesOffer = true;
    this.refresh();
  }

  stop(): void {
    this.glare?.cancel();
  }

  private async byUpdate(): Promise<void> {
    const { session } = this;
    const end = await session.update({});
    if (typeof end === 'string' || session.isOver) return;
    if (end.status === 491) this.later();
    else if (end.status === 405 || end.status === 501) {
      session.theyUpdate = false; // Allow has promised more than it keeps.
      this.refresh();
    }
  }

  private byInvite(): void {
    const { session } = this;
    const { localBody: body, localType } = session;
    const parts = body === '' ? {} : { body, contentType: localType };
    session.reinvite(parts, {
      provisional() {},
      answered: (attempt) => {
        this.owesOffer = false;
        attempt.acknowledge(session);
      },
      failed: (status) => {
        if (status === 491) this.later();
        else this.owesOffer = false;
      },
    });
  }

  private later(): void {
    const { random, clock } = this.core.world;
    const waitMs = this.session.caller
      ? GLARE_LEAST_MS + random.below(GLARE_STEPS_OWNER) * GLARE_STEP_MS
      : random.below(GLARE_STEPS_OTHER) * GLARE_STEP_MS;
    this.glare?.cancel();
    this.glare = clock.after(waitMs, () => this.refresh());
  }
}
