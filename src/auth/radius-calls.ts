/** Calls as sessions of RADIUS: told when they are answered, every so often, and when they end. RFC 2866, RFC 2869 */
import type { Clock, Millis, Timer } from '../base/world.ts';
import type { CallObserver } from '../route/call-observer.ts';
import type { SipRequest } from '../sip/message.ts';
import { callerOf } from '../sip/party.ts';
import { aorOf } from '../sip/uri.ts';
import {
  ACCOUNTING_STATUS,
  type AccountedCall,
  type AccountingNews,
  TERMINATE_CAUSE,
} from './radius-accounting.ts';

/** Calls whose ends are awaited; for one more the oldest is told to have been lost. */
export const SESSIONS_MAX = 200_000;
/** How often it is looked whether a report is due. */
const LOOK_MS = 1000;

type Ender = Parameters<CallObserver['finished']>[2];

interface Session extends AccountedCall {
  answeredAt: Millis | undefined;
  reportAt: Millis;
}

/** Who is told. */
export interface AccountingSink {
  tell(news: AccountingNews): void;
}

/** Passes everything on to `inner`, whose numbers it uses. `interimMs`: 0 for no reports meanwhile. */
export class RadiusCalls implements CallObserver {
  private readonly inner: CallObserver;
  private readonly accounting: AccountingSink;
  private readonly clock: Clock;
  private readonly interimMs: Millis;
  private readonly sessionsMax: number;
  private readonly sessions = new Map<number, Session>();
  /** Those that were answered, the one whose report is due first in front. */
  private readonly reported = new Map<number, Session>();
  private timer: Timer | undefined = undefined;

  constructor(
    inner: CallObserver,
    accounting: AccountingSink,
    options: { readonly clock: Clock; readonly interimMs: Millis; readonly sessionsMax?: number },
  ) {
    this.inner = inner;
    this.accounting = accounting;
    this.clock = options.clock;
    this.interimMs = options.interimMs;
    this.sessionsMax = options.sessionsMax ?? SESSIONS_MAX;
  }

  /** RFC 2866 §5.1: what a server holds for open of an earlier run has no end that we could tell. */
  start(): void {
    this.accounting.tell({ status: ACCOUNTING_STATUS.on });
  }

  opened(...asked: Parameters<CallObserver['opened']>): number {
    const call = this.inner.opened(...asked);
    if (call === 0) return call;
    if (this.sessions.size >= this.sessionsMax) this.loseOldest();
    this.sessions.set(call, sessionOf(call, asked[0]));
    return call;
  }

  finished(call: number, status: number, by: Ender): void {
    this.inner.finished(call, status, by);
    const session = this.sessions.get(call);
    if (session === undefined) return;
    if (status >= 300) this.stopped(call, session, TERMINATE_CAUSE.user);
    else if (session.answeredAt === undefined) this.answered(call, session);
  }

  ended(call: number, by: Ender, callId: string, at: Millis): void {
    this.inner.ended(call, by, callId, at);
    const session = this.sessions.get(call);
    // After a restart another call may have the number.
    if (session?.callId !== callId) return;
    this.stopped(call, session, by === 'us' ? TERMINATE_CAUSE.us : TERMINATE_CAUSE.user, at);
  }

  /** Ends its timer. */
  stop(): void {
    this.timer?.cancel();
  }

  private answered(call: number, session: Session): void {
    session.answeredAt = this.clock.now();
    this.accounting.tell({ status: ACCOUNTING_STATUS.start, call: session });
    if (this.interimMs === 0) return;
    this.reportLater(call, session);
    this.timer ??= this.clock.after(LOOK_MS, () => this.look());
  }

  /** A call that was never answered was no session. */
  private stopped(call: number, session: Session, cause: number, at = this.clock.now()): void {
    this.sessions.delete(call);
    this.reported.delete(call);
    if (session.answeredAt === undefined) return;
    const seconds = this.secondsOf(session, at);
    this.accounting.tell({ status: ACCOUNTING_STATUS.stop, call: session, seconds, cause });
  }

  private loseOldest(): void {
    const [oldest] = this.sessions;
    if (oldest !== undefined) this.stopped(oldest[0], oldest[1], TERMINATE_CAUSE.lost);
  }

  /** RFC 2869 §2.1 */
  private look(): void {
    this.timer = undefined;
    const now = this.clock.now();
    for (const [call, session] of this.reported) {
      if (session.reportAt > now) break;
      const seconds = this.secondsOf(session);
      this.accounting.tell({ status: ACCOUNTING_STATUS.interim, call: session, seconds });
      this.reportLater(call, session);
    }
    if (this.reported.size > 0) this.timer = this.clock.after(LOOK_MS, () => this.look());
  }

  private reportLater(call: number, session: Session): void {
    session.reportAt = this.clock.now() + this.interimMs;
    this.reported.delete(call);
    this.reported.set(call, session);
  }

  private secondsOf({ answeredAt }: Session, at = this.clock.now()): number {
    return answeredAt === undefined ? 0 : Math.round((at - answeredAt) / 1000);
  }
}

function sessionOf(call: number, request: SipRequest): Session {
  const { callId } = request;
  const names = { caller: callerOf(request), callee: aorOf(request.uri) };
  return { session: String(call), callId, ...names, answeredAt: undefined, reportAt: 0 };
}
