/**
 * The hops of a domain, found one after the other: NAPTR → SRV → A, AAAA. RFC 3263 §4.1, §4.2.
 * What is remembered is used in the same turn; only a question that must be asked makes `next` a promise.
 */
import type { DnsRecord, DnsType, Millis, Timer } from '../base/world.ts';
import { isSecure, type TransportName } from './flow.ts';
import type { Hops, Located, Locator } from './locate.ts';
import {
  addressOrder,
  defaultPorts,
  serverOrder,
  type Service,
  serviceOf,
  servicesOf,
} from './locate-order.ts';
import type { Hop } from './transports.ts';

/** Hops that one request is given at most. */
export const HOPS_MAX = 8;
/** Look-ups that one request may cause, remembered or not: a domain cannot make us ask for ever. */
export const QUESTIONS_MAX = 24;
/** All that a request waits for names. */
export const LOCATE_MS = 5_000;

/** RFC 3261 §21.5.5: a server we depend on, the name server, did not answer in time. */
const SERVER_TIMEOUT = 504;
/** RFC 5630 §5.3 has it for a sips URI that no TLS leads to; a host that does not exist is no other case. */
export const UNAVAILABLE = 480;

/** What the URI says. */
export interface Asked {
  readonly domain: string;
  readonly transport: TransportName | 'any';
  readonly port: number | undefined;
  readonly secure: boolean;
  readonly asker: string | undefined;
  readonly isChosen: boolean;
}

/** A host whose addresses are wanted. */
interface Place {
  readonly transport: TransportName;
  readonly name: string;
  readonly port: number;
}

interface Question {
  readonly name: string;
  readonly type: DnsType;
}

/** One request's way through a domain. */
export class NamedHops implements Hops {
  status = UNAVAILABLE;
  private readonly locator: Locator;
  private readonly asked: Asked;
  private readonly seed: number;
  /** Questions not yet put, in the order of the RFC; each brings forth the next kind. */
  private wantsNaptr: boolean;
  private services: Service[] = [];
  /** Whether the services are guesses, of which the first that exists is the domain's. */
  private guessed = true;
  private places: Place[];
  private place: Place | undefined = undefined;
  private families: ('A' | 'AAAA')[] = [];
  private addresses: DnsRecord[] = [];
  /** Goes to the domain's own address when it has no services. RFC 3263 §4.2 */
  private fallback: Place | undefined = undefined;
  private passedOver: Hop[] = [];
  private last: Hop | undefined = undefined;
  private given = 0;
  private questions = 0;
  /** What is left of the time for names; hops that fail take none of it. */
  private waitLeftMs: Millis = LOCATE_MS;

  constructor(locator: Locator, asked: Asked, seed: number) {
    this.locator = locator;
    this.asked = asked;
    this.seed = seed;
    const { domain, transport, port, secure } = asked;
    const usual = transport === 'any' ? this.usualTransport(secure) : transport;
    const own = { transport: usual, name: domain, port: port ?? defaultPorts[usual] };
    this.places = port === undefined ? [] : [own];
    this.wantsNaptr = port === undefined && transport === 'any' && locator.parts.naptr;
    if (port !== undefined) return;
    this.fallback = own;
    if (transport !== 'any') this.services = [serviceOf(transport, domain)];
    else if (!this.wantsNaptr) this.services = this.guesses();
  }

  get mayHaveMore(): boolean {
    if (this.given >= HOPS_MAX) return false;
    if (this.addresses.length + this.places.length + this.services.length + this.families.length > 0)
      return true;
    return this.wantsNaptr || this.fallback !== undefined || this.passedOver.length > 0;
  }

  next(): Located {
    if (this.given >= HOPS_MAX) return undefined;
    for (;;) {
      const hop = this.nextAddress();
      if (hop !== undefined) return this.give(hop);
      const question = this.nextQuestion();
      if (question === undefined) break;
      const records = this.locator.known(question.name, question.type);
      if (records === undefined) return this.lookUp(question);
      this.take(question.type, records);
    }
    // All others have failed: a dead one is better than none.
    const dead = this.passedOver.shift();
    return dead === undefined ? undefined : this.give(dead);
  }

  answered(): void {
    if (this.last !== undefined && this.locator.dead.size > 0)
      this.locator.dead.revive(this.asked.domain, this.last);
  }

  failed(forMs: Millis = this.locator.parts.deadMs): void {
    // Without [sip] dead_target_seconds nobody is passed over, whatever he asks for.
    if (this.last === undefined || this.locator.parts.deadMs === 0) return;
    this.locator.dead.mark(this.asked.domain, this.last, forMs);
  }

  private give(hop: Hop): Hop {
    this.given++;
    this.last = hop;
    return hop;
  }

