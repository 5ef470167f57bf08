import { type Caller, Router, script, serial, type Uri } from 'tandem';

/** Ranges that fraud likes best; nobody of ours needs them. */
const PREMIUM: readonly string[] = ['+88', '+979', '+4990', '+2637', '+2244'];
const HOME = '+49';
/** Calls abroad of one user in an hour; one more locks him out of calls abroad. */
const ABROAD_AN_HOUR = 10;
const HOUR_MS = 3_600_000;
const USERS_MAX = 100_000;

/**
 * A stolen password dials expensive numbers all night. Here it may not: no premium ranges, calls abroad only for users
 * whose preference `abroad` is set, and so many an hour; who tries more is locked (`fraud`) until an operator looks.
 */
export default script(({ auth, clock, log, metrics, numbers, pools, preferences }) => {
  const app = new Router();
  const carriers = pools.get('carriers');
  const refused = metrics.counter('fraud_refused_total', 'Calls that the fraud rules refused.');
  const abroad = new Map<string, { since: number; calls: number }>();

  /** Whether this call abroad is one too many. */
  const isTooMany = ({ user, domain }: Caller): boolean => {
    const name = `${user}@${domain}`;
    const now = clock.now();
    let seen = abroad.get(name);
    if (seen === undefined || now - seen.since >= HOUR_MS) {
      abroad.delete(name);
      if (abroad.size >= USERS_MAX) abroad.delete(abroad.keys().next().value ?? ''); // The one longest here.
      abroad.set(name, (seen = { since: now, calls: 0 }));
    }
    return ++seen.calls > ABROAD_AN_HOUR;
  };

  /** Why a call may not be; undefined when it may. */
  const objection = (number: string, caller: Caller, aor: Uri): string | undefined => {
    if (preferences.isSet(aor, 'fraud')) return 'Locked';
    if (PREMIUM.some((prefix) => number.startsWith(prefix))) return 'Number Not Allowed';
    if (number.startsWith(HOME)) return undefined;
    if (!preferences.isSet(aor, 'abroad')) return 'Calls Abroad Not Allowed';
    if (!isTooMany(caller)) return undefined;
    preferences.set(aor, 'fraud', '1');
    log.warn('too many calls abroad: the user is locked', { user: `${caller.user}@${caller.domain}` });
    return 'Locked';
  };

  app.invite(auth.digest(), (c) => {
    const { caller } = c.var;
    const number = numbers.e164(c.uri, caller.domain);
    if (number === undefined) return c.reply(484);

    const why = objection(number, caller, c.from.uri);
    if (why !== undefined) {
      refused.add();
      return c.reply(403, why);
    }
    c.uri = { ...c.uri, user: number };
    const servers = carriers.pick(c, 2);
    return servers.length === 0 ? c.reply(503) : c.relay(serial(...servers), { replyMs: 4_000 });
  });

  return app;
});
