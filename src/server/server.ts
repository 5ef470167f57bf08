/** The real World, the real stores, and an exchange on them; what `tandem start` runs. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { readUnfinishedCalls } from '../billing/call-list.ts';
import { NODES_MAX } from '../billing/call-number.ts';
import { CallRecords } from '../billing/call-records.ts';
import { assert } from '../base/assert.ts';
import { silentLogger } from '../base/silent-logger.ts';
import type { TlsIdentity, World } from '../base/world.ts';
import { Location } from '../location/location.ts';
import type { EventBus } from '../route/events.ts';
import { StrayFaults } from '../route/stray-faults.ts';
import { openDatabase, openWriter } from '../store/database.ts';
import { watchedTables, type WatchedTable } from '../store/change-triggers.ts';
import { type DatabasePlace, placeName } from '../store/database-place.ts';
import { nodeNumber } from '../store/node-number.ts';
import { readRows } from '../store/read-rows.ts';
import { type Database, readSubscribers, secret } from '../store/sqlite.ts';
import type { DurableWriter, Writer } from '../store/writer.ts';
import type { Provisions } from '../subscriber/provisions.ts';
import { Subscribers } from '../subscriber/subscribers.ts';
import { logLines } from '../world/log-lines.ts';
import type { NameSettings } from '../world/names.ts';
import { nodeWorld } from '../world/node-world.ts';
import { banCommands } from './bans-commands.ts';
import { ControlServer } from './control.ts';
import { accountCommands } from './control-accounts.ts';
import { type Claim, claimForExchange } from './control-claim.ts';
import type { DatabaseDocument, StatusDocument } from './control-documents.ts';
import { controlSocketPath } from './control-lines.ts';
import { limitCommands } from './control-limits.ts';
import { poolCommands } from './control-pools.ts';
import { provisionCommands } from './control-provisions.ts';
import { registrationCommands } from './control-registrations.ts';
import { trafficStatus } from './control-status.ts';
import { stepCommands } from './control-steps.ts';
import { databaseOf } from './database-settings.ts';
import { Exchange, type Stores } from './exchange.ts';
import { KeptBans } from './kept-bans.ts';
import { MetricsServer } from './metrics-server.ts';
import { nodeName } from './node-name.ts';
import { ChangeFollower, readProvisions, subscriberFollower } from './provisions-store.ts';
import { loadChecked, reloadProblems } from './script-check.ts';
import { ScriptTrials } from './script-dry-start.ts';
import { type LoadedScript, ScriptLoader, type ScriptSources } from './script-loader.ts';
import { ScriptWatchdog } from './script-watchdog.ts';
import type { Settings } from './settings.ts';
import { type SettingsNews, settingsNews } from './settings-changed.ts';
import { locationSettings } from './settings-registrar.ts';
import { productVersion } from './settings-version.ts';
import { readTlsIdentity } from './tls-identity.ts';
import { onUncaughtError } from './uncaught-errors.ts';
import { WarmUp } from './warm-up.ts';

/** Bindings of all subscribers together. */
const BINDINGS_MAX = 4_000_000;
/** Calls that are being set up may take so long to end when we stop. */
const DRAIN_MS = 4_000;
const DRAIN_STEP_MS = 50;
const SECRET_BYTES = 24;
/** That of the script we start with. */
const FIRST_GENERATION = 1;

/** A running exchange, for whoever started it. */
export interface RunningServer {
  readonly version: string;
  /** `udp:192.0.2.1:5060`, as they are bound. */
  readonly listeners: readonly string[];
  readonly dataFolder: string;
  /** Lets calls that are being set up end, then closes everything. */
  stop(): Promise<void>;
  /**
   * Reads certificates and script again; when that fails the one that runs stays. Answers with its generation. The
   * script is checked before, unless whoever asks has done so with these files: when they have changed since, it
   * rejects with ScriptChanged.
   */
  reload(checked?: ScriptSources): Promise<number>;
  /** What a restart would bring of the settings. */
  readonly settingsNews: SettingsNews;
  /** What happens beside requests: calls that end, contacts that come and go. */
  readonly events: EventBus;
  /** The files the script that runs was read from. */
  readonly scriptFiles: readonly string[];
}

