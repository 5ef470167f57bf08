/** What happens beside the routes of requests: a contact appears, a call ends, a trunk fails. Scripts hear it. */
import type { Clock, Logger, Millis } from '../base/world.ts';
import { describeFault, type SourceLine } from './source-line.ts';

/** A binding of somebody of ours. */
export interface ContactEvent {
  /** `alice@example.com` */
  readonly aor: string;
  /** Where it says it can be reached: `sip:alice@192.0.2.11:5060`. */
  readonly uri: string;
  readonly userAgent?: string | undefined;
}

/** A call attempt is over: answered and hung up, refused, or given up. */
export interface CallEndedEvent {
  readonly callId: string;
  /** `alice@example.com`, or the From of a stranger. */
  readonly caller: string;
  /** What was dialled. */
  readonly callee: string;
  /** The final status of its INVITE. */
  readonly status: number;
  /** How long it was talked, 0 when it was not. */
  readonly durationMs: Millis;
  readonly by: 'caller' | 'callee' | 'us';
}

/**
 * A trunk, a pool as a whole, has lost its last server or has one again. `status` is that of the probe or call that
 * told: 408 for silence, 0 when the operator or a reload of the script did it.
 */
export interface TrunkEvent {
  readonly trunk: string;
  readonly status: number;
}

/** The health of one server of a pool changed. */
export interface PoolEvent {
  readonly pool: string;
  /** `sip:192.0.2.21:5060` */
  readonly server: string;
  readonly status: number;
}

/** A source of messages was shut out, or let in again. */
export interface BanEvent {
  /** `192.0.2.66`, or a network. */
  readonly source: string;
  readonly reason: string;
}

/** Every event by its name. A room that tells others adds them by declaration merging. */
export interface Events {
  'contact.added': ContactEvent;
  'contact.expired': ContactEvent;
  'contact.removed': ContactEvent;
  'call.ended': CallEndedEvent;
  'trunk.up': TrunkEvent;
  'trunk.down': TrunkEvent;
  'pool.up': PoolEvent;
  'pool.down': PoolEvent;
  /** No server of the pool is left. */
  'pool.empty': { readonly pool: string };
  'ban.added': BanEvent;
  'ban.removed': BanEvent;
}

/** The name of an event. */
export type EventName = keyof Events;

/** Is told of events; when it waits, nobody waits for it. */
export type EventListener<K extends EventName> = (event: Events[K]) => void | Promise<void>;

/** Events that may wait to be heard; further ones are lost, and counted. */
export const EVENTS_WAITING_MAX = 10_000;
/** How often one listener may be at work at once; events beyond that are lost for it, and counted. */
export const LISTENER_RUNS_MAX = 1_000;

type AnyListener = (event: unknown) => void | Promise<void>;

/** Somebody listens to one event. */
class Listening {
  readonly name: EventName;
  readonly listener: AnyListener;
  /** Where in a script that was said. */
  readonly place: SourceLine | undefined;
  running = 0;

  constructor(name: EventName, listener: AnyListener, place: SourceLine | undefined) {
    this.name = name;
    this.listener = listener;
    this.place = place;
  }
}

/**
 * Brings events from whoever tells them to whoever listens, after what is happening now: a listener that is slow,
 * throws or tells events itself is no matter of the teller's.
 */
export class EventBus {
  /** Events that were not heard because too many waited. */
  lost = 0;
  /** Listeners that threw. */
  faults = 0;
  private readonly clock: Clock;
  private readonly log: Logger;
  private readonly listeners = new Map<EventName, Set<Listening>>();
  private waiting: [EventName, unknown][] = [];

  constructor(parts: { readonly clock: Clock; readonly log: Logger }) {
    this.clock = parts.clock;
    this.log = parts.log;
  }

  /** Whether anybody listens: who must work to make an event asks first. */
  hears(name: EventName): boolean {
    return this.listeners.has(name);
  }

  tell<K extends EventName>(name: K, event: Events[K]): void {
    if (!this.listeners.has(name)) return;
    if (this.waiting.length === EVENTS_WAITING_MAX) {
      this.lost++;
      return;
    }
    if (this.waiting.push([name, event]) === 1) this.clock.soon(() => this.deliver());
  }

  /** Answers with what ends it. */
  on<K extends EventName>(name: K, listener: EventListener<K>, place?: SourceLine): () => void {
    const listening = new Listening(name, listener as AnyListener, place); // `tell` pairs names with their events.
    const known = this.listeners.get(name);
    if (known === undefined) this.listeners.set(name, new Set([listening]));
    else known.add(listening);
    return () => this.off(listening);
  }

  private off(listening: Listening): void {
    const known = this.listeners.get(listening.name);
    if (known?.delete(listening) === true && known.size === 0) this.listeners.delete(listening.name);
  }

  private deliver(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const [name, event] of waiting) {
      for (const listening of this.listeners.get(name) ?? []) this.hear(listening, event);
    }
  }

  private hear(listening: Listening, event: unknown): void {
    if (listening.running === LISTENER_RUNS_MAX) {
      this.lost++;
      return;
    }
    try {
      const work = listening.listener(event);
      if (work instanceof Promise) this.await(listening, work);
    } catch (error) {
      this.fault(listening, error);
    }
  }

  private await(listening: Listening, work: Promise<void>): void {
    listening.running++;
    work.then(
      () => void listening.running--,
      (error: unknown) => {
        listening.running--;
        this.fault(listening, error);
      },
    );
  }

  private fault(listening: Listening, error: unknown): void {
    this.faults++;
    const facts = describeFault(error, listening.place);
    this.log.error('an event route threw', { event: listening.name, ...facts });
  }
}
