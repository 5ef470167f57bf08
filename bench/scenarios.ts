/** What is measured, against which bar. */

/** SIPp sends in bursts each millisecond, the paced generators at even distances. */
export type Tool = 'sipp' | 'paced';
/** A file of bench/sipp; the paced generators know `register` and `call`. */
export type SippScene = 'options' | 'register' | 'regauth' | 'message' | 'call';

/** By what SIP is carried. */
export type TransportName = 'udp' | 'tcp' | 'tls';

/** One rate of one kind of load, and what it must come to. */
export interface Load {
  readonly name: string;
  readonly tool: Tool;
  readonly scene: SippScene;
  readonly rate: number;
  readonly seconds: number;
  /** How long the evenly paced generator's calls last. */
  readonly holdMs?: number;
  readonly bar?: Bar;
}

/** The most a figure of ours may be: a ratio ours / Kamailio, or an absolute. */
export interface Bar {
  readonly of: 'cpu' | 'bytes' | 'maxRate' | 'p99Ms';
  readonly limit: number;
}

/** What the servers are told to be. */
export interface ServerSettings {
  readonly auth: boolean;
  /** Bindings written before the 200 to REGISTER. */
  readonly durableLocation: boolean;
  /** A record of each call in SQLite. */
  readonly callRecords: boolean;
  /** What callers and callees speak; servers listen on UDP besides. */
  readonly transport: TransportName;
  /** Ours only: a file of bench/scripts. Kamailio's routes decide what `plain` and `digest` do. */
  readonly script: 'plain' | 'digest' | 'provider' | 'two-legs';
  /** Ours only: whether the steps of the script are kept for each call. Kamailio keeps none. */
  readonly steps: boolean;
  /** Ours only. */
  readonly udp: 'batch' | 'dgram';
  /** Ours only. */
  readonly gso: boolean;
  /** Kamailio only: shared memory touched at start. Off where memory is what is measured. */
  readonly touchedMemory: boolean;
}

/** Ours in another form, where that is what we are compared with. */
export interface Other {
  readonly name: string;
  readonly settings: ServerSettings;
}

/** One thing to compare, on servers of one kind. */
export interface Scenario {
  readonly name: string;
  readonly about: string;
  readonly unit: string;
  readonly kind: 'rate' | 'memory' | 'max';
  readonly users: number;
  /** Contacts registered before anything is measured; 0 where the load itself registers. */
  readonly registered: number;
  readonly settings: ServerSettings;
  /** Unless given, Kamailio is what we are compared with. */
  readonly against?: Other;
  /** So many phones, each on a connection of its own; else two proxies hold one each. Not over UDP. */
  readonly phones?: number;
  readonly loads: readonly Load[];
}

/** What Kamailio 5.6 takes for one registered contact. */
const KAMAILIO_CONTACT_BYTES = 874;

const IN_MEMORY: ServerSettings = {
  auth: false,
  durableLocation: false,
  callRecords: false,
  transport: 'udp',
  script: 'plain',
  steps: false,
  udp: 'batch',
  gso: true,
  touchedMemory: true,
};

const PROVIDER: ServerSettings = { ...IN_MEMORY, script: 'provider' };
const TWO_LEGS: ServerSettings = { ...IN_MEMORY, script: 'two-legs' };

function sipp(scene: SippScene, rate: number, bar?: number): Load {
  return load(`sipp ${rate}/s`, 'sipp', scene, rate, bar);
}

function paced(scene: SippScene, rate: number, bar?: number): Load {
  return load(`paced ${rate}/s`, 'paced', scene, rate, bar);
}

function load(name: string, tool: Tool, scene: SippScene, rate: number, bar?: number): Load {
  const measured = { name, tool, scene, rate, seconds: 5 };
  return bar === undefined ? measured : { ...measured, bar: { of: 'cpu', limit: bar } };
}

const CALLS: readonly Load[] = [
  sipp('call', 500, 1.2),
  sipp('call', 1000),
  sipp('call', 2500, 0.8),
  paced('call', 500, 1.2),
  paced('call', 2000, 0.8),
  paced('call', 5000, 0.8),
];

const OVER_CONNECTIONS: readonly Load[] = [
  paced('call', 500, 0.75),
  paced('call', 2000, 0.75),
  paced('call', 5000, 0.75),
];

/** Calls of a thousand users whose contacts are in memory. */
function calls(name: string, about: string, settings: ServerSettings, loads: readonly Load[]): Scenario {
  return { name, about, unit: 'call', kind: 'rate', users: 1000, registered: 1000, settings, loads };
}

