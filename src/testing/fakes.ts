/** Services for a script under `decide`: everybody is who they say, nobody is registered. */
import { silentLogger } from '../base/silent-logger.ts';
import type { RequestContext } from '../route/context.ts';
import type { Caller, Services } from '../route/services.ts';

const LOCAL = 'example.com';

/** Fakes of all services; give what the test is about. Our domain is example.com. */
export function fakes(more: Partial<Services> = {}): Services {
  const domains = more.domains ?? { isLocal: (host) => host === LOCAL, openInbound: false };
  return {
    log: silentLogger,
    domains,
    auth: {
      digest: () => (c, next) => next({ caller: claimed(c) }),
      digestIfOurs: () => (c, next) =>
        next({ caller: domains.isLocal(c.from.uri.host) ? claimed(c) : undefined }),
    },
    location: { save: () => ({ do: 'reply', status: 200 }), lookup: () => Promise.resolve([]) },
    ...more,
  };
}

function claimed(c: RequestContext): Caller {
  const { user = '', host } = c.from.uri;
  return { user, domain: host };
}
