/**
 * Phones that sleep: they are woken by a push, register, and only then can be rung. RFC 8599 §5.6
 *
 *   wake ─▶ event contact.push ─▶ (a script tells the push service) ─▶ the phone registers ─▶ its branch begins
 *                                                        └─▶ nobody within the time ─▶ its branch ends, 480
 */
import type { Clock, Millis, Timer } from '../base/world.ts';
import type { Target } from '../proxy/plan.ts';
import type { Uri } from '../sip/uri.ts';
import type { Contact } from './contact.ts';
import type { Location } from './location.ts';

/** A phone must be woken: tell its push service. */
export interface PushEvent {
  /** `alice@example.com` */
  readonly aor: string;
  /** Where it registered. */
  readonly uri: string;
  /** RFC 8599 §4.1: the service, which application, which phone. */
  readonly provider: string;
  readonly param: string | undefined;
  readonly prid: string;
}

declare module '../route/events.ts' {
  interface Events {
    'contact.push': PushEvent;
  }
}

/** How long a call waits for a phone to wake up, unless told, and at most. */
export const WAKE_MS = 10_000;
export const WAKE_MS_MAX = 60_000;
/** Calls that may wait for phones; those beyond ring whoever is awake. */
export const WAITING_MAX = 5_000;

/** What it stands on. */
export interface WakeUpsParts {
  readonly clock: Clock;
  readonly location: Pick<Location, 'on' | 'contactsOf'>;
  /** Told of each phone to wake; not again while somebody waits for it. */
  readonly push: (event: PushEvent) => void;
}

interface Waiting {
  readonly prid: string;
  readonly settle: (contact: Contact | undefined) => void;
  readonly timer: Timer;
}

/** One for the whole exchange. */
export class WakeUps {
  private readonly parts: WakeUpsParts;
  private readonly waiting = new Map<string, Set<Waiting>>();
  private count = 0;

  constructor(parts: WakeUpsParts) {
    this.parts = parts;
    for (const event of ['contact.added', 'contact.refreshed'] as const)
      parts.location.on(event, (contact) => this.registered(contact));
  }

  /** Who can be rung for a URI: those awake now, and those that sleep as soon as they have come. */
  wake(uri: Uri, waitMs: Millis = WAKE_MS): readonly Target[] {
    return this.parts.location.contactsOf(uri).map((contact) => this.targetOf(contact, waitMs));
  }

  private targetOf(contact: Contact, waitMs: Millis): Target {
    const { aor, uri, uriText, q, push } = contact;
    if (push === undefined || this.count >= WAITING_MAX) return contact;
    const isAwaited = this.has(aor, push.prid);
    const late = this.wait(aor, push.prid, Math.min(waitMs, WAKE_MS_MAX));
    if (!isAwaited) this.parts.push({ aor, uri: uriText, ...push });
    return { uri, uriText, q, late };
  }

  private wait(aor: string, prid: string, waitMs: Millis): Promise<Contact | undefined> {
    const { promise, resolve } = Promise.withResolvers<Contact | undefined>();
    const waiting: Waiting = {
      prid,
      settle: (contact) => {
        waiting.timer.cancel();
        this.forget(aor, waiting);
        resolve(contact);
      },
      timer: this.parts.clock.after(waitMs, () => waiting.settle(undefined)),
    };
    const known = this.waiting.get(aor);
    if (known === undefined) this.waiting.set(aor, new Set([waiting]));
    else known.add(waiting);
    this.count++;
    return promise;
  }

  private has(aor: string, prid: string): boolean {
    for (const waiting of this.waiting.get(aor) ?? []) if (waiting.prid === prid) return true;
    return false;
  }

  /** The phone has come: its branch begins where it is now. */
  private registered(contact: Contact): void {
    const all = this.waiting.size === 0 ? undefined : this.waiting.get(contact.aor);
    const prid = all && contact.push?.prid;
    if (all === undefined || prid === undefined) return;
    for (const waiting of Array.from(all)) if (waiting.prid === prid) waiting.settle(contact);
  }

  private forget(aor: string, waiting: Waiting): void {
    const all = this.waiting.get(aor);
    if (all?.delete(waiting) !== true) return;
    this.count--;
    if (all.size === 0) this.waiting.delete(aor);
  }
}
