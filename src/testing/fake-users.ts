/** Callers, callees, limits and schedules for `fakes()`: the real ones, of an exchange that nobody provisioned. */
import { silentLogger } from '../base/silent-logger.ts';
import type { Clock } from '../base/world.ts';
import type { Services } from '../route/services.ts';
import { settingsSchema } from '../server/settings-schema.ts';
import { makeUserState, userServices } from '../server/user-services.ts';
import { NO_PARAMS } from '../sip/uri.ts';

/** What they stand on. */
type Others = Pick<Services, 'auth' | 'location' | 'numbers' | 'permissions' | 'subscribers' | 'domains'>;

/** See above. Who has an account says `subscribers`. */
export function fakeUserServices(
  clock: Clock,
  others: Others,
): Pick<Services, 'callers' | 'callees' | 'limits' | 'schedules'> {
  return userServices({
    state: makeUserState({ clock, log: silentLogger }, undefined),
    settings: settingsSchema.parse({}),
    isLocal: (host) => others.domains.isLocal(host),
    isAccount: (user, host) =>
      others.subscribers.find({ scheme: 'sip', user, host, params: NO_PARAMS }) !== undefined,
    isTrusted: () => false,
    others,
  });
}
