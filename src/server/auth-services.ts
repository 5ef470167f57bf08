/** What scripts are given to find out who calls. */
import { DigestAuth, type DigestAuthOptions } from '../auth/challenge.ts';
import { digestRoutes, realmOf } from '../auth/digest-routes.ts';
import { identity } from '../auth/identity.ts';
import { admission, type JwtRouteParts, jwtRoute, withoutTokens } from '../auth/jwt-routes.ts';
import { radiusRoute } from '../auth/radius-routes.ts';
import { trunkOrDigest } from '../auth/trunk-routes.ts';
import type { Middleware } from '../route/router.ts';
import type { Caller, Services } from '../route/services.ts';
import type { TokenAdmission } from '../transport/transports.ts';
import type { ServiceParts } from './services.ts';

type Parts = Pick<ServiceParts, 'world' | 'settings' | 'stores' | 'protection' | 'shared'>;
type IsLocal = (host: string) => boolean;

/** The real ones, for one generation of a script. */
export function authServices(parts: Parts, isLocal: IsLocal): Services['auth'] {
  const { settings, protection, shared } = parts;
  const options = digestOptions(parts, isLocal);
  const { algorithms, integrity } = settings.auth;
  const digest = digestRoutes(new DigestAuth({ ...options, algorithms, integrity }), isLocal, protection);
  const trunks = { permissions: shared.permissions, trusted: protection.trusted, digest: digest.digest() };
  return {
    ...digest,
    identity: () => identity(protection.trusted),
    radius: () => radius(parts, options),
    jwt: () => jwt(parts),
    withoutTokens: () => withoutTokens,
    trunkOrDigest: (trunk) => trunkOrDigest(trunks, trunk),
  };
}

function digestOptions({ world, settings, stores, shared }: Parts, isOurs: IsLocal): DigestAuthOptions {
  const { random } = world;
  const { subscribers } = stores;
  const { host_only_uri: hostOnlyUri } = settings.auth;
  return { subscribers, nonces: shared.nonces, random, realmFor: realmOf, isOurs, hostOnlyUri };
}

function radius(
  { settings, protection: logins, shared }: Parts,
  options: DigestAuthOptions,
): Middleware<{}, { caller: Caller }> {
  const { algorithms, dialect, nas_identifier: nasIdentifier } = settings.radius;
  const digest = new DigestAuth({ ...options, algorithms });
  const { nonces } = options;
  return radiusRoute({ digest, nonces, client: shared.authBackEnds.radius, dialect, nasIdentifier, logins });
}

/** Who may open a WebSocket with a token; undefined where `[jwt]` has no keys. */
export function tokenAdmission(parts: Parts): TokenAdmission | undefined {
  return parts.settings.jwt.keys_file === '' ? undefined : admission(jwtParts(parts));
}

function jwt(parts: Parts): Middleware<{}, { caller: Caller }> {
  // Whoever asks for it without keys is told at the start, not by the first call.
  void parts.shared.authBackEnds.tokens;
  return jwtRoute(jwtParts(parts));
}

function jwtParts({ world, settings, stores, protection: logins, shared }: Parts): JwtRouteParts {
  const { accounts, plain: takesPlain, authorization_server: authorizationServer } = settings.jwt;
  const { authBackEnds } = shared;
  return {
    verifier: () => authBackEnds.tokens,
    wall: () => world.clock.wall(),
    hasAccount: ({ user, domain }) => !accounts || stores.subscribers.find(user, domain) !== undefined,
    takesPlain,
    authorizationServer,
    logins,
  };
}
