/** An exchange and its phones in one process, on a simulated network: whole flows in milliseconds. */
import { Endpoint } from '../base/endpoint.ts';
import type { TlsIdentity } from '../base/world.ts';
import { CallRecords } from '../billing/call-records.ts';
import { Location } from '../location/location.ts';
import type { Script } from '../route/router.ts';
import type { Step } from '../route/steps.ts';
import { Exchange } from '../server/exchange.ts';
import { locationSettings } from '../server/settings-registrar.ts';
import { type SettingsInput, settingsSchema } from '../server/settings-schema.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import type { StatementName } from '../store/statements.ts';
import type { Value } from '../store/writer.ts';
import { Provisions } from '../subscriber/provisions.ts';
import { Subscribers } from '../subscriber/subscribers.ts';
import { Carrier } from './carriers.ts';
import { ladder } from './ladder.ts';
import { Phone, type PhoneOptions } from './phone.ts';
import type { PhoneTransport } from './phone-wire.ts';
import type { SimNet } from './sim-net.ts';
import { simCertificate } from './sim-tls.ts';
import { type SimWorld, simWorld } from './sim-world.ts';

/** One inhabitant: has an account and a phone. */
export interface Person {
  /** Their account's; made from the name unless told. */
  readonly password?: string;
  /** What their phone believes it is; another one than `password` makes it fail. */
  readonly phonePassword?: string;
  readonly transport?: PhoneTransport;
  /** The address of the phone's host. */
  readonly host?: string;
}

/** Who lives in a town, and how its exchange is set. */
export interface TownOptions {
  readonly seed?: number;
  /** Where another town is as well; a world of its own unless told. */
  readonly world?: SimWorld;
  /** The address of its exchange; `EXCHANGE` unless told. */
  readonly address?: string;
  readonly domain?: string;
  readonly people: Readonly<Record<string, Person>>;
  /** Accounts that have no phone here: the password of each user. */
  readonly accounts?: Readonly<Record<string, string>>;
  /** Carriers by name, with the address of each; they answer until they are told otherwise. */
  readonly carriers?: Readonly<Record<string, string>>;
  /** What the exchange speaks beside UDP, TCP and what its people speak. */
  readonly transports?: readonly PhoneTransport[];
  /** Who it says it is over TLS; a certificate for its domain and its address unless told. */
  readonly tls?: TlsIdentity;
  /** As in tandem.toml; `sip.listen` and `sip.domains` are the town's own. */
  readonly settings?: SettingsInput;
}

/** A call as its record has it. */
export interface TownRecord {
  readonly caller: Value;
  readonly callee: Value;
  readonly status: Value;
  readonly endedBy: Value;
  readonly durationMs: Value;
}

/** Where the exchange of a town is. */
export const EXCHANGE = '192.0.2.1';
const SIP_PORT = 5060;
/** Where it listens, for what. */
export const PORTS = { udp: SIP_PORT, tcp: SIP_PORT, tls: 5061, ws: 5080, wss: 5081 } as const;
const BINDINGS_MAX = 10_000;

/** Starts the exchange and opens the phones; nobody is registered yet. */
export async function town(script: Script, options: TownOptions): Promise<Town> {
  const made = new Town(options);
  await made.world.until(made.start(script));
  return made;
}

/** See {@link town}. Time passes in `run`, and while a phone's promise is awaited. */
export class Town {
  readonly world: SimWorld;
  readonly domain: string;
  /** Where its exchange is. */
  readonly address: string;
  private readonly options: TownOptions;
  private readonly phones = new Map<string, TownPhone>();
  private readonly carriers = new Map<string, Carrier>();
  private readonly hosts: Record<string, string> = {};
  private readonly written: (readonly [StatementName, readonly Value[]])[] = [];
  private opened: Exchange | undefined;
  private location: Location | undefined;
  private calls: CallRecords | undefined;

  constructor(options: TownOptions) {
    this.options = options;
    this.world = options.world ?? simWorld(options.seed ?? 1);
    this.address = options.address ?? EXCHANGE;
    this.domain = options.domain ?? 'example.com';
  }

  /** Loss, cuts, delays. */
  get net(): SimNet {
    return this.world.network;
  }

  /** The exchange itself, to look inside: its transactions, its counters. */
  get exchange(): Exchange {
    if (this.opened === undefined) throw new Error('the town has not started');
    return this.opened;
  }

  phone(name: string): TownPhone {
    const phone = this.phones.get(name);
    if (phone === undefined) throw new Error(`nobody called ${name} lives in this town`);
    return phone;
  }

  carrier(name: string): Carrier {
    const carrier = this.carriers.get(name);
    if (carrier === undefined) throw new Error(`no carrier called ${name} is known in this town`);
    return carrier;
  }

