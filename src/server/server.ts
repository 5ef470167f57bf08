/** The real World, the real stores, and an exchange on them; what `tandem start` runs. */
import { randomBytes } from 'node:crypto';
import { readUnfinishedCalls } from '../billing/call-list.ts';
import { CallRecords } from '../billing/call-records.ts';
import { TandemError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { Location } from '../location/location.ts';
import { type Database, open, readSubscribers, secret } from '../store/sqlite.ts';
import { SqliteWriter } from '../store/sqlite-writer.ts';
import { Subscribers } from '../subscriber/subscribers.ts';
import { logLines } from '../world/log-lines.ts';
import { nodeWorld } from '../world/node-world.ts';
import { ControlServer } from './control.ts';
import { accountCommands } from './control-accounts.ts';
import { type Claim, claimDataFolder } from './control-claim.ts';
import type { StatusDocument } from './control-documents.ts';
import { controlSocketPath } from './control-lines.ts';
import { registrationCommands } from './control-registrations.ts';
import { Exchange, type Stores } from './exchange.ts';
import { loadScript } from './script-loader.ts';
import { databaseFile, type Settings } from './settings.ts';
import { productVersion } from './settings-version.ts';
import { WarmUp } from './warm-up.ts';

/** Bindings of all subscribers together. */
const BINDINGS_MAX = 4_000_000;
/** Calls that are being set up may take so long to end when we stop. */
const DRAIN_MS = 4_000;
const DRAIN_STEP_MS = 50;
const SECRET_BYTES = 24;

/** A running exchange, for whoever started it. */
export interface RunningServer {
  readonly version: string;
  /** `udp:192.0.2.1:5060`, as they are bound. */
  readonly listeners: readonly string[];
  readonly dataFolder: string;
  /** Lets calls that are being set up end, then closes everything. */
  stop(): Promise<void>;
  /** Loads the script again; when that fails the one that runs stays. */
  reload(): Promise<void>;
}

/** Rejects with PORT_TAKEN, CONFLICT, DATA_FOLDER or SCRIPT_INVALID; nothing is left open then. */
export async function startServer(settings: Settings): Promise<RunningServer> {
  const claim = claimDataFolder(settings.data.folder);
  const server = new Server(settings, claim);
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
  private readonly claim: Claim;
  private readonly world: World;
  private exchange: Exchange | undefined = undefined;
  private writer: SqliteWriter | undefined = undefined;
  private stores: Stores | undefined = undefined;
  private control: ControlServer | undefined = undefined;
  private generation = 1;
  private readonly warmUp: WarmUp;
  private readonly startedAt: string;

  constructor(settings: Settings, claim: Claim) {
    this.settings = settings;
    this.claim = claim;
    const { level, format } = settings.log;
    const log = logLines({ level, ...(format === 'auto' ? {} : { form: format }) });
    const { udp, gso, pacing } = settings.sip;
    this.world = nodeWorld({ log, udp, gso, pacing });
    this.warmUp = new WarmUp(this.world);
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
    const script = await loadScript(settings.script.file, this.generation);
    const file = databaseFile(settings.data.folder);
    const synchronous = settings.data.synchronous === 'full' ? 'FULL' : 'NORMAL';
    const db = await open(file, { synchronous });
    const limits = { commitMs: settings.data.commit_ms };
    this.writer = new SqliteWriter({ file, clock: world.clock, log: world.log, synchronous, limits });
    this.stores = await restoreStores(db, this.writer, world, settings);
    await db.destroy();
    this.exchange = await Exchange.open({ world, settings, script, stores: this.stores });
    this.control = new ControlServer(controlSocketPath(settings.data.folder), {
      ...accountCommands(this.stores.subscribers),
      ...registrationCommands(this.stores.location),
      status: async () => this.status(),
      reload: () => this.reload(),
    });
    await this.control.start();
    void this.warmUp.run();
  }

  async reload(): Promise<void> {
    const script = await loadScript(this.settings.script.file, ++this.generation);
    try {
      this.exchange?.replaceScript(script);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new TandemError('SCRIPT_INVALID', `${this.settings.script.file} does not start: ${why}`, {
        cause: error,
      });
    }
  }

  async stop(): Promise<void> {
    this.warmUp.stop();
    await this.control?.stop();
    if (this.exchange !== undefined) await this.drain(this.exchange);
    this.exchange?.stop();
    this.stores?.location.close();
    this.stores?.calls.stop();
    await this.writer?.close();
    this.claim.release();
  }

  private async drain(exchange: Exchange): Promise<void> {
    exchange.refuseNew();
    for (let waited = 0; exchange.busy && waited < DRAIN_MS; waited += DRAIN_STEP_MS) {
      await new Promise<void>((resolve) => void this.world.clock.after(DRAIN_STEP_MS, resolve));
    }
  }

  private status(): StatusDocument {
    const { version, listeners, dataFolder, startedAt } = this;
    return { version, pid: process.pid, listeners, dataFolder, startedAt };
  }
}

/** Everything that outlives a restart, read into memory. */
async function restoreStores(
  db: Database,
  writer: SqliteWriter,
  world: World,
  settings: Settings,
): Promise<Stores> {
  const { clock, random, log } = world;
  const { min_expires, max_expires, default_expires, max_contacts } = settings.registrar;
  const { durable } = settings.location;
  const location = new Location({
    clock,
    random,
    writer: durable ? writer : undefined,
    settings: {
      durable,
      minExpires: min_expires,
      maxExpires: max_expires,
      defaultExpires: default_expires,
      maxContacts: max_contacts,
      bindingsMax: BINDINGS_MAX,
    },
  });
  if (durable) location.restore(await db.selectFrom('location').selectAll().execute());
  const calls = new CallRecords({ writer, clock, log });
  calls.restore(await readUnfinishedCalls(db));
  const makeSecret = (): string => randomBytes(SECRET_BYTES).toString('base64url');
  return {
    subscribers: new Subscribers({ writer, clock, rows: await readSubscribers(db) }),
    location,
    calls,
    secrets: { route: await secret(db, 'route', makeSecret), nonce: await secret(db, 'nonce', makeSecret) },
  };
}
