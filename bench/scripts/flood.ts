/** The registrar and proxy that is flooded: the bench's own phones are at 127.0.0.1, everybody else is a stranger. */
import { byPreference, type Middleware, Router, script } from '../../src/index.ts';

export default script(({ auth, location }) => {
  const app = new Router();
  const ours: Middleware = (c, next) => (c.source.remote.host === '127.0.0.1' ? location.save(c) : next());

  app.options((c) => c.reply(200));

  app.register(ours, auth.digest(), (c) => location.save(c));

  app.request(async (c) => {
    const phones = await location.lookup(c.uri);
    return phones.length === 0 ? c.reply(404) : c.relay(byPreference(phones), { recordRoute: true });
  });

  return app;
});
