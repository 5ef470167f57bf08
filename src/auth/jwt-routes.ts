/** Authentication by tokens: the middlewares `auth.jwt()` and `auth.withoutTokens()`. RFC 8898, RFC 6750 */
import type { RequestContext } from '../route/context.ts';
import type { Reply } from '../route/decision.ts';
import type { Middleware } from '../route/router.ts';
import type { Caller } from '../route/services.ts';
import { AUTHORIZATION, PROXY_AUTHORIZATION } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';
import { isBlank, quoted } from '../sip/scan.ts';
import { type Flow, isSecure } from '../transport/flow.ts';
import type { TokenAdmission } from '../transport/transports.ts';
import { CREDENTIALS_MAX } from './challenge.ts';
import { type LoginObserver, realmOf, speaksForItself } from './digest-routes.ts';
import type { JwtVerifier } from './jwt.ts';
import { removeLines } from './own-answers.ts';

/** What the middlewares stand on. */
export interface JwtRouteParts {
  /** The one of now: keys are read again at a reload. */
  readonly verifier: () => JwtVerifier;
  /** Milliseconds since 1970. */
  readonly wall: () => number;
  /** Whether the user of a token has an account. */
  readonly hasAccount: (caller: Caller) => boolean;
  /** Whether tokens that anybody on the way could read are taken. */
  readonly takesPlain: boolean;
  /** Where phones get tokens: a URL, '' when it is not said. RFC 8898 §4 */
  readonly authorizationServer: string;
  readonly logins: LoginObserver;
}

const PLACES = [AUTHORIZATION, PROXY_AUTHORIZATION] as const;
const SCHEME = 'bearer';
const PLAIN: Reply = { do: 'reply', status: 403, reason: 'Token Needs TLS' };
const TWO_TOKENS: Reply = { do: 'reply', status: 400, reason: 'One Token Expected' };

/**
 * Challenges until the request brings a token that proves whose it is. RFC 8898 §2.1
 * The token is taken out: who gets the request next could use it in the caller's name.
 */
export function jwtRoute(parts: JwtRouteParts): Middleware<{}, { caller: Caller }> {
  return (c, next) => {
    const proved = prove(parts, c);
    if (!('user' in proved)) return proved;
    removeTokens(c.req.headers);
    return next({ caller: proved });
  };
}

/** Takes tokens out of requests that need none: web phones send theirs with every request of a dialog too. */
export const withoutTokens: Middleware = (c, next) => {
  removeTokens(c.req.headers);
  return next();
};

function prove(parts: JwtRouteParts, c: RequestContext<{}>): Caller | Reply {
  const tokens = tokensIn(c.req.headers);
  const [token] = tokens;
  const { source } = c;
  if (token === undefined) {
    const owner = ownerOf(parts, source);
    return owner === undefined ? challenge(parts, c) : speaksForItself(c, owner);
  }
  if (tokens.length > 1) return TWO_TOKENS;
  if (!parts.takesPlain && !isSecure(source.transport)) return PLAIN;
  const verdict = parts.verifier().verify(token, parts.wall() / 1000);
  if ('wrong' in verdict) {
    c.log.info('a token is not believed', { call: c.callId, why: verdict.wrong });
    // By a datagram anybody can send a wrong one in another's name.
    if (verdict.forged && source.reliable) parts.logins.failed(source);
    return challenge(parts, c, true);
  }
  const { user, domain } = verdict;
  if (!parts.hasAccount({ user, domain })) return challenge(parts, c, true);
  parts.logins.proved(source);
  return speaksForItself(c, { user, domain });
}

/** Whose the connection is, by the token that it was opened with, as long as that holds. */
function ownerOf({ wall, hasAccount }: JwtRouteParts, { tokenOwner }: Flow): Caller | undefined {
  if (tokenOwner === undefined || wall() / 1000 >= tokenOwner.until) return undefined;
  const { user, domain } = tokenOwner;
  return hasAccount({ user, domain }) ? { user, domain } : undefined;
}

/** What is asked when a WebSocket is opened with a token: by pages that cannot send one with each request. */
export function admission(parts: Omit<JwtRouteParts, 'authorizationServer'>): TokenAdmission {
  const { verifier, wall, hasAccount, takesPlain, logins } = parts;
  return (token, isSecure, remote) => {
    if (!takesPlain && !isSecure) return undefined;
    const verdict = verifier().verify(token, wall() / 1000);
    if ('wrong' in verdict) {
      if (verdict.forged) logins.failed({ remote });
      return undefined;
    }
    const { user, domain } = verdict;
    if (!hasAccount({ user, domain })) return undefined;
    logins.proved({ remote });
    return verdict;
  };
}

/** RFC 8898 §4 */
function challenge({ authorizationServer }: JwtRouteParts, c: RequestContext<{}>, isWrong = false): Reply {
  const isRegister = c.method === 'REGISTER';
  const words = [`Bearer realm=${quoted(realmOf(c.req))}`];
  if (authorizationServer !== '') words.push(`authz_server=${quoted(authorizationServer)}`);
  if (isWrong) words.push('error="invalid_token"');
  const name = isRegister ? 'WWW-Authenticate' : 'Proxy-Authenticate';
  return { do: 'reply', status: isRegister ? 401 : 407, headers: [[name, words.join(', ')]] };
}

/** In either field, whatever the method: web phones know one of them alone. */
function tokensIn(headers: Headers): readonly string[] {
  const tokens: string[] = [];
  let looked = 0;
  for (const id of PLACES) {
    for (let at = headers.find(id); at >= 0 && looked < CREDENTIALS_MAX; at = headers.findFrom(id, at + 4)) {
      looked++;
      const value = headers.value(at);
      if (isToken(value)) tokens.push(value.substring(SCHEME.length).trim());
    }
  }
  return tokens;
}

/** All of them, however many. */
function removeTokens(headers: Headers): void {
  removeLines(headers, isToken);
}

function isToken(value: string): boolean {
  return (
    value.substring(0, SCHEME.length).toLowerCase() === SCHEME && isBlank(value.charCodeAt(SCHEME.length))
  );
}
