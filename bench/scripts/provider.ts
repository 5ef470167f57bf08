/**
 * What a provider does to a call beside relaying it: who may come in, whose name counts, which number was meant,
 * whether the callee wants to be disturbed, header fields of his own, eyes on every reply, and on failures. No
 * passwords: a challenge is another transaction, which `regauth` measures.
 */
import { byPreference, type Middleware, Router, script } from '../../src/index.ts';

const NETWORKS: readonly string[] = ['127.', '192.0.2.'];
const BLOCKED: readonly string[] = ['900', '118'];

export default script(({ auth, domains, location, log, metrics, numbers, preferences }) => {
  const app = new Router();
  const busy = metrics.counter('bench_busy_total', 'Callees that were busy.');

  const ours: Middleware = (c, next) => {
    const { host } = c.source.remote;
    return NETWORKS.some((network) => host.startsWith(network)) ? next() : c.reply(403);
  };

  app.options((c) => c.reply(200));

  app.register(ours, (c) => location.save(c));

  app.inDialog(auth.identity(), (c) => c.follow());

  app.invite(ours, auth.identity(), async (c) => {
    const { user = '', host } = c.uri;
    if (!domains.isLocal(host) || BLOCKED.some((prefix) => user.startsWith(prefix))) return c.reply(403);
    if (numbers.isEmergency(c.uri, host) || preferences.isSet(c.uri, 'barred')) return c.reply(403);
    const phones = await location.lookup(c.uri);
    if (phones.length === 0) return c.reply(480);
    c.req.headers.set('X-Account', `trunk ${c.source.remote.host}`);
    c.req.headers.remove('X-Internal');
    return c.relay(byPreference(phones), {
      ringMs: 30_000,
      onBranch: (b) => {
        b.req.headers.set('X-Branch', `${b.index}`);
        return b.send();
      },
      onReply: (r) => r.pass(),
      onFailure: (f) => {
        if (f.status === 486) busy.add();
        else log.warn('a call fails', { status: f.status });
        return f.pass();
      },
    });
  });

  return app;
});
