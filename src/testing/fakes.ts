/** Services for a script under `decide`: everybody is who they say, nobody is registered, every server is well. */
import { silentLogger } from '../base/silent-logger.ts';
import { b2bTo } from '../agent/b2b.ts';
import { MetricRegistry } from '../base/metrics.ts';
import type { Clock } from '../base/world.ts';
import type { RequestContext } from '../route/context.ts';
import type { Caller, Pool, PoolOptions, Services } from '../route/services.ts';
import { type DialRules, Numbers } from '../subscriber/numbers.ts';
import { MemoryPreferences, Preferences } from '../subscriber/preferences.ts';
import { Pool as TrunkPool } from '../trunk/pool.ts';
import { fakeUserServices } from './fake-users.ts';

const LOCAL = 'example.com';

/** Fakes of all services; give what the test is about. Our domain is example.com. */
export function fakes(more: Partial<Services> = {}): Services {
  const domains = more.domains ?? { isLocal: (host) => host === LOCAL, openInbound: false };
  const plain: Omit<Services, 'callers' | 'callees' | 'limits' | 'schedules'> = {
    log: silentLogger,
    clock: stillClock,
    domains,
    auth: {
      digest: () => (c, next) => next({ caller: claimed(c) }),
      digestIfOurs: () => (c, next) =>
        next({ caller: domains.isLocal(c.from.uri.host) ? claimed(c) : undefined }),
      identity: () => (_c, next) => next(),
      radius: () => (c, next) => next({ caller: claimed(c) }),
      jwt: () => (c, next) => next({ caller: claimed(c) }),
      withoutTokens: () => (_c, next) => next(),
      trunkOrDigest: () => (c, next) => next({ caller: claimed(c), trunk: undefined }),
    },
    subscribers: { find: () => undefined },
    pools: { open: fakePool, get: (name) => fakePool(name, { servers: [] }) },
    numbers: new Numbers(NO_RULES),
    permissions: { isIn: () => false, groupOf: () => undefined },
    preferences: new Preferences(new MemoryPreferences()),
    http: { fetch: () => Promise.resolve({ status: 404, headers: {}, text: '' }) },
    metrics: new MetricRegistry(),
    b2b: { to: b2bTo },
    agent: { ask: () => Promise.resolve({ status: 503, response: undefined, flow: undefined }) },
    location: {
      save: () => ({ do: 'reply', status: 200 }),
      lookup: () => Promise.resolve([]),
      wake: () => Promise.resolve([]),
      watch: () => ({ do: 'reply', status: 489 }),
    },
    ...more,
  };
  return { ...plain, ...fakeUserServices(stillClock, plain), ...more };
}

/** Numbers of the world are those that are written so. */
const NO_RULES: DialRules = {
  countryCode: '',
  areaCode: '',
  internationalPrefix: '00',
  nationalPrefix: '0',
  localDigitsMin: 5,
  emergency: ['112', '911'],
  shortCodes: [],
};

/** All its servers are well and idle; none is ever asked. */
function fakePool(name: string, { servers, pick, requestUri }: PoolOptions): Pool {
  return new TrunkPool(name, { servers, pick, requestUri }, { clock: stillClock, changed: () => {} });
}

/** No time passes. */
const stillClock: Clock = {
  now: () => 0,
  wall: () => 0,
  after: () => ({ cancel() {} }),
  soon: (run) => run(),
};

function claimed(c: RequestContext): Caller {
  const { user = '', host } = c.from.uri;
  return { user, domain: host };
}
