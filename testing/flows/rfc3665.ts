/** The towns of RFC 3665 §3: two proxies in one world, and who calls through them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RequestDecision, type RequestContext, Router, type Script, script } from '../../src/index.ts';
import { ladder } from '../../src/testing/ladder.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { type SimWorld, simWorld } from '../../src/testing/sim-world.ts';
import { type Town, town } from '../../src/testing/town.ts';
import { compare, HOSTS } from './flow.ts';

/** The domains of the RFC, each with its proxy, and who is called. */
export const ATLANTA = { domain: 'atlanta.example.com', address: '192.0.2.1' };
export const BILOXI = { domain: 'biloxi.example.com', address: '192.0.2.2' };
export const BOB = `sip:bob@${BILOXI.domain}`;
/** What opens her account at either proxy. */
export const ALICES_PASSWORD = 'secret of alice';

/** Who is on the way, and what happens. */
interface TwoProxies {
  /** What the first proxy does, and the second. */
  readonly one: Script;
  readonly two: Script;
  /** The domain of the second proxy, if it is not the callee's. */
  readonly domainOfTwo?: string;
  readonly play: (world: SimWorld, atlanta: Town, biloxi: Town) => Promise<void>;
}

/**
 * A test: Alice lives with the first proxy, Bob with the second, where he has registered before the ladder begins.
 * Both proxies must be empty afterwards.
 */
export function throughTwoProxies(file: string, title: string, parts: TwoProxies): void {
  test(title, async () => {
    const world = simWorld(1);
    world.names.address(ATLANTA.domain, ATLANTA.address);
    world.names.address(BILOXI.domain, BILOXI.address);
    const atlanta = await town(parts.one, {
      ...ATLANTA,
      world,
      people: { alice: { host: HOSTS.alice } },
    });
    const biloxi = await town(parts.two, {
      ...BILOXI,
      domain: parts.domainOfTwo ?? BILOXI.domain,
      world,
      people: { bob: { host: HOSTS.bob } },
      accounts: { alice: ALICES_PASSWORD },
      settings: { sip: { open_inbound: true } },
    });
    assert.equal(await biloxi.phone('bob').register(), 200);
    const before = world.network.trace.entries.length;

    await parts.play(world, atlanta, biloxi);

    await assertQuiet(atlanta);
    await assertQuiet(biloxi);
    atlanta.stop();
    biloxi.stop();
    const names = {
      [HOSTS.alice]: 'alice',
      [ATLANTA.address]: 'proxy 1',
      [BILOXI.address]: 'proxy 2',
      [HOSTS.bob]: 'bob',
    };
    compare(file, `${title}\n\n${ladder(world.network.trace.entries.slice(before), names)}`);
  });
}

/** A proxy that believes everybody, and knows who is registered. */
export function proxy(route: (c: RequestContext) => RequestDecision | Promise<RequestDecision>): Script {
  return script(({ location }) => {
    const app = new Router();
    app.register((c) => location.save(c));
    app.request(route);
    return app;
  });
}
