import { Router, script, serial } from 'tandem';

/**
 * Spreads calls over media servers: the one with the most free channels first, the next one when it is silent or
 * fails, 503 when none is left. Servers that stop answering get no calls until they answer again.
 */
export default script(({ pools }) => {
  const app = new Router();

  const media = pools.open('media', {
    servers: [
      { uri: 'sip:192.0.2.21:5060', resources: { calls: 100 } },
      { uri: 'sip:192.0.2.22:5060', resources: { calls: 100 } },
      { uri: 'sip:192.0.2.23:5060', resources: { calls: 50 } },
    ],
    pick: 'most-free',
    probe: { everyMs: 2_000, downAfter: 2, upAfter: 2 },
  });

  app.invite((c) => {
    const servers = media.pick(c, 3);
    if (servers.length === 0) return c.reply(503, 'No Media Server', { 'Retry-After': '10' });
    return c.relay(serial(...servers), {
      replyMs: 2_000,
      onReply: (r) => {
        if (r.status === 503) media.markDown(r.target);
        return r.pass();
      },
      onFailure: (f) =>
        f.timedOut || f.status >= 500 ? f.reply(503, 'Overloaded', { 'Retry-After': '10' }) : f.pass(),
    });
  });

  // Whoever stands in front of us asks us the same.
  app.options((c) => c.reply(media.up > 0 ? 200 : 503));

  return app;
});
