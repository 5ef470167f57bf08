/** What scripts are given and what outlives them: one of each for the whole exchange, whichever script runs. */
import { Nonces } from '../auth/nonce.ts';
import { MetricRegistry } from '../base/metrics.ts';
import type { World } from '../base/world.ts';
import type { EventBus } from '../route/events.ts';
import { parseNetwork, type AddressRule } from '../subscriber/address-table.ts';
import { type DialRules, Numbers } from '../subscriber/numbers.ts';
import type { TrustedAddresses } from '../subscriber/kind-of-addresses.ts';
import { type AddressRules, Permissions } from '../subscriber/permissions.ts';
import { Preferences } from '../subscriber/preferences.ts';
import { StoredPreferences } from '../subscriber/stored-preferences.ts';
import { type PoolChange, Pools, type TrunkChange } from '../trunk/pools.ts';
import { AuthBackEnds } from './auth-back-ends.ts';
import { HttpClient } from './http-client.ts';
import type { Stores } from './exchange.ts';
import type { Settings } from './settings.ts';
import { makeUserState, type UserState } from './user-services.ts';

/** See above. */
export interface SharedServices {
  readonly pools: Pools;
  readonly numbers: Numbers;
  readonly permissions: Permissions;
  readonly preferences: Preferences;
  /** What users and operators provision, and the calls that are counted. */
  readonly users: UserState;
  readonly http: HttpClient;
  readonly metrics: MetricRegistry;
  /** Accounts that others keep. */
  readonly authBackEnds: AuthBackEnds;
  /** Those that were given out stay good when the script is replaced. */
  readonly nonces: Nonces;
}

/** Made of the settings. */
export function makeSharedServices(
  world: World,
  settings: Settings,
  events: EventBus,
  { provisions, secrets }: Pick<Stores, 'provisions' | 'secrets'>,
): SharedServices {
  const users = makeUserState(world, provisions);
  const { addresses } = users.provisions;
  const { timeout_ms, max_bytes, max_requests, private_redirects } = settings.http;
  return {
    pools: makePools(world, settings, events),
    numbers: makeNumbers(settings),
    permissions: makePermissions(world, settings, addresses),
    preferences: new Preferences(new StoredPreferences(users.provisions, world.log)),
    users,
    http: new HttpClient(world.clock, {
      timeMs: timeout_ms,
      bytesMax: max_bytes,
      requestsMax: max_requests,
      privateRedirects: private_redirects,
    }),
    metrics: new MetricRegistry(),
    authBackEnds: new AuthBackEnds(world, settings),
    nonces: new Nonces({
      clock: world.clock,
      random: world.random,
      secret: secrets.nonce,
      lifetimeMs: settings.auth.nonce_seconds * 1000,
    }),
  };
}

function makePermissions(
  { clock, log }: World,
  settings: Settings,
  addresses: TrustedAddresses,
): Permissions {
  const rules: AddressRules = {
    list: () => [...addressRules(settings), ...addresses.list()],
    get version() {
      return addresses.version;
    },
  };
  const failed = ({ message }: Error): void =>
    log.warn('the trusted addresses stay as they were', { why: message });
  return new Permissions(rules, { clock, failed });
}

function makePools({ clock, log }: World, settings: Settings, events: EventBus): Pools {
  const pools = new Pools(clock, {
    server: (change) => tellChange(change, log, events),
    trunk: (change) => tellTrunk(change, log, events),
  });
  for (const { name, servers, pick, request_uri, rest_ms, call_ms, ...health } of settings.trunk.pools) {
    const { probe_ms: everyMs, probe_reply_ms: replyMs, down_after: downAfter, up_after: upAfter } = health;
    pools.define(name, {
      servers,
      pick,
      requestUri: request_uri,
      restMs: rest_ms,
      callMs: call_ms,
      ...(everyMs === 0 ? {} : { probe: { everyMs, replyMs, downAfter, upAfter } }),
    });
  }
  return pools;
}

function tellChange(change: PoolChange, log: World['log'], events: EventBus): void {
  const { pool, server, up, status, left, why } = change;
  if (up) log.info('a server of a pool is up', { pool, server, left });
  else log.warn('a server of a pool gets no requests any more', { pool, server, why, left });
  events.tell(up ? 'pool.up' : 'pool.down', { pool, server, status });
  if (left === 0) events.tell('pool.empty', { pool });
}

function tellTrunk({ trunk, up, status, why }: TrunkChange, log: World['log'], events: EventBus): void {
  if (up) log.info('a trunk is up again', { trunk });
  else log.error('a trunk is down: none of its servers is left', { trunk, status, why });
  events.tell(up ? 'trunk.up' : 'trunk.down', { trunk, status });
}

function makeNumbers({ numbers }: Settings): Numbers {
  return new Numbers(
    rulesOf(numbers),
    new Map(numbers.domains.map((rules) => [rules.domain, rulesOf(rules)])),
  );
}

type DialSettings = Omit<Settings['numbers'], 'domains'>;

function rulesOf(settings: DialSettings): DialRules {
  return {
    countryCode: settings.country_code,
    areaCode: settings.area_code,
    internationalPrefix: settings.international_prefix,
    nationalPrefix: settings.national_prefix,
    localDigitsMin: settings.local_digits_min,
    emergency: settings.emergency,
    shortCodes: settings.short_codes,
  };
}

function addressRules({ permissions }: Settings): readonly AddressRule[] {
  return permissions.groups.flatMap(({ name, addresses }) =>
    addresses.flatMap((text) => {
      const network = parseNetwork(text);
      return network === undefined ? [] : [{ group: name, ...network }];
    }),
  );
}
