/** `[radius]` and `[jwt]` → those who know accounts that are not ours, and who are told of calls. */
import { readFileSync } from 'node:fs';
import { TandemError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { JwtVerifier } from '../auth/jwt.ts';
import { parseKeys } from '../auth/jwt-keys.ts';
import { RadiusAccounting } from '../auth/radius-accounting.ts';
import { RadiusCalls } from '../auth/radius-calls.ts';
import { RadiusClient } from '../auth/radius-client.ts';
import { type CallObserver, noRecords } from '../route/call-observer.ts';
import type { Settings } from './settings.ts';

type Servers = Settings['radius']['servers'];

/** See above. */
export class AuthBackEnds {
  private readonly world: World;
  private readonly settings: Pick<Settings, 'radius' | 'jwt'>;
  private readonly client: RadiusClient | undefined;
  private readonly accountingClient: RadiusClient | undefined;
  private accounting: RadiusAccounting | undefined = undefined;
  private calls: RadiusCalls | undefined = undefined;
  private verifier: JwtVerifier | undefined;

  /** Throws SETTINGS_INVALID when a file cannot be read, or is not what it should be. */
  constructor(world: World, settings: Pick<Settings, 'radius' | 'jwt'>) {
    this.world = world;
    this.settings = settings;
    this.client = this.connect(settings.radius.servers);
    this.accountingClient = this.connect(settings.radius.accounting);
    this.verifier = this.readVerifier();
  }

  /** Throws SCRIPT_INVALID when the settings name no server: for a script that asks for it. */
  get radius(): RadiusClient {
    return this.client ?? missing('auth.radius()', '[radius] servers');
  }

  /** The same for tokens. */
  get tokens(): JwtVerifier {
    return this.verifier ?? missing('auth.jwt()', '[jwt] keys_file');
  }

  /** Tells accounting servers of calls, if there are any. */
  around(records: CallObserver): CallObserver {
    const { accountingClient: client, world } = this;
    if (client === undefined || records === noRecords) return records;
    const { clock, log } = world;
    const {
      nas_identifier: nasIdentifier,
      queue: queueMax,
      retry_ms: retryMs,
      interim_seconds,
    } = this.settings.radius;
    this.accounting = new RadiusAccounting({ client, clock, log, nasIdentifier, queueMax, retryMs });
    const calls = new RadiusCalls(records, this.accounting, { clock, interimMs: interim_seconds * 1000 });
    this.calls = calls;
    // Plain functions: whoever puts itself around takes them over by name.
    return {
      opened: (request, source) => calls.opened(request, source),
      finished: (call, status, by) => calls.finished(call, status, by),
      ended: (call, by, callId, at) => calls.ended(call, by, callId, at),
    };
  }

  /** Calls can come from now on. */
  start(): void {
    this.calls?.start();
  }

  /** Reads the keys again; when that fails those before stay, and it is thrown. */
  reload(): void {
    this.verifier = this.readVerifier();
  }

  /** Ends timers and closes sockets. */
  stop(): void {
    this.calls?.stop();
    this.accounting?.stop();
    this.client?.stop();
    this.accountingClient?.stop();
  }

  private connect(servers: Servers): RadiusClient | undefined {
    if (servers.length === 0) return undefined;
    const { from, reply_ms: replyMs, attempts, dead_seconds, max_requests } = this.settings.radius;
    return new RadiusClient({
      world: this.world,
      servers: servers.map(({ address, secret_file }) => ({ ...address, secret: readSecret(secret_file) })),
      from,
      replyMs,
      attempts,
      deadMs: dead_seconds * 1000,
      requestsMax: max_requests,
    });
  }

  private readVerifier(): JwtVerifier | undefined {
    const {
      keys_file,
      issuers,
      audiences,
      user_claim: userClaim,
      domain,
      leeway_seconds,
    } = this.settings.jwt;
    if (keys_file === '') return undefined;
    const keys = parseKeys(read(keys_file, '[jwt] keys_file'));
    return new JwtVerifier(keys, { issuers, audiences, userClaim, domain, leewaySeconds: leeway_seconds });
  }
}

function readSecret(file: string): string {
  const secret = read(file, '[radius] secret_file').trimEnd();
  if (secret === '') throw new TandemError('SETTINGS_INVALID', `the secret in ${file} is empty`);
  return secret;
}

function read(file: string, key: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TandemError('SETTINGS_INVALID', `cannot read ${key}: ${why}`, { cause });
  }
}

function missing(what: string, setting: string): never {
  throw new TandemError('SCRIPT_INVALID', `${what} needs ${setting}`);
}
