/** Builds what scripts are given. */
import type { Agent } from '../agent/agent.ts';
import { b2bTo } from '../agent/b2b.ts';
import type { World } from '../base/world.ts';
import type { Caller, PoolService, Services } from '../route/services.ts';
import type { Uri } from '../sip/uri.ts';
import type { Transports } from '../transport/transports.ts';
import { authServices } from './auth-services.ts';
import type { Stores } from './exchange.ts';
import type { Protection } from './protection.ts';
import type { Registrations } from './registrations.ts';
import type { SharedServices } from './services-shared.ts';
import type { Settings } from './settings.ts';
import { userServices } from './user-services.ts';

/** What the services stand on. */
export interface ServiceParts {
  readonly world: World;
  readonly settings: Settings;
  readonly stores: Stores;
  readonly transports: Transports;
  readonly agent: Agent;
  readonly registrations: Registrations;
  readonly protection: Protection;
  readonly shared: SharedServices;
  /** The pools of this generation. */
  readonly pools: PoolService;
}

/** The real services, for one generation of a script. */
export function makeServices(parts: ServiceParts): Services {
  const { world, settings, stores, transports, protection, shared, pools, agent } = parts;
  const { provisions } = shared.users;
  const served = new Set(settings.sip.domains);
  const isLocal = (host: string): boolean =>
    served.has(host) || transports.isOwn(host) || provisions.isDomain(host);
  const auth = authServices(parts, isLocal);
  const location = parts.registrations.services(isLocal);
  const { numbers, permissions } = shared;
  return {
    log: world.log,
    clock: world.clock,
    domains: { isLocal, openInbound: settings.sip.open_inbound },
    auth,
    location,
    subscribers: { find: (aor) => findSubscriber(stores, aor) },
    ...userServices({
      state: shared.users,
      settings,
      isLocal,
      isAccount: (user, domain) => stores.subscribers.find(user, domain) !== undefined,
      isTrusted: (target) => protection.trusted.willGet(target),
      others: { auth, location, numbers, permissions },
    }),
    pools,
    numbers,
    permissions,
    preferences: shared.preferences,
    http: shared.http,
    metrics: shared.metrics,
    b2b: { to: b2bTo },
    agent: { ask: (request) => agent.ask(request) },
  };
}

function findSubscriber(stores: Stores, aor: Uri): Caller | undefined {
  const found = stores.subscribers.find(aor.user ?? '', aor.host);
  return found && { user: found.user, domain: found.domain };
}
