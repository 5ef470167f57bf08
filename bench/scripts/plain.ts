/** The bench's registrar and proxy without passwords: the same decisions as bench/peers/kamailio.cfg. */
import { byPreference, Router, script } from '../../src/index.ts';

export default script(({ location }) => {
  const app = new Router();

  app.options((c) => c.reply(200));

  app.register((c) => location.save(c));

  app.request(async (c) => {
    const phones = await location.lookup(c.uri);
    if (phones.length === 0) return c.reply(404);
    return c.relay(byPreference(phones), { recordRoute: true });
  });

  return app;
});
