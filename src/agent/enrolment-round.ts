/**
 * One round of REGISTER: from the registrar along its redirections to whoever takes it. RFC 3261 §8.1.3.4
 *
 *   registrar ─ 302: a, b;q=0.5 ─▶ a ─ 302: c;q=0.7 ─▶ c ─ 500 ─▶ b ─ 200
 */
import { redirectedTo } from '../sip/redirection.ts';
import { sameUri, type Uri } from '../sip/uri.ts';
import type { Hop } from '../transport/transports.ts';
import type { ClientOutcome } from './client.ts';
import type { DigestClient } from './digest-client.ts';

/** Places that one round is redirected to and asks. */
export const PLACES_MAX = 8;

/** Somewhere that is asked. */
export interface Place {
  readonly uri: Uri;
  /** Where the requests go, when that is not where `uri` lives. */
  readonly hop?: Hop | undefined;
  /** Its own: what one place was proved is not shown to another. */
  readonly digest: DigestClient | undefined;
  /** The address of who redirected us there. */
  readonly asker?: string | undefined;
}

/** What a round stands on. */
export interface RoundParts {
  readonly ask: (place: Place) => Promise<ClientOutcome>;
  readonly newDigest: () => DigestClient | undefined;
  /** Whether anybody still waits for its end. */
  readonly isWanted: () => boolean;
}

/** Who was asked last, and what came of it. */
export interface RoundEnd {
  readonly place: Place;
  readonly outcome: ClientOutcome;
}

/** Asks one place after the other. */
export class EnrolmentRound {
  private readonly parts: RoundParts;
  private readonly asked: Uri[] = [];
  private readonly left: { readonly place: Place; readonly q: number }[] = [];
  private followed = 0;

  constructor(parts: RoundParts) {
    this.parts = parts;
  }

  /** Ends with a 2xx, a 6xx, or when nobody is left; `fallback` is asked last, unless it is named before. */
  async run(first: Place, fallback: Place): Promise<RoundEnd> {
    for (let place = first; ;) {
      this.asked.push(place.uri);
      const outcome = await this.parts.ask(place);
      const { status } = outcome;
      if (status < 300 || status >= 600 || !this.parts.isWanted()) return { place, outcome };
      this.add(outcome, place.uri, fallback);
      const next = this.next() ?? (this.wasAsked(fallback.uri) ? undefined : fallback);
      if (next === undefined) return { place, outcome };
      place = next;
    }
  }

  /** Nothing but sips follows sips. A domain is asked, without a user (RFC 3261 §10.2). */
  private add({ response, flow }: ClientOutcome, from: Uri, fallback: Place): void {
    if (response === undefined) return;
    for (const { uri: contact, q } of redirectedTo(response)) {
      const uri = { ...contact, user: undefined, password: undefined };
      if (from.scheme === 'sips' && uri.scheme !== 'sips') continue;
      const led = { uri, digest: this.parts.newDigest(), asker: flow?.remote.host };
      this.left.push({ place: sameUri(uri, fallback.uri) ? fallback : led, q });
    }
  }

  /** The highest q of all that is left, and of these the one that was named first. */
  private next(): Place | undefined {
    const places = this.left.filter(({ place }) => !this.wasAsked(place.uri));
    if (places.length === 0 || this.followed === PLACES_MAX) return undefined;
    this.followed++;
    return places.reduce((best, other) => (other.q > best.q ? other : best)).place;
  }

  private wasAsked(uri: Uri): boolean {
    return this.asked.some((other) => sameUri(other, uri));
  }
}
