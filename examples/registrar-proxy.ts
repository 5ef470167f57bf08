import { byPreference, Router, script } from 'tandem';

/**
 * A registrar and a proxy for our own domains; this is what runs when no other script is named.
 * Who claims one of our addresses must prove it. Strangers reach our users only with `[sip] open_inbound = true`,
 * and nobody but our users reaches anyone else through us.
 */
export default script(({ auth, domains, location }) => {
  const app = new Router();

  app.register(auth.digest(), (c) => location.save(c));

  // A ping of the exchange itself, as phones and monitors send it.
  app.options((c) => (c.uri.user === undefined && domains.isLocal(c.uri.host) ? c.reply(200) : c.reply(404)));

  app.inDialog(auth.identity(), (c) => c.follow());

  app.request(auth.digestIfOurs(), auth.identity(), async (c) => {
    const { caller } = c.var;
    if (!domains.isLocal(c.uri.host)) return caller ? c.relay() : c.reply(403, 'Relay Forbidden');
    if (!caller && !domains.openInbound) return c.reply(403, 'Strangers May Not Call Here');

    const phones = await location.lookup(c.uri);
    return phones.length === 0 ? c.reply(480) : c.relay(byPreference(phones));
  });

  return app;
});
