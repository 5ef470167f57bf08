/**
 * The timers of RFC 3261 table 4. Every delay is a constant, so one first-in-first-out ring a delay holds them:
 * setting one is a few stores, nothing is cancelled — a timer whose transaction has moved on finds another
 * generation and means nothing.
 */
import type { Clock, Millis, Timer } from '../base/world.ts';

/** RFC 3261 §17.1.1.1: the round trip we reckon with. */
export const T1 = 500;
/** The longest wait between retransmissions of a non-INVITE request or an INVITE response. */
export const T2 = 4_000;
/** The longest a message stays in the network. */
export const T4 = 5_000;
/** How long a peer may take for a final answer or an ACK: timers B, F, H, L, M. */
export const SIXTY_FOUR_T1 = 64 * T1;
/** RFC 3261 §17.1.1.2: time D is at least 32 s over an unreliable transport. */
export const TIMER_D = 32_000;
/** RFC 3261 §17.2.1: an INVITE that its user leaves unanswered so long gets a 100. */
export const TRYING_AFTER = 200;
/** RFC 3261 §16.6 step 11: above three minutes, set again by each provisional response. */
export const TIMER_C = 181_000;

/** Timers are due within this, so that one wake-up serves many. */
const GRANULARITY = 10;

/** Told of a timer whose time is over; it checks the generation. */
export type Expire = (owner: number, generation: number, code: number) => void;

class Ring {
  delay: Millis;
  head = 0;
  tail = 0;
  owners = new Int32Array(1024);
  generations = new Int32Array(1024);
  codes = new Uint8Array(1024);
  dues = new Float64Array(1024);

  constructor(delay: Millis) {
    this.delay = delay;
  }

  push(due: number, owner: number, generation: number, code: number): void {
    if (this.tail - this.head === this.owners.length) this.grow();
    const at = this.tail++ & (this.owners.length - 1);
    this.owners[at] = owner;
    this.generations[at] = generation;
    this.codes[at] = code;
    this.dues[at] = due;
  }

  /** Twice the room; what is in the ring moves to the front of it. */
  private grow(): void {
    const first = this.head & (this.owners.length - 1);
    this.owners = unrolled(this.owners, new Int32Array(this.owners.length * 2), first);
    this.generations = unrolled(this.generations, new Int32Array(this.generations.length * 2), first);
    this.codes = unrolled(this.codes, new Uint8Array(this.codes.length * 2), first);
    this.dues = unrolled(this.dues, new Float64Array(this.dues.length * 2), first);
    this.tail -= this.head;
    this.head = 0;
  }
}

/** A full ring that begins at `first`, copied into a larger one so that it begins at 0. */
function unrolled<T extends Int32Array | Uint8Array | Float64Array>(ring: T, larger: T, first: number): T {
  larger.set(ring.subarray(first), 0);
  larger.set(ring.subarray(0, first), ring.length - first);
  return larger;
}

/** All timers of all transactions. */
export class TimerRings {
  private readonly clock: Clock;
  private readonly expire: Expire;
  private readonly rings: Ring[] = [];
  private armed: Timer | undefined = undefined;
  private armedFor = Infinity;

  constructor(clock: Clock, expire: Expire) {
    this.clock = clock;
    this.expire = expire;
  }

  /** `owner` and `generation` name a transaction, `code` what is over. */
  start(delay: Millis, owner: number, generation: number, code: number): void {
    const due = this.clock.now() + delay;
    this.ringFor(delay).push(due, owner, generation, code);
    if (due < this.armedFor) this.arm(due);
  }

  stop(): void {
    this.armed?.cancel();
    this.armed = undefined;
    this.armedFor = 0;
  }

  private ringFor(delay: Millis): Ring {
    const { rings } = this;
    for (let i = 0; i < rings.length; i++) if (rings[i]!.delay === delay) return rings[i]!;
    // A script may ask for any delay: a ring that holds nothing takes it over, so there are few.
    const empty = rings.find((ring) => ring.head === ring.tail);
    const ring = empty ?? new Ring(delay);
    ring.delay = delay;
    if (empty === undefined) rings.push(ring);
    return ring;
  }

  private arm(due: number): void {
    this.armed?.cancel();
    this.armedFor = due;
    this.armed = this.clock.after(Math.max(0, due - this.clock.now()), this.run);
  }

  private readonly run = (): void => {
    const now = this.clock.now();
    this.armedFor = 0;
    for (let i = 0; i < this.rings.length; i++) this.runRing(this.rings[i]!, now);
    let next = Infinity;
    for (const ring of this.rings) {
      if (ring.head !== ring.tail) next = Math.min(next, ring.dues[ring.head & (ring.dues.length - 1)]!);
    }
    this.armedFor = Infinity;
    this.armed = undefined;
    if (next !== Infinity) this.arm(Math.max(next, now + GRANULARITY));
  };

  private runRing(ring: Ring, now: number): void {
    while (ring.head !== ring.tail) {
      const at = ring.head & (ring.dues.length - 1);
      if (ring.dues[at]! > now) return;
      ring.head++;
      this.expire(ring.owners[at]!, ring.generations[at]!, ring.codes[at]!);
    }
  }
}
