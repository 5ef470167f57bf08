/** As plain.ts, but a call is made of two: the exchange is an end of both. */
import { byPreference, Router, script } from '../../src/index.ts';

export default script(({ b2b, location }) => {
  const app = new Router();

  app.options((c) => c.reply(200));

  app.register((c) => location.save(c));

  app.invite(async (c) => {
    const phones = await location.lookup(c.uri);
    return phones.length === 0 ? c.reply(404) : c.answer(b2b.to(byPreference(phones)));
  });

  return app;
});
