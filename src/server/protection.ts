/** Who is heard, who is shut out, whose word counts: guard, bans and trusted peers, made of the settings. */
import { hash } from 'node:crypto';
import type { LoginObserver, LoginSource } from '../auth/digest-routes.ts';
import { TrustedPeers } from '../auth/trusted.ts';
import { Endpoint, isIpAddress } from '../base/endpoint.ts';
import { parseNetwork } from '../base/network.ts';
import type { Clock, World } from '../base/world.ts';
import type { ContactPage, Location } from '../location/location.ts';
import type { EventBus } from '../route/events.ts';
import type { Flow } from '../transport/flow.ts';
import { Guard } from '../transport/guard.ts';
import { type BanKeeper, Bans } from './bans.ts';
import type { Settings } from './settings.ts';

/** What protection is made of. */
export interface ProtectionParts {
  readonly world: World;
  readonly settings: Settings;
  readonly events: EventBus;
  /** What our Via branches begin with. */
  readonly branchPrefix: string;
  /** Something that strangers do not know. */
  readonly secret: string;
  /** What keeps bans over a restart. */
  readonly keeper?: BanKeeper | undefined;
  /** Told when even known sources ask for more than can be done, and when that is over. */
  readonly overloaded: (is: boolean) => void;
}

/** Contacts looked at before others have their turn. */
const CONTACTS_A_TURN = 1_000;

type Receive = (text: string, flow: Flow) => void;

/** Outlives the generations of a script. */
export class Protection implements LoginObserver {
  readonly trusted: TrustedPeers;
  readonly bans: Bans;
  /** Undefined when the settings turn it off: then nobody is banned either. */
  readonly guard: Guard | undefined;
  /** Wrong passwords and tokens, since the start. */
  failedLogins = 0;

  constructor(parts: ProtectionParts) {
    const { world, settings, events } = parts;
    const { failures, window_seconds, ban_seconds } = settings.bans;
    this.trusted = new TrustedPeers(settings.trusted.peers);
    this.bans = new Bans({
      clock: world.clock,
      log: world.log,
      limits: { failures, windowMs: window_seconds * 1000, banMs: ban_seconds * 1000 },
      keeper: parts.keeper,
      added: ({ source, reason }) => events.tell('ban.added', { source, reason }),
      removed: ({ source, reason }) => events.tell('ban.removed', { source, reason }),
    });
    this.guard = settings.guard.enabled ? this.makeGuard(parts) : undefined;
    if (this.guard !== undefined) this.bans.carriedOutBy(this.guard);
  }

  /** What stands between the sockets and the parser. */
  before(receive: Receive): Receive {
    const { guard, trusted } = this;
    if (guard === undefined) return receive;
    const { hasNames } = trusted;
    return (text: string, flow: Flow) => {
      const heard = guard.admits(text, flow.remote);
      if (heard || (hasNames && trusted.hasProved(flow))) receive(text, flow);
      else flow.unheard?.();
    };
  }

  /** Who was registered when we stopped is known when we start: all phones at once are no crowd of strangers. */
  async remember(location: Pick<Location, 'list'>, clock: Clock): Promise<void> {
    if (this.guard === undefined) return;
    for (let offset: number | undefined = 0; offset !== undefined;) {
      const page: ContactPage = location.list({ limit: CONTACTS_A_TURN, offset });
      for (const contact of page.contacts) {
        // A URI of another scheme leads to nobody.
        if (contact.isOther) continue;
        const host = contact.hop?.host ?? contact.uri.host;
        if (isIpAddress(host)) this.guard.know(new Endpoint(host, 0));
      }
      offset = page.next;
      if (offset !== undefined) await new Promise<void>((resolve) => clock.soon(resolve));
    }
  }

  proved({ remote }: LoginSource): void {
    this.guard?.know(remote);
    this.bans.proved(remote);
  }

  failed({ remote }: LoginSource): void {
    this.failedLogins++;
    this.bans.failed(remote);
  }

  private makeGuard(parts: ProtectionParts): Guard {
    const { world, settings, branchPrefix, secret, overloaded } = parts;
    const { guard } = settings;
    return new Guard({
      clock: world.clock,
      log: world.log,
      limits: {
        strangersPerSecond: guard.strangers_per_second,
        sourcePerSecond: guard.source_per_second,
        sourceBurst: guard.source_burst,
        strangerShare: guard.stranger_share,
        overloadMs: guard.overload_ms,
        knownMs: guard.known_seconds * 1000,
        scanners: guard.scanners,
      },
      exempt: [...guard.exempt.flatMap((text) => parseNetwork(text) ?? []), ...this.trusted.networks],
      branchPrefix,
      seed: hash('sha256', `guard ${secret}`, 'buffer').readInt32LE(),
      bannedUntil: this.bans.untilOf,
      overloaded,
    });
  }
}
