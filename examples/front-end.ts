import { type Pool, type RequestContext, Router, script, serial } from 'tandem';

/**
 * Stands in front of the servers of a provider and separates their work: registrations and subscriptions to the
 * registrars, always the same one for a user; calls to the call servers. What comes from those servers goes out.
 * `[trunk] pools` names `registrars` and `calls`, `[permissions] groups` names `core`, the addresses of all of them.
 */
export default script(({ permissions, pools }) => {
  const app = new Router();
  const registrars = pools.get('registrars');
  const calls = pools.get('calls');

  const toOneOf = (pool: Pool, c: RequestContext) => {
    const servers = pool.pick(c, 3);
    if (servers.length === 0) return c.reply(503, undefined, { 'Retry-After': '10' });
    return c.relay(serial(...servers), {
      replyMs: 2_000,
      advanceOn: (end) => end.timedOut || end.status === 503,
    });
  };

  app.register((c) => {
    // Calls to the phone come back this way, along the connection that it keeps open: RFC 3327.
    c.req.headers.set('Path', `<sip:${c.source.sentBy};lr>`);
    return toOneOf(registrars, c);
  });
  app.subscribe((c) => (permissions.isIn('core', c) ? c.relay() : toOneOf(registrars, c)));
  app.publish((c) => toOneOf(registrars, c));

  app.request((c) => (permissions.isIn('core', c) ? c.relay() : toOneOf(calls, c)));
  app.options((c) => c.reply(registrars.up > 0 && calls.up > 0 ? 200 : 503));

  return app;
});
