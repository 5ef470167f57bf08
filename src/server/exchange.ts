/** World + settings + script + stores → a running exchange. The wiring, and nothing else. */
import { hash } from 'node:crypto';
import { Agent } from '../agent/agent.ts';
import type { AgentLimits } from '../agent/core.ts';
import { removeOwnAnswers } from '../auth/own-answers.ts';
import { parseNetwork } from '../base/network.ts';
import type { TlsIdentity, World } from '../base/world.ts';
import { RouteSigner } from '../proxy/route-signer.ts';
import { Dispatcher } from '../route/dispatcher.ts';
import { EventBus } from '../route/events.ts';
import { Generation, type GenerationParts, Generations } from '../route/generation.ts';
import { Router, type Script } from '../route/router.ts';
import type { HttpService } from '../route/services.ts';
import type { RouteMarks } from '../route/step.ts';
import { marksOfBoth, StepRecorder } from '../route/steps.ts';
import { deafObserver, observedServices } from '../route/steps-services.ts';
import { StrayFaults, type StraySource } from '../route/stray-faults.ts';
import { type LayerLimits, TransactionLayer } from '../transaction/layer.ts';
import type { Flow } from '../transport/flow.ts';
import { FlowTokens } from '../transport/flow-token.ts';
import { Locator } from '../transport/locate.ts';
import { ClosedNetworks, isLoopback } from '../transport/reach.ts';
import { Transports } from '../transport/transports.ts';
import type { CallRecords } from '../billing/call-records.ts';
import type { Location } from '../location/location.ts';
import type { Provisions } from '../subscriber/provisions.ts';
import type { Subscribers } from '../subscriber/subscribers.ts';
import { noRecords } from '../route/call-observer.ts';
import { CountingProxy } from '../trunk/counting-proxy.ts';
import type { PoolGeneration } from '../trunk/pools.ts';
import { tokenAdmission } from './auth-services.ts';
import type { BanKeeper } from './bans.ts';
import { callObserver } from './calls.ts';
import { withCallEvents } from './script-call-events.ts';
import { exchangeMetrics } from './metrics.ts';
import { Protection } from './protection.ts';
import type { PeerPlaces } from './registered-places.ts';
import { Registrations } from './registrations.ts';
import { makeServices } from './services.ts';
import { makeSharedServices, type SharedServices } from './services-shared.ts';
import type { Settings } from './settings.ts';

/** Connections of all peers together. */
const CONNECTIONS_MAX = 50_000;

/** What outlives a restart; the exchange is given it open. */
export interface Stores {
  readonly subscribers: Subscribers;
  /** What operators and users provision beside; nothing unless given. */
  readonly provisions?: Provisions | undefined;
  readonly location: Location;
  readonly calls: CallRecords;
  /** Who is shut out; a restart forgets that without. */
  readonly bans?: BanKeeper | undefined;
  /** Signs route sets and nonces; the same after a restart, so that calls go on. */
  readonly secrets: { readonly route: string; readonly nonce: string };
}

/** What an exchange is made of. */
export interface ExchangeParts {
  readonly world: World;
  readonly settings: Settings;
  readonly script: Script;
  readonly stores: Stores;
  /** Our certificates and whom we believe; needed by TLS and secure WebSocket listeners. */
  readonly tls?: TlsIdentity | undefined;
  /** Tells a watchdog which route runs. */
  readonly marks?: RouteMarks | undefined;
  /** Asked in place of our own client, where nothing may leave. */
  readonly http?: HttpService | undefined;
  /** Where errors of the script go that nobody waits for; what hears of them asks it. Its own unless given. */
  readonly strays?: StrayFaults | undefined;
  /** Whether it does nothing by itself: no server is probed, no phone kept alive, no database followed. */
  readonly answersOnly?: boolean;
}

