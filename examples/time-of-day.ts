import { byPreference, Router, script } from 'tandem';

/** Our hours: Monday to Friday, from nine to five, as the clock on our wall shows it. */
const ZONE = 'Europe/Berlin';
const DAYS: readonly string[] = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri'];
const OPENS = 9;
const CLOSES = 17;
/** Who answers when we are closed. */
const NIGHT = 'nightdesk';

/** By day a call goes to whom it is for; at night, and at the weekend, to the night desk. */
export default script(({ auth, clock, domains, location }) => {
  const app = new Router();
  const wall = new Intl.DateTimeFormat('en-GB', {
    timeZone: ZONE,
    weekday: 'short',
    hour: 'numeric',
    hourCycle: 'h23',
  });

  const isOpen = (): boolean => {
    const parts = wall.formatToParts(clock.wall());
    const of = (type: string): string => parts.find((part) => part.type === type)?.value ?? '';
    const hour = Number(of('hour'));
    return DAYS.includes(of('weekday')) && hour >= OPENS && hour < CLOSES;
  };

  app.register(auth.digest(), (c) => location.save(c));

  app.invite(auth.digestIfOurs(), async (c) => {
    if (!domains.isLocal(c.uri.host)) return c.reply(403, 'Relay Forbidden');
    if (!c.var.caller && !domains.openInbound) return c.reply(403, 'Strangers May Not Call Here');

    const callee = isOpen() ? c.uri : { ...c.uri, user: NIGHT };
    const phones = await location.lookup(callee);
    return phones.length === 0
      ? c.reply(480, isOpen() ? undefined : 'Closed')
      : c.relay(byPreference(phones));
  });

  return app;
});
