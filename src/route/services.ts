/** What a script is given. The server passes the real ones, a test passes fakes. */
import type { Logger } from '../base/world.ts';
import type { Target } from '../proxy/plan.ts';
import type { Uri } from '../sip/uri.ts';
import type { RequestContext } from './context.ts';
import type { Awaitable, Reply } from './decision.ts';
import type { Middleware } from './router.ts';

/** Somebody with credentials of ours. */
export interface Caller {
  readonly user: string;
  readonly domain: string;
}

/** Everything a script can use. */
export interface Services {
  readonly log: Logger;
  readonly domains: {
    /** Whether a host is a domain or an address of ours. */
    isLocal(host: string): boolean;
    /** `[sip] open_inbound`: strangers may call our users. */
    readonly openInbound: boolean;
  };
  readonly auth: {
    /** Challenges until the request proves whose it is: 401 for REGISTER, 407 otherwise. RFC 3261 §22 */
    digest(): Middleware<{}, { caller: Caller }>;
    /** The same, but only for a request whose From claims one of our domains; others pass without a caller. */
    digestIfOurs(): Middleware<{}, { caller: Caller | undefined }>;
  };
  readonly location: {
    /** Changes the bindings as a REGISTER asks; with `[location] durable` answers after they are on disk. */
    save(c: RequestContext<never> | RequestContext<{}>): Awaitable<Reply>;
    /** Where an address-of-record can be reached now, best first. */
    lookup(aor: Uri): Promise<readonly Target[]>;
  };
}