  /** What the script did for the requests of this Call-ID. */
  steps(callId: string): Promise<readonly Step[]> {
    return this.world.until(this.exchange.steps?.of(callId) ?? Promise.resolve([]));
  }

  /** Lets that much time pass. */
  run(ms: number): Promise<void> {
    return this.world.run(ms);
  }

  /** Everything that was sent so far: the first phone, the exchange, the other phones. `steps`: what the script did. */
  ladder(steps: readonly Step[] = []): string {
    const [first, ...others] = Object.entries(this.hosts);
    const columns = [...(first === undefined ? [] : [first]), [this.address, 'tandem'], ...others];
    return ladder(this.net.trace.entries, Object.fromEntries(columns), { by: 'tandem', steps });
  }

  /** The records of all calls that have ended, in the order they began. */
  cdrs(): readonly TownRecord[] {
    const of = (statement: StatementName): (readonly Value[])[] =>
      this.written.filter(([name]) => name === statement).map(([, values]) => values);
    const ends = new Map(of('endCall').map((values) => [values[6], values]));
    return of('openCall').flatMap(([id, , , caller = null, callee = null]) => {
      const end = ends.get(id);
      if (end === undefined) return [];
      const [, , durationMs = null, , status = null, endedBy = null] = end;
      return [{ caller, callee, status, endedBy, durationMs }];
    });
  }

  /** Opens everything; `town` has done it. */
  async start(script: Script): Promise<void> {
    const { address } = this;
    const world = this.world.host(address);
    const { sip, ...others } = this.options.settings ?? {};
    const { people, transports = [] } = this.options;
    const spoken = Object.values(people).map(({ transport = 'udp' }) => transport);
    const listen = [...new Set<PhoneTransport>(['udp', 'tcp', ...transports, ...spoken])].map(
      (transport) => `${transport}:${new Endpoint(address, PORTS[transport]).key}`,
    );
    const settings = settingsSchema.parse({
      ...others,
      sip: { ...sip, listen, domains: [this.domain] },
      tls: { certificates: [{ certificate: 'simulated', key: 'simulated' }] },
    });
    const tls: TlsIdentity = this.options.tls ?? {
      certificates: [simCertificate(this.domain, address)],
      clients: 'none',
      authorities: undefined,
    };
    const { clock, random, log } = world;
    const writer = new MemoryWriter(clock, { observe: (name, values) => this.written.push([name, values]) });
    const subscribers = new Subscribers({ writer, clock });
    const provisions = new Provisions({ writer, clock, unreadable: () => {} });
    this.location = new Location({
      clock,
      random,
      writer,
      settings: locationSettings(settings, BINDINGS_MAX),
      secret: `the secret of ${this.domain}`,
    });
    this.calls = new CallRecords({ writer, clock, log });
    const secrets = { route: random.token(128), nonce: random.token(128) };
    const stores = { subscribers, provisions, location: this.location, calls: this.calls, secrets };
    this.opened = await Exchange.open({ world, settings, script, stores, tls });
    for (const [name, person] of Object.entries(this.options.people)) {
      await subscribers.add({ user: name, domain: this.domain, password: person.password ?? secretOf(name) });
      await this.addPhone(name, person);
    }
    for (const [user, password] of Object.entries(this.options.accounts ?? {})) {
      await subscribers.add({ user, domain: this.domain, password });
    }
    for (const [name, host] of Object.entries(this.options.carriers ?? {})) {
      const phone = await this.addPhone(name, { host });
      this.carriers.set(name, new Carrier(phone).does('answers'));
    }
  }

  /** Switches the exchange off. */
  stop(): void {
    this.opened?.stop();
    this.location?.close();
    this.calls?.stop();
    for (const phone of this.phones.values()) phone.close();
  }

  private async addPhone(name: string, person: Person): Promise<TownPhone> {
    const host = person.host ?? `192.0.2.${11 + this.phones.size}`;
    const { transport = 'udp' } = person;
    const phone = new TownPhone(this.world, host, {
      name,
      at: { host, port: SIP_PORT },
      server: { host: this.address, port: PORTS[transport] },
      aor: `sip:${name}@${this.domain}`,
      password: person.phonePassword ?? person.password ?? secretOf(name),
      transport,
    });
    await phone.open();
    this.phones.set(name, phone);
    this.hosts[host] = name;
    return phone;
  }
}

/** A phone whose promises let the town's time pass until they settle. */
export class TownPhone extends Phone {
  private readonly town: SimWorld;

  constructor(town: SimWorld, host: string, options: PhoneOptions) {
    super(town.host(host), options);
    this.town = town;
  }

  override register(more: Parameters<Phone['register']>[0] = {}): Promise<number> {
    return this.town.until(super.register(more));
  }

  override request(...asked: Parameters<Phone['request']>): Promise<number> {
    return this.town.until(super.request(...asked));
  }
}

function secretOf(name: string): string {
  return `secret of ${name}`;
}
