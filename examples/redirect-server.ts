import { Router, script } from 'tandem';

/**
 * Tells callers where our users are, and takes no part in the call. Those of ours learn it once they have proved who
 * they are; strangers learn it only with `[sip] open_inbound = true`, for the answer shows where a phone is.
 */
export default script(({ auth, domains, location }) => {
  const app = new Router();

  app.register(auth.digest(), (c) => location.save(c));

  app.request(auth.digestIfOurs(), async (c) => {
    if (!domains.isLocal(c.uri.host)) return c.reply(404, 'Not Our Domain');
    if (!c.var.caller && !domains.openInbound) return c.reply(403, 'Strangers May Not Call Here');

    const phones = await location.lookup(c.uri);
    return phones.length === 0 ? c.reply(480) : c.redirect(...phones);
  });

  return app;
});
