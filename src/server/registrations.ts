/** What belongs to the registrar beside bindings: keep-alive, wake-ups, subscriptions, and what scripts see of it. */
import type { Agent } from '../agent/agent.ts';
import { checkUri, checkWait } from '../base/options.ts';
import type { World } from '../base/world.ts';
import type { Callee } from '../agent/hunt.ts';
import { Contact } from '../location/contact.ts';
import { KeepAlive } from '../location/keep-alive.ts';
import type { Location } from '../location/location.ts';
import { RegEvents } from '../location/reg-events.ts';
import type { RegisterOutcome } from '../location/registrar.ts';
import { WakeUps } from '../location/wake-ups.ts';
import type { Plan, Target } from '../proxy/plan.ts';
import type { PhoneBook } from '../proxy/proxy.ts';
import type { RequestContext } from '../route/context.ts';
import type { Awaitable, Reply } from '../route/decision.ts';
import type { EventBus } from '../route/events.ts';
import type { Services } from '../route/services.ts';
import { aorOf, type Uri } from '../sip/uri.ts';
import type { Transports } from '../transport/transports.ts';
import { leadsAstray, type PeerPlaces } from './registered-places.ts';
import type { Settings } from './settings.ts';

/** Bindings come and go; a refresh is no news to scripts. */
const CONTACT_EVENTS = ['contact.added', 'contact.expired', 'contact.removed'] as const;

/** What it stands on. */
export interface RegistrationsParts {
  readonly world: World;
  readonly settings: Settings;
  readonly location: Location;
  readonly transports: Transports;
  readonly agent: Agent;
  readonly events: EventBus;
  readonly peers: PeerPlaces;
}

/** One for the whole exchange. */
export class Registrations implements PhoneBook {
  readonly keepAlive: KeepAlive;
  private readonly location: Location;
  private readonly peers: PeerPlaces;
  private readonly wakeUps: WakeUps;
  private readonly subscriptions: RegEvents;

  constructor({ world, settings, location, transports, agent, events, peers }: RegistrationsParts) {
    const { clock } = world;
    this.location = location;
    this.peers = peers;
    const { keep_alive: kind, keep_alive_seconds, keep_alive_misses: misses } = settings.location;
    this.keepAlive = new KeepAlive({
      clock,
      location,
      flowTo: (hop) => transports.flowTo(hop),
      ask: (request) => agent.ask(request),
      settings: { kind, everyMs: keep_alive_seconds * 1000, misses },
    });
    this.wakeUps = new WakeUps({ clock, location, push: (event) => events.tell('contact.push', event) });
    this.subscriptions = new RegEvents({ core: agent.core, location });
    for (const name of CONTACT_EVENTS) {
      location.on(name, ({ aor, uriText, userAgent }) => {
        if (events.hears(name)) events.tell(name, { aor, uri: uriText, userAgent });
      });
    }
  }

  start(): void {
    this.keepAlive.start();
  }

  /** Who subscribed is told that it is over; what is registered stays. */
  stop(): void {
    this.keepAlive.stop();
    this.subscriptions.stop();
  }

  instances(uri: Uri): Plan | undefined {
    if (uri.params['gr'] === undefined) return undefined;
    const [contact] = this.location.contactsOf(uri);
    return contact;
  }

  /** One that can be woken does not need its flow. */
  flowFailed(target: Target | Callee): void {
    if (target instanceof Contact && target.push === undefined) this.location.removeDead(target);
  }

  flowSilent(target: Target): void {
    if (target instanceof Contact) this.location.flows.silent.note(target);
  }

  /** For one generation of a script. */
  services(isLocal: (host: string) => boolean): Services['location'] {
    return {
      save: (c) => this.save(c, isLocal),
      lookup: async (uri) => {
        checkUri('the user of location.lookup', uri);
        return this.location.contactsOf(uri);
      },
      wake: async (uri, waitMs) => {
        checkUri('the user of location.wake', uri);
        checkWait('waitMs of location.wake', waitMs);
        return this.wakeUps.wake(uri, waitMs);
      },
      watch: (c) => (isLocal(c.uri.host) ? this.subscriptions.watch(c.req, aorOf(c.uri)) : NOT_OURS),
    };
  }

  /**
   * A registrar for our own domains alone, by what To says. Departs from RFC 3261 §10.3 steps 1 and 5 where the
   * Request-URI names another domain, because phones behind an old name would be turned away and nobody protected:
   * docs/decisions/0010-register-with-another-request-uri.md.
   */
  private save(
    c: RequestContext<never> | RequestContext<{}>,
    isLocal: (host: string) => boolean,
  ): Awaitable<Reply> {
    if (!isLocal(c.to.uri.host)) return NOT_OURS;
    if (leadsAstray(c.req, c.source, this.peers)) return NOT_THERE;
    const outcome = this.location.save(c.req, c.source);
    return outcome instanceof Promise ? outcome.then(replyOf) : replyOf(outcome);
  }
}

const NOT_THERE: Reply = { do: 'reply', status: 403, reason: 'Contact Or Path Of A Peer' };
const NOT_OURS: Reply = { do: 'reply', status: 404, reason: 'Not Our Domain' };

function replyOf(outcome: RegisterOutcome): Reply {
  return { do: 'reply', status: outcome.status, reason: outcome.reason, headers: outcome.headers };
}