/** A running exchange. */
export class Exchange {
  readonly transports: Transports;
  readonly layer: TransactionLayer;
  readonly dispatcher: Dispatcher;
  /** Calls and requests of our own. */
  readonly agent: Agent;
  /** What happens beside requests; scripts and rooms listen to it, rooms tell it. */
  readonly events: EventBus;
  /** What scripts use and what outlives them. */
  readonly shared: SharedServices;
  /** Who is heard, and who is shut out. */
  readonly protection: Protection;
  /** What scripts did for each request; undefined where `[script] steps` is off. */
  readonly steps: StepRecorder | undefined;
  /** Errors of the script that nobody waited for. */
  readonly strays: StrayFaults;
  /** Names the flows that only lead to who came by them. */
  readonly tokens: FlowTokens;
  /** What belongs to the registrar beside its bindings. */
  readonly registrations: Registrations;
  private readonly locator: Locator;
  private readonly parts: ExchangeParts;
  private readonly generations: Generations;
  private lastGeneration = 0;
  private stopped = false;
  private stopping = false;

  private constructor(parts: ExchangeParts) {
    const { world, settings, stores } = parts;
    this.parts = parts;
    this.strays = parts.strays ?? new StrayFaults(world.log);
    this.steps = makeSteps(parts, this.strays.told);
    this.strays.atHand = () => this.straySource();
    this.events = new EventBus(world);
    this.shared = makeSharedServices(world, settings, this.events, stores);
    this.locator = this.makeLocator();
    this.layer = new TransactionLayer(world, this.layerLimits());
    this.protection = new Protection({
      world,
      settings,
      events: this.events,
      branchPrefix: this.layer.branchPrefix,
      secret: stores.secrets.nonce,
      keeper: stores.bans,
      overloaded: (is) => this.refuseWhile(is),
    });
    this.transports = this.makeTransports();
    this.tokens = new FlowTokens(stores.secrets.route, world.random, this.transports);
    this.agent = new Agent({
      world,
      layer: this.layer,
      transports: this.transports,
      locator: this.locator,
      limits: agentLimits(settings),
      largeByTcp: settings.sip.large_requests === 'tcp',
    });
    const { events, transports, agent } = this;
    const { location } = stores;
    const peers = this.peerPlaces();
    this.registrations = new Registrations({ world, settings, location, transports, agent, events, peers });
    const recorded = settings.calls.records ? callObserver(stores.calls) : noRecords;
    const records = this.shared.authBackEnds.around(recorded);
    const told = withCallEvents(this.shared.pools.calls.around(records), this.events, world.clock);
    const calls = this.shared.users.calls.around(told);
    // Nothing is heard before `open` has started the script.
    const nothing = Generation.empty({ ...this.generationParts(0), make: () => new Router() });
    this.generations = new Generations(world.clock, nothing);
    this.dispatcher = new Dispatcher({
      world,
      layer: this.layer,
      proxy: this.makeProxy(),
      agent: this.agent,
      calls,
      generations: this.generations,
    });
    this.agent.core.local = this.dispatcher.local;
    this.agent.core.flowFailed = (callee) => this.registrations.flowFailed(callee);
    if (this.steps !== undefined) {
      this.dispatcher.onStep = this.steps.onStep;
      this.dispatcher.lines = this.steps.lines;
    }
    exchangeMetrics(this);
  }

  /** Listens on every address of the settings. Rejects with PORT_TAKEN when one cannot be had. */
  static async open(parts: ExchangeParts): Promise<Exchange> {
    const exchange = new Exchange(parts);
    try {
      await exchange.replaceScript(parts.script);
      await exchange.protection.remember(parts.stores.location, parts.world.clock);
      for (const at of parts.settings.sip.listen) await exchange.transports.listen(at);
      if (parts.answersOnly !== true) exchange.begin();
    } catch (error) {
      exchange.stop();
      throw error;
    }
    return exchange;
  }

