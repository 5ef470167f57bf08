/**
 * Who may ask name servers at once. There is always room for one more: when all places are taken, the question that
 * has waited longest gives its place up, first of all one of a zone that was silent lately. So names that nobody
 * answers for push out each other, not those of other zones; and whoever has a new silent zone for each name leaves
 * every other as long to be answered as he takes to fill all places.
 */
import type { Clock, Millis } from '../base/world.ts';
import { limits } from './limits.ts';

/** The place of one question; aborted when it is given up. */
export class DnsPlace extends AbortController {
  readonly zone: string;

  constructor(zone: string) {
    super();
    this.zone = zone;
  }
}

/** All of them. */
export class DnsPlaces {
  private readonly clock: Clock;
  /** Until when a zone counts as silent, the soonest first. */
  private readonly silentUntil = new Map<string, Millis>();
  /** In the order of their coming. */
  private readonly ofSilent = new Set<DnsPlace>();
  private readonly ofOthers = new Set<DnsPlace>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Zones that count as silent, or did so. */
  get silentZones(): number {
    return this.silentUntil.size;
  }

  /** A place for a question about this name. */
  take(name: string): DnsPlace {
    if (this.ofSilent.size + this.ofOthers.size >= limits.dnsOutstanding) this.makeRoom();
    const place = new DnsPlace(zoneOf(name));
    (this.isSilent(place.zone) ? this.ofSilent : this.ofOthers).add(place);
    return place;
  }

  /** The question is over. */
  leave(place: DnsPlace): void {
    this.ofSilent.delete(place);
    this.ofOthers.delete(place);
  }

  /** Whether somebody answers for the zone. */
  learn({ zone }: DnsPlace, answered: boolean): void {
    this.silentUntil.delete(zone);
    if (answered) return;
    const [first] = this.silentUntil.keys();
    if (first !== undefined && this.silentUntil.size >= limits.dnsSilentZones) this.silentUntil.delete(first);
    this.silentUntil.set(zone, this.clock.now() + limits.dnsSilentMs);
  }

  private makeRoom(): void {
    const [oldest] = this.ofSilent.size > 0 ? this.ofSilent : this.ofOthers;
    if (oldest === undefined) return;
    this.leave(oldest); // At once: whoever asks in this turn too must find another.
    oldest.abort();
  }

  private isSilent(zone: string): boolean {
    const until = this.silentUntil.get(zone);
    return until !== undefined && until > this.clock.now();
  }
}

/** The last two labels: where anybody may register below those, as under co.uk, all are one zone. */
function zoneOf(name: string): string {
  return name.substring(name.lastIndexOf('.', name.lastIndexOf('.') - 1) + 1);
}
