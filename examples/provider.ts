import { type Caller, type Plan, type Ringing, Router, script, serial, type Uri } from 'tandem';

/** Peers of the address group `carriers` and pool `carriers` bring calls to our numbers, and take those to others'. */
const CARRIERS = 'carriers';

/**
 * A provider with tenants, numbers and carriers. Who calls: somebody with a password, a PBX by its address, a carrier.
 * What he may: his rights, his lists, his limit, his own numbers in From. Who is called: as he wishes (forwarding, do
 * not disturb, groups, find-me). Domains may have hours: preference `closed_to` says who answers outside `office`.
 */
export default script((services) => {
  const { auth, callees, callers, clock, domains, limits, location, log } = services;
  const { numbers, permissions, pools, preferences, schedules } = services;
  const app = new Router();
  const carriers = pools.get(CARRIERS);

  /** By a carrier, as a number of the world; emergency numbers as they were dialled. */
  const outward = (c: Ringing, to: Uri, payer: Caller): Plan | undefined => {
    const isEmergency = numbers.isEmergency(to, payer.domain);
    const user = isEmergency ? to.user : numbers.e164(to, payer.domain);
    const { callId, from, source } = c;
    const servers =
      user === undefined ? [] : carriers.pick({ callId, from, source, uri: { ...to, user } }, 3);
    return servers.length === 0 ? undefined : serial(...servers);
  };

  /** Who answers for a tenant that is closed now; undefined while it is open. */
  const nightDesk = (tenant: string): Uri | undefined => {
    const host: Uri = { scheme: 'sip', host: tenant, params: {} };
    const user = preferences.get(host, 'closed_to');
    return user === undefined || schedules.isOpen('office', tenant) ? undefined : { ...host, user };
  };

  app.register(auth.digest(), (c) => location.save(c));

  app.inDialog(auth.identity(), (c) => c.follow());

  app.invite(callers.known(), auth.identity(), callers.present(), async (c) => {
    const { caller } = c.var;
    const isCarrier = permissions.groupOf(c) === CARRIERS;
    if (!caller && !isCarrier && !domains.openInbound) return c.reply(403, 'Strangers May Not Call Here');

    if (caller) c.uri = callers.meant(caller, c.uri);
    const why = caller && (callers.objection(caller, c.uri) ?? limits.count(c, caller));
    if (why) return c.reply(why.status, why.reason);

    const dialled = callees.find(c.uri, caller?.domain);
    const desk = dialled && !caller ? nightDesk(dialled.domain) : undefined;
    const callee = desk ? callees.find(desk) : dialled;
    if (callee) return callees.ring(c, callee, { away: (to, payer) => outward(c, to, payer) });

    const plan = caller && outward(c, c.uri, caller);
    if (!plan) return c.reply(404);
    if (callers.isIn('recorded', caller))
      log.info('a call to be recorded', { at: clock.wall(), call: c.callId });
    return c.relay(plan, { replyMs: 4_000 });
  });

  app.message(callers.known(), async (c) => {
    const callee = c.var.caller && callees.find(c.uri, c.var.caller.domain);
    return callee ? callees.ring(c, callee) : c.reply(404);
  });

  return app;
});
