import { byPreference, Router, script, serial, type Target } from 'tandem';

/**
 * Emergency calls come first: from our own network nobody is asked for a password, no limit holds, and as long as one
 * gateway answers the call goes through, also one that its probes have given up. `[numbers] emergency` has the numbers,
 * `[permissions] groups` the network `inside`, `[trunk] pools` the pool `emergency`.
 */
export default script(({ auth, domains, location, log, numbers, permissions, pools }) => {
  const app = new Router();
  const gateways = pools.get('emergency');
  const LAST_RESORT: Target = { uri: { scheme: 'sip', user: '112', host: '192.0.2.29', params: {} } };

  app.register(auth.digest(), (c) => location.save(c));

  app.invite(
    (c, next) => {
      if (!numbers.isEmergency(c.uri, c.from.uri.host)) return next();
      if (!permissions.isIn('inside', c) && !domains.isLocal(c.from.uri.host)) return next();
      log.warn('an emergency call', {
        call: c.callId,
        from: c.from.uri.user ?? '',
        number: c.uri.user ?? '',
      });
      c.req.headers.set('Priority', 'emergency'); // RFC 3261 §20.26
      // The next gateway whatever went wrong at this one, but for a refusal by the caller himself.
      return c.relay(serial(...gateways.pick(c), LAST_RESORT), {
        replyMs: 2_000,
        ringMs: 120_000,
        advanceOn: () => true,
      });
    },
    auth.digestIfOurs(),
    async (c) => {
      if (!domains.isLocal(c.uri.host)) return c.reply(403, 'Relay Forbidden');
      if (!c.var.caller && !domains.openInbound) return c.reply(403, 'Strangers May Not Call Here');
      const phones = await location.lookup(c.uri);
      return phones.length === 0 ? c.reply(480) : c.relay(byPreference(phones));
    },
  );

  return app;
});