  /**
   * Starts a script; from then on new requests go to it, and those begun under the one before keep that one. Rejects
   * with SCRIPT_INVALID when it does not start: then the one before stays.
   */
  async replaceScript(script: Script): Promise<void> {
    const number = ++this.lastGeneration;
    const pools = this.shared.pools.generation();
    const next = await this.startGeneration(number, script, pools);
    // One that began to load earlier and started later must not push a newer one out.
    if (this.stopped || number < this.generations.current.number) {
      pools.drop();
      return next.drop();
    }
    pools.commit();
    this.generations.replace(next);
  }

  /** Whether a request that we relayed still waits for its end. */
  get busy(): boolean {
    return this.layer.hasPending;
  }

  /** What went wrong in the script, whichever route it was. */
  get scriptErrors(): number {
    return this.dispatcher.counters.scriptErrors + this.events.faults + this.strays.count;
  }

  /** From now on what would begin something new is answered 503; what has begun goes on. */
  refuseNew(): void {
    this.stopping = true;
    this.dispatcher.draining = true;
    this.registrations.stop();
  }

  /** The same while more is asked of us than we can do. */
  private refuseWhile(overloaded: boolean): void {
    this.dispatcher.draining = overloaded || this.stopping;
    const what = overloaded ? 'more comes than can be done: new requests are refused' : 'overload is over';
    this.parts.world.log.warn(what);
  }

  /** Closes every socket and ends every timer, at once. */
  stop(): void {
    this.stopped = true;
    this.generations.stop();
    this.shared.pools.stop();
    this.registrations.stop();
    this.shared.users.calls.stop();
    this.shared.authBackEnds.stop();
    this.transports.close();
    this.layer.stop();
  }

  private straySource(): StraySource {
    const { file } = this.parts.settings.script;
    const run = this.steps?.atHand;
    if (run === undefined) return { file };
    const { router } = this.generations.current;
    return { file, call: run.callId, place: router.placeOf(run.method, run.route === 'in dialog') };
  }

  private async startGeneration(number: number, script: Script, pools: PoolGeneration): Promise<Generation> {
    try {
      const make = (): Router<never> => this.make(script, pools);
      return await Generation.start({ ...this.generationParts(number), make });
    } catch (error) {
      pools.drop();
      throw error;
    }
  }

  private layerLimits(): LayerLimits {
    const { sip, guard } = this.parts.settings;
    const transactionsMax = sip.max_transactions;
    if (!guard.enabled || guard.source_transactions_share === 100) return { transactionsMax };
    const sourceMax = Math.max(1, Math.floor((transactionsMax * guard.source_transactions_share) / 100));
    return { transactionsMax, sourceMax, isUnlimited: (source) => this.isNamed(source) };
  }

  /** Whether the settings or the script name a source as one of ours. */
  private isNamed(source: Flow): boolean {
    const { host } = source.remote;
    const { guard, trusted } = this.protection;
    return guard?.isExempt(host) === true || trusted.hasSent(source) || this.shared.pools.hasServer(host);
  }

  private makeTransports(): Transports {
    const { world, settings } = this.parts;
    return new Transports(
      world,
      {
        advertise: settings.sip.advertise,
        domains: settings.sip.domains,
        limits: {
          connectionsPerSource: settings.sip.connections_per_source,
          connectionsMax: CONNECTIONS_MAX,
          setupMs: settings.sip.handshake_timeout_ms,
          messageMs: settings.sip.header_timeout_ms,
          idleMs: settings.sip.idle_timeout_ms,
        },
        tls: this.parts.tls,
        origins: settings.sip.websocket_origins,
        admit: tokenAdmission({ ...this.parts, protection: this.protection, shared: this.shared }),
        proxyProtocolFrom: settings.sip.proxy_protocol_from,
      },
      this.protection.before((text, flow) => this.dispatcher.receive(text, flow)),
    );
  }

