/** Builds what scripts are given. */
import type { World } from '../base/world.ts';
import type { RequestContext } from '../route/context.ts';
import type { Awaitable, Reply } from '../route/decision.ts';
import type { Middleware } from '../route/router.ts';
import type { Caller, Services } from '../route/services.ts';
import { FROM, TO } from '../sip/header-table.ts';
import type { SipRequest } from '../sip/message.ts';
import { parseNameAddr } from '../sip/name-addr.ts';
import { aorOf } from '../sip/uri.ts';
import { DigestAuth } from '../auth/challenge.ts';
import { Nonces } from '../auth/nonce.ts';
import type { RegisterOutcome } from '../location/registrar.ts';
import type { Transports } from '../transport/transports.ts';
import type { Stores } from './exchange.ts';
import type { Settings } from './settings.ts';

/** What the services stand on. */
export interface ServiceParts {
  readonly world: World;
  readonly settings: Settings;
  readonly stores: Stores;
  readonly transports: Transports;
}

/** The real services, for one generation of a script. */
export function makeServices(parts: ServiceParts): Services {
  const { world, settings, stores, transports } = parts;
  const served = new Set(settings.sip.domains);
  const isLocal = (host: string): boolean => served.has(host) || transports.isOwn(host);
  const auth = new DigestAuth({
    subscribers: stores.subscribers,
    nonces: new Nonces({
      clock: world.clock,
      random: world.random,
      secret: stores.secrets.nonce,
      lifetimeMs: settings.auth.nonce_seconds * 1000,
    }),
    random: world.random,
    algorithms: settings.auth.algorithms,
    realmFor: (request) => realmOf(request),
    isOurs: isLocal,
  });
  return {
    log: world.log,
    domains: { isLocal, openInbound: settings.sip.open_inbound },
    auth: digestMiddlewares(auth, isLocal),
    location: {
      save: (c) => save(stores, c, isLocal),
      lookup: async (aor) => stores.location.lookup(aorOf(aor)),
    },
  };
}

function digestMiddlewares(auth: DigestAuth, isLocal: (host: string) => boolean): Services['auth'] {
  const digest: Middleware<{}, { caller: Caller }> = (c, next) => {
    const proved = prove(auth, c);
    return 'user' in proved ? next({ caller: proved }) : proved;
  };
  const digestIfOurs: Middleware<{}, { caller: Caller | undefined }> = (c, next) => {
    if (!isLocal(c.from.uri.host)) return next({ caller: undefined });
    const proved = prove(auth, c);
    return 'user' in proved ? next({ caller: proved }) : proved;
  };
  return { digest: () => digest, digestIfOurs: () => digestIfOurs };
}

/** Who the request comes from, or the challenge or refusal it is answered. */
function prove(auth: DigestAuth, c: RequestContext<{}>): Caller | Reply {
  const register = c.method === 'REGISTER';
  const checked = auth.check(c.req, register ? 'www' : 'proxy');
  if (!('ok' in checked)) return { do: 'reply', status: checked.status, headers: checked.headers };
  const { user, domain } = checked.ok;
  // RFC 3261 §22.1: the realm names the domain; nobody speaks for another of our users.
  const claimed = register ? c.to.uri : c.from.uri;
  return aorOf(claimed) === `${user}@${domain}` ? { user, domain } : FOREIGN_IDENTITY;
}

const FOREIGN_IDENTITY: Reply = { do: 'reply', status: 403, reason: 'Not Your Address' };

/** A registrar for our own domains alone. RFC 3261 §10.3 step 1 */
function save(stores: Stores, c: RequestContext<{}>, isLocal: (host: string) => boolean): Awaitable<Reply> {
  if (!isLocal(c.to.uri.host)) return { do: 'reply', status: 404, reason: 'Not Our Domain' };
  const { transport, remote } = c.source;
  const outcome = stores.location.save(c.req, { transport, remote });
  return outcome instanceof Promise ? outcome.then(replyOf) : replyOf(outcome);
}

function replyOf(outcome: RegisterOutcome): Reply {
  return { do: 'reply', status: outcome.status, reason: outcome.reason, headers: outcome.headers };
}

/** The realm is the domain that the request claims to belong to. */
function realmOf(request: SipRequest): string {
  const id = request.method === 'REGISTER' ? TO : FROM;
  return parseNameAddr(request.headers.raw(id) ?? '').uri.host;
}
