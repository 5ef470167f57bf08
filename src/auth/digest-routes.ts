/** Digest authentication as routing scripts use it: middlewares that hand on whose request it is. */
import type { RequestContext } from '../route/context.ts';
import type { Reply } from '../route/decision.ts';
import type { Middleware } from '../route/router.ts';
import type { Caller } from '../route/services.ts';
import type { SipRequest } from '../sip/message.ts';
import { canonicalEscapes } from '../sip/escapes.ts';
import type { Flow } from '../transport/flow.ts';
import type { DigestAuth } from './challenge.ts';

/** Is told of logins: who protects us learns by that whom to serve first, and whom to ban. */
export interface LoginObserver {
  proved(source: LoginSource): void;
  /** A wrong password, from somebody who hears us. */
  failed(source: LoginSource): void;
}

/** Where a login came from. */
export type LoginSource = Pick<Flow, 'remote'>;

/** The middlewares of `auth`. */
export interface DigestRoutes {
  /** Challenges until the request proves whose it is. */
  digest(): Middleware<{}, { caller: Caller }>;
  /** The same for a request whose From claims one of our domains. */
  digestIfOurs(): Middleware<{}, { caller: Caller | undefined }>;
}

const FOREIGN_IDENTITY: Reply = { do: 'reply', status: 403, reason: 'Not Your Address' };

/** Makes the middlewares. */
export function digestRoutes(
  auth: DigestAuth,
  isLocal: (host: string) => boolean,
  logins: LoginObserver,
): DigestRoutes {
  const digest: Middleware<{}, { caller: Caller }> = (c, next) => {
    const proved = prove(auth, c, logins);
    return 'user' in proved ? next({ caller: proved }) : proved;
  };
  const digestIfOurs: Middleware<{}, { caller: Caller | undefined }> = (c, next) => {
    if (!isLocal(c.from.uri.host)) return next({ caller: undefined });
    const proved = prove(auth, c, logins);
    return 'user' in proved ? next({ caller: proved }) : proved;
  };
  return { digest: () => digest, digestIfOurs: () => digestIfOurs };
}

/** The realm is the domain that the request claims to belong to. */
export function realmOf(request: SipRequest): string {
  return (request.method === 'REGISTER' ? request.to : request.from).uri.host;
}

/** Who the request comes from, or the challenge or refusal it is answered. */
function prove(auth: DigestAuth, c: RequestContext<{}>, logins: LoginObserver): Caller | Reply {
  const register = c.method === 'REGISTER';
  const checked = auth.check(c.req, register ? 'www' : 'proxy', c.source.remote.host);
  if (!('ok' in checked)) {
    if (checked.wrongPassword === true) logins.failed(c.source);
    return { do: 'reply', status: checked.status, headers: checked.headers };
  }
  logins.proved(c.source);
  const { user, domain } = checked.ok;
  return speaksForItself(c, { user, domain });
}

/** RFC 3261 §22.1: the realm names the domain; nobody speaks for another of our users. */
export function speaksForItself(c: RequestContext<{}>, caller: Caller): Caller | Reply {
  const { scheme, user, host } = c.method === 'REGISTER' ? c.to.uri : c.from.uri;
  if (scheme === 'tel' || user === undefined) return FOREIGN_IDENTITY;
  return canonicalEscapes(user) === caller.user && host === caller.domain ? caller : FOREIGN_IDENTITY;
}