  private makeLocator(): Locator {
    const { world, settings } = this.parts;
    const { net, clock, random, log } = world;
    const closed = new ClosedNetworks(
      settings.guard.closed_networks.flatMap((text) => parseNetwork(text) ?? []),
    );
    return new Locator({
      // Who is on this machine himself means the same by its loopback as we do.
      isClosed: (host, ledBy, isChosen) =>
        closed.has(host) ||
        (ledBy !== undefined && this.transports.isAmbiguous(host) && !isLoopback(ledBy)) ||
        (isChosen && this.shared.pools.hasServer(host)),
      net,
      clock,
      random,
      log,
      speaks: (transport, isIPv6) => this.transports.speaks(transport, isIPv6),
      deadMs: settings.sip.dead_target_seconds * 1000,
      naptr: settings.dns.naptr,
    });
  }

  private peerPlaces(): PeerPlaces {
    const { trusted } = this.protection;
    const { pools } = this.shared;
    return {
      isPeer: (host) => trusted.has(host) || pools.hasServer(host),
      hasSent: (source) => trusted.hasSent(source) || pools.hasServer(source.remote.host),
      pathCounts: this.parts.settings.registrar.path !== 'off',
    };
  }

  private makeProxy(): CountingProxy {
    const { world, stores, settings } = this.parts;
    const { layer, transports, locator, tokens } = this;
    const signer = new RouteSigner(stores.secrets.route);
    const proxy = new CountingProxy(
      {
        world,
        layer,
        transports,
        locator,
        signer,
        tokens,
        nat: settings.sip.nat === 'auto',
        largeByTcp: settings.sip.large_requests === 'tcp',
      },
      this.shared.pools.calls,
    );
    proxy.onBranchEnd = this.steps?.branchEnded;
    proxy.phones = this.registrations;
    proxy.keepBack = (headers) => removeOwnAnswers(headers, this.shared.nonces);
    return proxy;
  }

  /** What it does by itself. */
  private begin(): void {
    const { world, settings } = this.parts;
    this.registrations.start();
    // What listens nowhere, as a script on trial, has no calls to tell of.
    if (settings.sip.listen.length > 0) this.shared.authBackEnds.start();
    this.shared.pools.startProbes({
      world,
      layer: this.layer,
      hops: (uri) => this.locator.candidates(uri),
      flowTo: (hop) => this.transports.flowTo(hop),
      local: this.dispatcher.local,
    });
  }

  private generationParts(number: number): Omit<GenerationParts, 'make'> {
    const { world, marks } = this.parts;
    const { steps, events } = this;
    const both = steps !== undefined && marks !== undefined ? marksOfBoth(marks, steps) : (marks ?? steps);
    const threw = (): void => void this.dispatcher.counters.scriptErrors++;
    return { number, world, events, marks: both, threw };
  }

  private make(script: Script, pools: PoolGeneration): Router<never> {
    const { world, settings, stores } = this.parts;
    const { transports, protection, shared, agent, registrations } = this;
    const services = makeServices({
      world,
      settings,
      stores,
      transports,
      protection,
      shared,
      pools,
      agent,
      registrations,
    });
    const all = { ...services, http: this.parts.http ?? services.http };
    return script(this.steps?.observe(all) ?? observedServices(all, deafObserver(this.strays.told)));
  }
}

function makeSteps(
  { world, settings, stores }: ExchangeParts,
  told: (error: unknown) => void,
): StepRecorder | undefined {
  if (!settings.script.steps) return undefined;
  const key = hash('sha256', `steps ${stores.secrets.nonce}`, 'buffer');
  return new StepRecorder({ clock: world.clock, key, told });
}

function agentLimits({ agent }: Settings): AgentLimits {
  const { max_dialogs: dialogsMax, session_seconds, min_session_seconds } = agent;
  return {
    dialogsMax,
    sessionTimer: { expiresSeconds: session_seconds, minSeconds: min_session_seconds },
  };
}
