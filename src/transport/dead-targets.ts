/**
 * Who did not answer lately: passed over when there is another. RFC 3263 §4.3, RFC 3261 §21.5.4.
 *
 * A target is known by the domain that led to it, so that a domain of a stranger that names our carrier's address can
 * make nobody pass over the carrier. When the time is over one request may try it, and the others go on passing it
 * over for as long again; it is forgotten as soon as it answers.
 */
import type { Clock, Millis } from '../base/world.ts';
import type { Hop } from './transports.ts';

/** Targets remembered; one more pushes out the one that was marked first. */
export const DEAD_TARGETS_MAX = 1_024;

interface Dead {
  until: Millis;
  readonly forMs: Millis;
}

/** The list of the dead. */
export class DeadTargets {
  private readonly clock: Clock;
  private readonly dead = new Map<string, Dead>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** How many are marked; while it is 0 nothing has to be looked up. */
  get size(): number {
    return this.dead.size;
  }

  /** Passed over for so long. Marked again while it is marked, the time begins anew. */
  mark(domain: string, hop: Hop, forMs: Millis): void {
    if (forMs <= 0) return;
    const key = keyOf(domain, hop);
    this.dead.delete(key);
    const [first] = this.dead.keys();
    if (first !== undefined && this.dead.size >= DEAD_TARGETS_MAX) this.dead.delete(first);
    this.dead.set(key, { until: this.clock.now() + forMs, forMs });
  }

  /** Whether it is to be passed over; asking once its time is over is the leave to try it. */
  passesOver(domain: string, hop: Hop): boolean {
    const dead = this.dead.get(keyOf(domain, hop));
    if (dead === undefined) return false;
    const now = this.clock.now();
    if (dead.until > now) return true;
    dead.until = now + dead.forMs;
    return false;
  }

  /** It answers. */
  revive(domain: string, hop: Hop): void {
    this.dead.delete(keyOf(domain, hop));
  }
}

function keyOf(domain: string, hop: Hop): string {
  return `${domain} ${hop.transport}:${hop.host}:${hop.port}`;
}