  private nextAddress(): Hop | undefined {
    const { dead } = this.locator;
    const { domain, secure, asker, isChosen } = this.asked;
    for (let record = this.addresses.shift(); record !== undefined; record = this.addresses.shift()) {
      if (this.locator.isClosed(record.target, asker, isChosen)) continue;
      const { transport, port } = this.place!; // Addresses are those of a place.
      const hop = isSecure(transport)
        ? { transport, host: record.target, port, serverName: domain, secure }
        : { transport, host: record.target, port };
      if (dead.size === 0 || !dead.passesOver(domain, hop)) return hop;
      if (this.passedOver.length < HOPS_MAX) this.passedOver.push(hop);
    }
    return undefined;
  }

  private nextQuestion(): Question | undefined {
    if (this.questions++ >= QUESTIONS_MAX) return undefined;
    for (;;) {
      const family = this.families.shift();
      const [place] = this.places;
      const [service] = this.services;
      if (family !== undefined) return { name: this.place!.name, type: family }; // Families are those of a place.
      if (place !== undefined) {
        this.places.shift();
        this.open(place);
      } else if (this.wantsNaptr) return { name: this.asked.domain, type: 'NAPTR' };
      else if (service !== undefined) return { name: service.name, type: 'SRV' };
      else if (this.fallback === undefined) return undefined;
      else {
        this.open(this.fallback);
        this.fallback = undefined;
      }
    }
  }

  /** IPv4 first: whoever has both has had that longer. */
  private open(place: Place): void {
    const { speaks } = this.locator.parts;
    this.place = place;
    if (speaks(place.transport, false)) this.families.push('A');
    if (speaks(place.transport, true)) this.families.push('AAAA');
  }

  private take(type: DnsType, records: readonly DnsRecord[]): void {
    if (type === 'NAPTR') this.takePointers(records);
    else if (type === 'SRV') this.takeServers(records);
    else this.addresses = [...addressOrder(records, this.seed)];
  }

  private takePointers(records: readonly DnsRecord[]): void {
    this.wantsNaptr = false;
    const offered = servicesOf(records, this.asked.secure, (transport) => this.speaks(transport));
    this.guessed = offered.length === 0;
    this.services = this.guessed ? this.guesses() : [...offered];
  }

  private takeServers(records: readonly DnsRecord[]): void {
    const service = this.services.shift();
    if (service === undefined || records.length === 0) return;
    this.fallback = undefined;
    if (this.guessed) this.services = [];
    // RFC 2782: the root as only target says that the service is decidedly not to be had here.
    for (const { target, port = 0 } of serverOrder(records, this.seed)) {
      if (target !== '' && port !== 0) this.places.push({ transport: service.transport, name: target, port });
    }
  }

  /** Without NAPTR: a question for each transport, as RFC 3263 §4.1 has it; the first that exists is taken. */
  private guesses(): Service[] {
    const { domain, secure } = this.asked;
    const transports: TransportName[] = secure ? ['tls'] : ['udp', 'tcp', 'tls'];
    return transports.filter((t) => this.speaks(t)).map((transport) => serviceOf(transport, domain));
  }

  private usualTransport(secure: boolean): TransportName {
    if (secure) return 'tls';
    return this.speaks('udp') || !this.speaks('tcp') ? 'udp' : 'tcp';
  }

  private speaks(transport: TransportName): boolean {
    const { speaks } = this.locator.parts;
    return speaks(transport, false) || speaks(transport, true);
  }

  // ─── waiting ─────────────────────────────────────────────────────────────────────────────────

  /** Asks, and goes on with what is said. All look-ups of a request together may take `LOCATE_MS`. */
  private async lookUp({ name, type }: Question): Promise<Hop | undefined> {
    const { clock, log } = this.locator.parts;
    const askedAt = clock.now();
    const found = await this.within(this.waitLeftMs, name, type);
    this.waitLeftMs -= clock.now() - askedAt;
    if (Array.isArray(found)) this.take(type, found);
    else {
      log.warn('a name could not be resolved', { name, type, why: found });
      this.status = SERVER_TIMEOUT;
      this.giveUpOn(type);
    }
    return this.next();
  }

  /**
   * Who cannot tell one host's address may still tell another's. But if it does not tell what the domain offers we must
   * not guess: that could lead around its TLS, or to a host that is no SIP server.
   */
  private giveUpOn(type: DnsType): void {
    const late = this.waitLeftMs <= 0;
    if (late) this.places = this.families = [];
    if (!late && (type === 'A' || type === 'AAAA')) return;
    this.wantsNaptr = false;
    this.services = [];
    this.fallback = undefined;
  }

  /** The records, or why there are none. */
  private within(delayMs: Millis, name: string, type: DnsType): Promise<readonly DnsRecord[] | string> {
    const { promise, resolve } = Promise.withResolvers<readonly DnsRecord[] | string>();
    const timer: Timer = this.locator.parts.clock.after(delayMs, () => resolve('ETIMEOUT'));
    this.locator.parts.net.resolve(name, type).then(resolve, (error: unknown) => {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      resolve(code === 'ENOTFOUND' || code === 'ENODATA' ? [] : code);
    });
    return promise.finally(() => timer.cancel());
  }
}
