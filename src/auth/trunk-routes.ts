/** Peers that are known by where they come from, and people that are not: the middleware `auth.trunkOrDigest()`. */
import type { RequestContext } from '../route/context.ts';
import type { Middleware } from '../route/router.ts';
import type { Caller, PermissionService, TrunkOptions, TrunkOrCaller } from '../route/services.ts';
import type { TrustedPeers } from './trusted.ts';

/** What the middleware stands on. */
export interface TrunkRouteParts {
  readonly permissions: Pick<PermissionService, 'isIn'>;
  /** Who is a trunk when the script names neither group nor certificate. */
  readonly trusted: Pick<TrustedPeers, 'hasSent'>;
  readonly digest: Middleware<{}, { caller: Caller }>;
}

/** What `[trusted] peers` are called in `c.var.trunk`. */
export const TRUSTED_TRUNK = 'trusted';

/** Lets a trunk pass; anybody else is challenged. */
export function trunkOrDigest(
  parts: TrunkRouteParts,
  options: TrunkOptions = {},
): Middleware<{}, TrunkOrCaller> {
  const trunkOf = finder(parts, options);
  return (c, next) => {
    const trunk = trunkOf(c);
    if (trunk !== undefined) return next({ caller: undefined, trunk });
    return parts.digest(c, ({ caller }) => next({ caller, trunk: undefined }));
  };
}

/** Answers with the name of the trunk. Of group and certificate, when both are asked for, both must be right. */
function finder(
  { permissions, trusted }: TrunkRouteParts,
  { group, certificates }: TrunkOptions,
): (c: RequestContext<{}>) => string | undefined {
  if (group === undefined && certificates === undefined) {
    return ({ source }) => (trusted.hasSent(source) ? TRUSTED_TRUNK : undefined);
  }
  const names = certificates && new Set(certificates.map((name) => name.toLowerCase()));
  return (c) => {
    if (group !== undefined && !permissions.isIn(group, c)) return undefined;
    const proved = names && c.source.peerNames?.find((name) => names.has(name));
    if (names !== undefined && proved === undefined) return undefined;
    return group ?? proved;
  };
}
