/** Digest authentication by accounts that a RADIUS server has: the middleware `auth.radius()`. RFC 2865, RFC 5090 */
import type { RequestContext } from '../route/context.ts';
import type { Reply } from '../route/decision.ts';
import type { Middleware } from '../route/router.ts';
import type { Caller } from '../route/services.ts';
import type { ChallengeKind, DigestAuth, Presented, Refusal } from './challenge.ts';
import { type LoginObserver, speaksForItself } from './digest-routes.ts';
import type { Nonces } from './nonce.ts';
import type { RadiusClient } from './radius-client.ts';
import { digestAttributes, type RadiusDialect } from './radius-digest.ts';
import { RADIUS_ATTRIBUTES, RADIUS_CODES, textAttribute } from './radius-packet.ts';

/** What the middleware stands on. */
export interface RadiusRouteParts {
  /** Makes challenges and judges what answers them; the password is the server's business. */
  readonly digest: DigestAuth;
  readonly nonces: Nonces;
  readonly client: RadiusClient;
  readonly dialect: RadiusDialect;
  /** How we call ourselves. RFC 2865 §5.32 */
  readonly nasIdentifier: string;
  readonly logins: LoginObserver;
}

const TOO_LONG: Refusal = { status: 400, headers: [] };
/** Nobody could tell whether the password is right: the phone may try elsewhere, or later. */
const NO_SERVER: Reply = { do: 'reply', status: 503, reason: 'No Authentication Server' };

/**
 * Challenges until the request proves to a RADIUS server whose it is. Only the answer to a nonce of ours makes us ask:
 * without having heard us nobody makes work for the server.
 */
export function radiusRoute(parts: RadiusRouteParts): Middleware<{}, { caller: Caller }> {
  return (c, next) => {
    const kind: ChallengeKind = c.method === 'REGISTER' ? 'www' : 'proxy';
    const presented = parts.digest.present(c.req, kind, c.source.remote.host);
    if ('status' in presented) return refused(presented);
    return prove(parts, c, presented).then((proved) =>
      'user' in proved ? next({ caller: proved }) : proved,
    );
  };
}

async function prove(
  { digest, nonces, client, dialect, nasIdentifier, logins }: RadiusRouteParts,
  c: RequestContext<{}>,
  presented: Presented,
): Promise<Caller | Reply> {
  const credentials = digestAttributes(presented, c.method, dialect);
  if (credentials === undefined) return refused(TOO_LONG);
  const attributes = [...credentials, textAttribute(RADIUS_ATTRIBUTES.nasIdentifier, nasIdentifier)];
  const answer = await client.ask({ code: RADIUS_CODES.accessRequest, attributes: () => attributes });
  if (typeof answer === 'string') return NO_SERVER;
  // RFC 2865 §4.4: who cannot answer a challenge of the server treats it as a reject.
  const caller = answer.code === RADIUS_CODES.accessAccept ? callerOf(presented) : undefined;
  const state = nonces.judge(presented.given.nonce, presented.source);
  const verdict = digest.conclude(presented, state, caller);
  if (!('ok' in verdict)) {
    if (verdict.wrongPassword === true) logins.failed(c.source);
    return refused(verdict);
  }
  logins.proved(c.source);
  return speaksForItself(c, verdict.ok);
}

/** `alice@example.com` and `alice` in the realm example.com are the same. */
function callerOf({ given: { username }, realm }: Presented): Caller {
  const isFull = username.endsWith(`@${realm}`);
  return { user: isFull ? username.slice(0, -realm.length - 1) : username, domain: realm };
}

function refused({ status, headers }: Refusal): Reply {
  return { do: 'reply', status, headers };
}
