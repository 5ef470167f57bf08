/** How long a session lasts unless somebody says that it is still there. RFC 4028. */
import type { Clock, Timer } from '../base/world.ts';
import type { Headers } from '../sip/headers.ts';
import { splitList } from '../sip/name-addr.ts';
import type { HeaderLine } from './dialog.ts';

/** RFC 4028 §5: nobody may ask for less. */
export const MIN_SE_SECONDS = 90;
/** RFC 4028 §10: the BYE goes out that much before the end, or a third of the interval. */
const BYE_BEFORE_SECONDS = 32;
const SECONDS_MAX = 0x7fffffff;

/** What both sides have agreed on. */
export interface SessionInterval {
  readonly seconds: number;
  readonly refresher: 'us' | 'them';
}

/** What we ask for, and the least that we accept. */
export interface SessionTimerLimits {
  readonly expiresSeconds: number;
  readonly minSeconds: number;
}

/** What the called side takes: the interval, and the fields of the 2xx that tell of it. */
export interface SessionTimerTerms {
  readonly interval: SessionInterval | undefined;
  readonly headers: readonly HeaderLine[];
}

/** What the called side makes of a request: it takes it, or refuses it by 422. */
export type SessionTimerAnswer = SessionTimerTerms | { readonly tooSmall: number };

/** The fields of a request of ours. RFC 4028 §7.1 */
export function askForTimer(limits: SessionTimerLimits, refresher?: 'uac' | 'uas'): readonly HeaderLine[] {
  const who = refresher === undefined ? '' : `;refresher=${refresher}`;
  return [
    ['Session-Expires', `${Math.max(limits.expiresSeconds, limits.minSeconds)}${who}`],
    ['Min-SE', limits.minSeconds],
  ];
}

/** The fields of a request that changes or refreshes a session: its time and who refreshes it stay. RFC 4028 §7.4 */
export function keepTimer(
  limits: SessionTimerLimits,
  interval: SessionInterval | undefined,
): readonly HeaderLine[] {
  if (interval === undefined) return [];
  const { seconds: expiresSeconds, refresher } = interval;
  return askForTimer({ ...limits, expiresSeconds }, refresher === 'them' ? 'uas' : 'uac');
}

/**
 * The called side's part. RFC 4028 §9: only who knows of timers understands a 422; for anybody else too short a time
 * is made longer, as a proxy would (RFC 4028 §8.1).
 */
export function answerTimer(request: Headers, limits: SessionTimerLimits): SessionTimerAnswer {
  const wanted = readSessionExpires(request);
  const theyCan = hasOption(request, 'Supported', 'timer') || hasOption(request, 'Require', 'timer');
  if (theyCan && wanted !== undefined && wanted.seconds < limits.minSeconds) {
    return { tooSmall: limits.minSeconds };
  }
  if (wanted === undefined && !theyCan) return { interval: undefined, headers: [] };
  const least = Math.max(limits.minSeconds, readMinSe(request));
  const seconds = Math.max(least, Math.min(wanted?.seconds ?? limits.expiresSeconds, limits.expiresSeconds));
  const refresher = theyCan ? (wanted?.refresher ?? 'uac') : 'uas';
  return {
    interval: { seconds, refresher: refresher === 'uac' ? 'them' : 'us' },
    headers: [
      ['Session-Expires', `${seconds};refresher=${refresher}`],
      ...(refresher === 'uac' ? [['Require', 'timer'] as const] : []),
    ],
  };
}

/** What a 2xx to our request says; undefined: the session has no end. RFC 4028 §7.2 */
export function agreedTimer(response: Headers): SessionInterval | undefined {
  const said = readSessionExpires(response);
  if (said === undefined) return undefined;
  const seconds = Math.max(said.seconds, MIN_SE_SECONDS);
  return { seconds, refresher: said.refresher === 'uas' ? 'them' : 'us' };
}

/** The Min-SE of a request or of a 422. */
export function readMinSe(headers: Headers): number {
  return readSeconds(headers.get('Min-SE') ?? '') ?? MIN_SE_SECONDS;
}

/** Whether a list of option tags holds one. */
export function hasOption(headers: Headers, name: 'Supported' | 'Require' | 'Allow', tag: string): boolean {
  return headers
    .all(name)
    .flatMap(splitList)
    .some((value) => value.trim().toLowerCase() === tag.toLowerCase());
}

function readSessionExpires(
  headers: Headers,
): { seconds: number; refresher: 'uac' | 'uas' | undefined } | undefined {
  const value = headers.get('Session-Expires');
  const seconds = readSeconds(value ?? '');
  if (value === undefined || seconds === undefined) return undefined;
  const who = /;\s*refresher\s*=\s*(uac|uas)\b/i.exec(value)?.[1]?.toLowerCase();
  return { seconds, refresher: who === 'uac' || who === 'uas' ? who : undefined };
}

function readSeconds(value: string): number | undefined {
  const digits = /^\s*(\d{1,10})\s*(?:;|$)/.exec(value)?.[1];
  return digits === undefined ? undefined : Math.min(Number(digits), SECONDS_MAX);
}

/** Who is told: to refresh the session, or that nobody did. */
export interface SessionTimerUser {
  refresh(): void;
  lapsed(): void;
}

/** Runs while a session lasts. */
export class SessionTimer {
  /** What runs now. */
  interval: SessionInterval | undefined = undefined;
  private readonly clock: Clock;
  private readonly user: SessionTimerUser;
  private timers: readonly Timer[] = [];

  constructor(clock: Clock, user: SessionTimerUser) {
    this.clock = clock;
    this.user = user;
  }

  /** Begins anew; undefined: the session has no end. RFC 4028 §10 */
  start(interval: SessionInterval | undefined): void {
    this.stop();
    this.interval = interval;
    if (interval === undefined) return;
    const { seconds, refresher } = interval;
    const endMs = (seconds - Math.min(BYE_BEFORE_SECONDS, seconds / 3)) * 1000;
    const lapse = this.clock.after(endMs, () => this.user.lapsed());
    this.timers = [lapse];
    if (refresher === 'us') {
      this.timers = [lapse, this.clock.after((seconds / 2) * 1000, () => this.user.refresh())];
    }
  }

  stop(): void {
    for (const timer of this.timers) timer.cancel();
    this.timers = [];
    this.interval = undefined;
  }
}
