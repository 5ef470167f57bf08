import { byPreference, type Plan, Router, script, serial, type Target, type Uri } from 'tandem';

/** Who answers for whom, in this order. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  sales: ['alice', 'bob', 'carol'],
};
const OVERFLOW = 'operator';

/** A group rings one member after the other, each with all his phones, 15 s each; then the operator. */
export default script(({ auth, domains, location }) => {
  const app = new Router();

  /** The phones of each of them who is there, in order. */
  const plansFor = async (users: readonly string[], group: Uri): Promise<Plan[]> => {
    const phones = await Promise.all(users.map((user) => location.lookup({ ...group, user })));
    return phones.filter((targets: readonly Target[]) => targets.length > 0).map(byPreference);
  };

  app.register(auth.digest(), (c) => location.save(c));

  app.invite(auth.digestIfOurs(), async (c) => {
    if (!c.var.caller && !domains.openInbound) return c.reply(403, 'Strangers May Not Call Here');
    if (!domains.isLocal(c.uri.host)) return c.reply(403, 'Relay Forbidden');

    const user = c.uri.user ?? '';
    const members = Object.hasOwn(GROUPS, user) ? (GROUPS[user] ?? []) : undefined;
    const plans = await plansFor(members ?? [user], c.uri);
    const last = members === undefined ? [] : await plansFor([OVERFLOW], c.uri);
    if (plans.length + last.length === 0) return c.reply(480);

    return c.relay(serial(...plans, ...last), { ringMs: members === undefined ? 60_000 : 15_000 });
  });

  return app;
});
