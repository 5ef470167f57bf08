/**
 * How many transactions each source holds, so that none fills the table by itself: its own requests, and those that
 * we sent on for them. IPv4 sources are addresses, IPv6 ones are /64 networks, as for the guard.
 *
 *   hash of the address ─▶ one number of so many
 *
 * No row can be pushed out, as the guard's can, so no count is lost. Two sources may share a number: one in 65,536
 * others is held to what a crowding one has left. Which one, nobody can choose who does not know the seed.
 */
import type { Endpoint } from '../base/endpoint.ts';
import { addressWords, mappedIp4 } from '../base/network.ts';

/** A power of two. */
const PLACES = 65_536;

/** The numbers. A place stands for a source. */
export class SourceLoad {
  private readonly held = new Uint32Array(PLACES);
  private readonly seed: number;

  /** `seed` must be unknown to strangers. */
  constructor(seed: number) {
    this.seed = seed;
  }

  placeOf({ ip4, host }: Endpoint): number {
    if (ip4 !== 0) return this.placeAt(ip4, 0);
    const words = addressWords(host) ?? [0, 0, 0, 0];
    const mapped = mappedIp4(words);
    return mapped === undefined ? this.placeAt(words[0], words[1]) : this.placeAt(mapped, 0);
  }

  heldAt(place: number): number {
    return this.held[place]!; // A place is an index.
  }

  take(place: number): void {
    this.held[place]!++;
  }

  free(place: number): void {
    this.held[place]!--;
  }

  private placeAt(high: number, low: number): number {
    let hash = Math.imul(high ^ this.seed, 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 15) ^ low, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) & (PLACES - 1);
  }
}