/** Phones register by their own connections, as part of the load that is not measured. */
function phones(name: string, transport: TransportName, count: number): Scenario {
  const about = `call over ${transport.toUpperCase()}, ${count} phones, each with its connection`;
  const settings = { ...IN_MEMORY, transport };
  return { ...calls(name, about, settings, OVER_CONNECTIONS), users: count, registered: 0, phones: count };
}

/** Every scenario, in the order they are run. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'options',
    about: 'OPTIONS answered by the server itself',
    unit: 'OPTIONS',
    kind: 'rate',
    users: 1,
    registered: 0,
    settings: IN_MEMORY,
    loads: [sipp('options', 4000)],
  },
  {
    name: 'register',
    about: 'refresh of 10,000 contacts in memory',
    unit: 'REGISTER',
    kind: 'rate',
    users: 10_000,
    registered: 10_000,
    settings: IN_MEMORY,
    loads: [sipp('register', 3000), paced('register', 10_000, 0.8)],
  },
  {
    name: 'regauth',
    about: '401, then REGISTER with digest',
    unit: 'registration',
    kind: 'rate',
    users: 1000,
    registered: 0,
    settings: { ...IN_MEMORY, auth: true, script: 'digest' },
    loads: [sipp('regauth', 1500, 1)],
  },
  {
    name: 'message',
    about: 'MESSAGE to a registered contact',
    unit: 'MESSAGE',
    kind: 'rate',
    users: 1000,
    registered: 1000,
    settings: IN_MEMORY,
    loads: [sipp('message', 1500, 0.9)],
  },
  calls('call', 'call by location, record-routed', IN_MEMORY, CALLS),
  calls('calldb', 'call with its record in SQLite', { ...IN_MEMORY, callRecords: true }, [
    sipp('call', 500, 0.45),
    paced('call', 1000, 0.45),
  ]),
  calls('tcp', 'call over TCP, two proxies', { ...IN_MEMORY, transport: 'tcp' }, OVER_CONNECTIONS),
  calls('tls', 'call over TLS, two proxies', { ...IN_MEMORY, transport: 'tls' }, OVER_CONNECTIONS),
  phones('tcpphones', 'tcp', 1000),
  phones('tlsphones', 'tls', 1000),
  {
    name: 'regdb',
    about: 'REGISTER answered once it is in SQLite',
    unit: 'REGISTER',
    kind: 'rate',
    users: 1000,
    registered: 1000,
    settings: { ...IN_MEMORY, durableLocation: true },
    loads: [sipp('register', 1000), paced('register', 1000)],
  },
  calls('nogso', 'call, ours without UDP GSO', { ...IN_MEMORY, gso: false }, [
    sipp('call', 2500),
    paced('call', 2000),
    paced('call', 5000),
  ]),
  calls('dgram', 'call, ours on plain node:dgram', { ...IN_MEMORY, udp: 'dgram', gso: false }, [
    sipp('call', 500, 1.4),
    paced('call', 2000, 1.4),
  ]),
  {
    ...calls('script', "call by a provider's script, against a bare relay", PROVIDER, [
      paced('call', 500),
      paced('call', 2000),
      paced('call', 5000),
    ]),
    against: { name: 'bare relay', settings: IN_MEMORY },
  },
  {
    ...calls('steps', "a provider's script, its steps kept, against not kept", { ...PROVIDER, steps: true }, [
      paced('call', 500),
      paced('call', 2000),
      paced('call', 5000),
    ]),
    against: { name: 'no steps', settings: PROVIDER },
  },
  {
    ...calls('twolegs', 'call of two legs, against one that is proxied', TWO_LEGS, [
      sipp('call', 500),
      paced('call', 500),
      paced('call', 2000),
    ]),
    against: { name: 'proxied', settings: IN_MEMORY },
  },
  {
    name: 'latency',
    about: '100,000 contacts, 10,000 calls held 2 s',
    unit: 'call',
    kind: 'rate',
    users: 100_000,
    registered: 100_000,
    settings: IN_MEMORY,
    loads: [{ ...paced('call', 5000), seconds: 10, holdMs: 2000, bar: { of: 'p99Ms', limit: 3 } }],
  },
  {
    name: 'mem100k',
    about: 'memory of 100,000 contacts',
    unit: 'contact',
    kind: 'memory',
    users: 100_000,
    registered: 0,
    settings: { ...IN_MEMORY, touchedMemory: false },
    loads: [{ ...paced('register', 5000), bar: { of: 'bytes', limit: 0.7 * KAMAILIO_CONTACT_BYTES } }],
  },
  {
    name: 'max',
    about: 'highest rate with < 0.1 % failed calls',
    unit: 'call',
    kind: 'max',
    users: 1000,
    registered: 1000,
    settings: IN_MEMORY,
    loads: [{ ...paced('call', 4000), name: 'paced', seconds: 6, bar: { of: 'maxRate', limit: 1.5 } }],
  },
];