/**
 * Rejects with PORT_TAKEN, CONFLICT, DATA_FOLDER or SCRIPT_INVALID; nothing is left open then. `readAgain`: the
 * settings that another start would have.
 */
export async function startServer(
  settings: Settings,
  readAgain: () => Settings = () => settings,
): Promise<RunningServer> {
  const { clock } = nodeWorld({ log: silentLogger, udp: 'dgram' });
  const claim = await claimForExchange(settings.data.folder, clock);
  const server = new Server(settings, readAgain, claim);
  try {
    await server.start();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

class Server implements RunningServer {
  readonly version = productVersion();
  private readonly settings: Settings;
  private readonly readAgain: () => Settings;
  private readonly claim: Claim;
  private readonly world: World;
  private exchange: Exchange | undefined = undefined;
  private writer: DurableWriter | undefined = undefined;
  private stores: RestoredStores | undefined = undefined;
  private control: ControlServer | undefined = undefined;
  private follower: ChangeFollower | undefined = undefined;
  private metrics: MetricsServer | undefined = undefined;
  private bans: KeptBans | undefined = undefined;
  private readonly loader: ScriptLoader;
  private readonly trials: ScriptTrials;
  private watchdog: ScriptWatchdog | undefined = undefined;
  private loaded: LoadedScript | undefined = undefined;
  /** Reloads come one after the other, in the order they were asked for. */
  private reloading: Promise<unknown> = Promise.resolve();
  /** The one that waits for its turn. */
  private nextReload: Promise<number> | undefined = undefined;
  private readonly strays: StrayFaults;
  /** Ends that errors of the script which nobody caught are heard. */
  private readonly deafen: () => void;
  private readonly warmUp: WarmUp;
  private readonly startedAt: string;

  constructor(settings: Settings, readAgain: () => Settings, claim: Claim) {
    this.settings = settings;
    this.readAgain = readAgain;
    this.claim = claim;
    const { level, format } = settings.log;
    const log = logLines({ level, ...(format === 'auto' ? {} : { form: format }) });
    const { udp, gso, pacing } = settings.sip;
    this.world = nodeWorld({ log, udp, gso, pacing, names: nameSettings(settings) });
    this.strays = new StrayFaults(log);
    this.deafen = onUncaughtError((error) => this.strays.takes(error));
    this.warmUp = new WarmUp(this.world);
    this.loader = new ScriptLoader(this.world.clock);
    this.trials = new ScriptTrials(this.world.clock);
    this.startedAt = new Date(this.world.clock.wall()).toISOString();
  }

  get listeners(): readonly string[] {
    return (this.exchange?.transports.listeners ?? []).map(
      ({ transport, local }) => `${transport}:${local.key}`,
    );
  }

  get dataFolder(): string {
    return this.settings.data.folder;
  }

  async start(): Promise<void> {
    const { settings, world } = this;
    this.watchdog = this.watch();
    this.watchdog?.enter('startup', FIRST_GENERATION);
    this.loaded = await this.loader.load(settings.script.file);
    this.watchdog?.leave();
    const { script } = this.loaded;
    const place = databaseOf(settings);
    const db = await openDatabase(place);
    this.follower = await this.hearOfChanges(place);
    const limits = { commitMs: settings.data.commit_ms };
    this.writer = openWriter(place, { clock: world.clock, log: world.log, limits });
    try {
      const node = await this.nodeNumber(db);
      this.stores = await restoreStores(db, this.writer, world, settings, { ...AT_START, node });
    } finally {
      await db.destroy();
    }
    const tls = this.readTls();
    this.bans = await KeptBans.open({
      file: join(settings.data.folder, 'bans.json'),
      clock: world.clock,
      log: world.log,
    });
    const stores = { ...this.stores, bans: this.bans };
    const { watchdog: marks, strays } = this;
    this.exchange = await Exchange.open({ world, settings, script, stores, tls, marks, strays });
    const { provisions } = stores;
    await this.follower.follow([subscriberFollower(stores.subscribers), ...provisions.followers]);
    this.control = new ControlServer(controlSocketPath(settings.data.folder), {
      ...accountCommands(stores.subscribers, provisions),
      ...provisionCommands(provisions),
      ...registrationCommands(this.stores.location, world.clock),
      ...banCommands(this.exchange.protection.bans),
      ...poolCommands(this.exchange.shared.pools),
      ...limitCommands(this.exchange.shared.users.calls),
      ...stepCommands(this.exchange.steps, world.clock),
      status: async () => this.status(stores),
      reload: async () => ({ generation: await this.reload(), settings: this.settingsNews }),
    });
    await this.control.start();
    this.watchdog?.serves();
    await this.startMetrics(this.exchange);
    void this.warmUp.run();
  }

  /** Call records of several nodes on one database must not get the same numbers. */
  private nodeNumber(db: Database): Promise<number> {
    const { clock, random } = this.world;
    const name = nodeName(this.settings.data.folder, random);
    return nodeNumber(db, { name, startedAt: clock.wall(), nodesMax: NODES_MAX });
  }

  /** Before the tables are read, so that nothing is missed. */
  private hearOfChanges(place: DatabasePlace): Promise<ChangeFollower> {
    const { clock, log } = this.world;
    const changed = (tables: ReadonlySet<WatchedTable>): void => {
      if (!tables.has('address')) return;
      try {
        this.exchange?.shared.permissions.reload();
      } catch (error) {
        log.warn('the trusted addresses stay as they were', { why: String(error) });
      }
    };
    const tables = Object.keys(watchedTables) as WatchedTable[]; // The type says that it has these keys.
    return ChangeFollower.open({ place, clock, log, changed }, tables);
  }

  get events(): EventBus {
    return this.running.events;
  }

  get settingsNews(): SettingsNews {
    return settingsNews(this.settings, this.readAgain);
  }

  get scriptFiles(): readonly string[] {
    return this.loaded?.files ?? [];
  }

  reload(checked?: ScriptSources): Promise<number> {
    // Whoever asks before the next one has begun gets what that one reads.
    if (checked === undefined && this.nextReload !== undefined) return this.nextReload;
    const reloaded = this.reloading.then(() => {
      if (this.nextReload === reloaded) this.nextReload = undefined;
      return this.reloadOnce(checked);
    });
    if (checked === undefined) this.nextReload = reloaded;
    this.reloading = reloaded.catch(() => {}); // Whoever asked is told; the next one does not care.
    return reloaded;
  }

  private async reloadOnce(checked: ScriptSources | undefined): Promise<number> {
    const { settings, world, running } = this;
    const { file } = settings.script;
    running.transports.renew(this.readTls());
    running.shared.authBackEnds.reload();
    const load = (sources: ScriptSources): Promise<LoadedScript> => this.loader.load(file, sources);
    const check = (): ReturnType<typeof reloadProblems> => reloadProblems(file, settings, this.trials);
    const loaded = await (checked === undefined ? loadChecked(check, load) : load(checked));
    await running.replaceScript(loaded.script);
    this.loaded = loaded;
    const { number } = running.dispatcher.generation;
    world.log.info('the script was loaded again', { file, generation: number });
    return number;
  }

  private readTls(): TlsIdentity {
    return readTlsIdentity(this.settings.tls, this.world.log, this.world.clock.wall());
  }

  private get running(): Exchange {
    assert(this.exchange !== undefined, 'the exchange has started');
    return this.exchange;
  }

  private watch(): ScriptWatchdog | undefined {
    const { script, log } = this.settings;
    if (script.stall_ms === 0) return undefined;
    const format = log.format === 'auto' ? undefined : log.format;
    const { clock } = this.world;
    return new ScriptWatchdog(clock, this.world.log, { stallMs: script.stall_ms, level: log.level, format });
  }

  async stop(): Promise<void> {
    this.warmUp.stop();
    await this.control?.stop();
    await this.metrics?.stop();
    if (this.exchange !== undefined) await this.drain(this.exchange);
    this.exchange?.stop();
    await this.watchdog?.stop();
    this.loader.close();
    this.trials.close();
    await this.follower?.close();
    this.stores?.location.close();
    this.stores?.calls.stop();
    await this.bans?.close();
    await this.writer?.close();
    this.claim.release();
    this.deafen();
  }

  private async startMetrics({ shared }: Exchange): Promise<void> {
    const { listen } = this.settings.metrics;
    if (listen === '') return;
    const metrics = new MetricsServer(shared.metrics);
    await metrics.start(listen);
    this.metrics = metrics;
  }

  private async drain(exchange: Exchange): Promise<void> {
    exchange.refuseNew();
    for (let waited = 0; exchange.busy && waited < DRAIN_MS; waited += DRAIN_STEP_MS) {
      await new Promise<void>((resolve) => void this.world.clock.after(DRAIN_STEP_MS, resolve));
    }
  }

  private status(stores: Stores): StatusDocument {
    const { version, listeners, dataFolder, startedAt } = this;
    const database = this.databaseStatus();
    const traffic = trafficStatus(this.running, stores, this.settings.script.file);
    return { version, pid: process.pid, listeners, dataFolder, startedAt, database, ...traffic };
  }

  private databaseStatus(): DatabaseDocument {
    const { waiting, lostSince, why } = this.writer?.health ?? { waiting: 0, lostSince: undefined, why: '' };
    const since = lostSince === undefined ? null : new Date(lostSince).toISOString();
    return {
      name: placeName(databaseOf(this.settings)),
      waitingRows: waiting,
      lostSince: since,
      lostWhy: why,
    };
  }
}

function nameSettings({ dns }: Settings): NameSettings {
  const { servers, timeout_ms, attempts } = dns;
  return { servers: servers.length === 0 ? undefined : servers, timeoutMs: timeout_ms, attempts };
}

type RestoredStores = Stores & { readonly provisions: Provisions };

/** Whether we start, or look at the data of an exchange that runs. */
export interface RestoreAs {
  /** Which of the nodes on this database we are; undefined where no call is recorded. */
  readonly node?: number | undefined;
  readonly secretOf: (db: Database, name: string) => Promise<string>;
  /** Whether phones are still connected. */
  readonly connections: 'ended' | 'standing';
  /** So much later than it is, it is made to be; who is registered now is registered then. */
  readonly laterMs: number;
}

const AT_START: RestoreAs = { secretOf: keptSecret, connections: 'ended', laterMs: 0 };

/** Everything that outlives a restart, read into memory. */
export async function restoreStores(
  db: Database,
  writer: Writer,
  world: World,
  settings: Settings,
  as: RestoreAs = AT_START,
): Promise<RestoredStores> {
  const { clock, random, log } = world;
  const { durable } = settings.location;
  const { secretOf, connections, laterMs, node } = as;
  const route = await secretOf(db, 'route');
  const location = new Location({
    clock,
    random,
    writer: durable ? writer : undefined,
    settings: locationSettings(settings, BINDINGS_MAX),
    secret: route,
  });
  if (durable) {
    // Those of one user that changed last stand last.
    const bindings = db.selectFrom('location').selectAll().orderBy('last_modified');
    for await (const rows of readRows(db, bindings)) {
      const then = laterMs === 0 ? rows : rows.map((row) => ({ ...row, expires: row.expires + laterMs }));
      location.restore(then, connections);
    }
  }
  const calls = new CallRecords({ writer, clock, log, node });
  calls.restore(await readUnfinishedCalls(db));
  return {
    subscribers: new Subscribers({ writer, clock, random, rows: await readSubscribers(db) }),
    provisions: await readProvisions(db, { writer, clock, log }),
    location,
    calls,
    secrets: { route, nonce: await secretOf(db, 'nonce') },
  };
}

/** Made at the first start, and the same ever after. */
function keptSecret(db: Database, name: string): Promise<string> {
  return secret(db, name, () => randomBytes(SECRET_BYTES).toString('base64url'));
}
