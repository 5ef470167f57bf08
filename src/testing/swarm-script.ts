/**
 * The routing script of random towns. What the user part says is what is done:
 *
 *   alice                the phones of Alice, by preference
 *   +4930…               the carriers of a pool, one after the other, with a failure route
 *   team.alice.bob.carol  Alice and Bob together, then Carol
 *   turns.alice.bob      Alice with a short ring time, then by the failure route Bob
 *   legs.alice.bob       a call of two legs: Alice, then Bob
 *   slow.alice           a carrier is asked first, which may take for ever
 *   moved.alice          a redirection to Alice
 *   oops                 the route throws
 */
import type { Millis } from '../base/world.ts';
import { byPreference, parallel, type Plan, serial, type Target } from '../proxy/plan.ts';
import type { RequestContext } from '../route/context.ts';
import type { RequestDecision } from '../route/decision.ts';
import { Router, type Script, script } from '../route/router.ts';
import type { Caller, PickName, Pool, Services } from '../route/services.ts';
import type { Uri } from '../sip/uri.ts';
import { domainOf } from './swarm-plan.ts';

/** What differs between two generations of the script. */
export interface SwarmScriptOptions {
  readonly carriers: readonly string[];
  readonly pick: PickName;
  readonly ringMs: Millis;
}

/** What a route throws on purpose says so in the log. */
export const THROWN = 'thrown on purpose';
/** A call whose end nobody saw gives its channel back after so long. */
export const POOL_CALL_MS = 120_000;
/** Calls of two legs are ended after so long. */
export const LEGS_TALK_MS = 150_000;

type Called = RequestContext<{ caller: Caller | undefined }>;

/** See above. */
export function swarmScript(options: SwarmScriptOptions): Script {
  return script((services) => {
    const { auth, location } = services;
    const app = new Router();
    const routes = new SwarmRoutes(services, options);
    let ticks = 0;
    app.timer(7_000, () => void ticks++);
    app.event('call.ended', () => void ticks++);
    app.register(auth.digest(), (c) => location.save(c));
    app.options((c) => (c.uri.user === undefined ? c.reply(200) : c.reply(404)));
    app.inDialog(auth.identity(), (c) => c.follow());
    app.invite(auth.digestIfOurs(), auth.identity(), (c) => routes.route(c));
    app.request(auth.digestIfOurs(), auth.identity(), (c) => routes.route(c));
    return app;
  });
}

class SwarmRoutes {
  private readonly services: Services;
  private readonly options: SwarmScriptOptions;
  private readonly carriers: Pool;

  constructor(services: Services, options: SwarmScriptOptions) {
    this.services = services;
    this.options = options;
    this.carriers = services.pools.open('carriers', {
      servers: options.carriers.map((host) => `sip:${host}`),
      pick: options.pick,
      probe: { everyMs: 10_000 },
      callMs: POOL_CALL_MS,
    });
  }

  async route(c: Called): Promise<RequestDecision> {
    const { domains } = this.services;
    const { caller } = c.var;
    if (!domains.isLocal(c.uri.host)) return caller ? c.relay() : c.reply(403, 'Relay Forbidden');
    if (!caller && !domains.openInbound) return c.reply(403, 'Strangers May Not Call Here');
    const [kind = '', ...users] = (c.uri.user ?? '').split('.');
    if (kind.startsWith('+')) return this.toCarrier(c);
    if (kind === 'oops') throw new Error(THROWN);
    if (kind === 'moved') return c.redirect(aorOf(users[0] ?? ''));
    if (users.length === 0) return this.toPhones(c, await this.phonesOf(kind));
    const groups = await Promise.all(users.map((user) => this.phonesOf(user)));
    if (kind === 'slow') await this.ping(c);
    if (kind === 'legs' && c.method === 'INVITE') return this.toLegs(c, groups.flat());
    return kind === 'turns' ? this.inTurns(c, groups) : this.together(c, groups);
  }

  private phonesOf(user: string): Promise<readonly Target[]> {
    return this.services.location.lookup(aorOf(user));
  }

  private async ping(c: Called): Promise<void> {
    const [host = ''] = this.options.carriers;
    const uri = { scheme: 'sip', host, params: {} } as const;
    await this.services.agent.ask({ method: 'OPTIONS', uri, from: `<sip:${c.uri.host}>` });
  }

  private toCarrier(c: Called): RequestDecision {
    const { carriers } = this;
    if (!c.var.caller) return c.reply(403, 'Not For Strangers');
    const servers = carriers.pick(c, 3);
    if (servers.length === 0) return c.reply(503, 'All Carriers Down');
    return c.relay(serial(...servers), {
      replyMs: 2_000,
      ringMs: this.options.ringMs,
      onReply: (r) => {
        if (r.status === 503) carriers.markDown(r.target);
        return r.pass();
      },
      onFailure: (f) => (f.status >= 500 ? f.reply(503, 'All Carriers Busy') : f.pass()),
    });
  }

  private toPhones(c: Called, phones: readonly Target[]): RequestDecision {
    return phones.length === 0
      ? c.reply(480)
      : c.relay(byPreference(phones), { ringMs: this.options.ringMs });
  }

  /** The last of them is asked when nobody of the others answers. */
  private together(c: Called, groups: readonly (readonly Target[])[]): RequestDecision {
    const plans = groups.filter((group) => group.length > 0).map((group): Plan => parallel(...group));
    const last = plans.pop();
    if (last === undefined) return c.reply(480);
    return c.relay(plans.length === 0 ? last : serial(parallel(...plans), last), {
      ringMs: this.options.ringMs,
      recurse: 3,
      mayRecurse: ({ host }) => this.services.domains.isLocal(host),
    });
  }

  private inTurns(c: Called, [first = [], ...others]: readonly (readonly Target[])[]): RequestDecision {
    const next = others.flat();
    if (first.length === 0) return this.toPhones(c, next);
    return c.relay(parallel(...first), {
      ringMs: 3_000,
      onFailure: (f) =>
        next.length > 0 && (f.timedOut || f.status === 486) ? f.relay(parallel(...next)) : f.pass(),
    });
  }

  private toLegs(c: Called, phones: readonly Target[]): RequestDecision {
    if (phones.length === 0) return c.reply(480);
    const { b2b, clock } = this.services;
    const headers = { 'X-Begun': String(clock.now()) };
    const app = b2b.to({ serial: phones }, { ringMs: this.options.ringMs, talkMsMax: LEGS_TALK_MS, headers });
    return c.answer(app);
  }
}

/** Everybody lives in one domain by his name. */
function aorOf(user: string): Uri {
  return { scheme: 'sip', user, host: domainOf(user), params: {} };
}
