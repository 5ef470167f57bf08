/** What a pool is made of is looked at where a script or the settings say so, before a call meets it. */
import { isIpAddress } from '../base/endpoint.ts';
import { checkNames, checkWait, checkWhole, checkWord, refused } from '../base/options.ts';
import type { PickName, PoolOptions, PoolServerOptions, ProbeOptions } from '../route/services.ts';
import { parseUri, printUri, type Uri } from '../sip/uri.ts';
import type { TransportName } from '../transport/flow.ts';

/** Servers of one pool. */
export const SERVERS_MAX = 1_000;
/** The largest share of a server. */
export const WEIGHT_MAX = 1_000;
/** Kinds of channels that one server may have. */
export const KINDS_MAX = 16;
/** Channels of one kind. */
export const CHANNELS_MAX = 1_000_000;
/** Nobody is asked more often. */
export const PROBE_EVERY_MS_MIN = 100;
/** Probes in a row that a server may have to miss, or to answer. */
export const THRESHOLD_MAX = 1_000;
/** Characters of a pool's name. */
export const NAME_MAX = 64;
/** The ways to pick. */
export const PICKS: readonly PickName[] = [
  'round-robin',
  'weight',
  'least-calls',
  'most-free',
  'hash-call-id',
  'hash-user',
  'hash-ip',
  'priority',
];

const OPTIONS = ['servers', 'pick', 'probe', 'restMs', 'callMs', 'requestUri'];
const SERVER_OPTIONS = ['uri', 'weight', 'priority', 'resources'];
const PROBE_OPTIONS = ['everyMs', 'replyMs', 'downAfter', 'upAfter'];
const TRANSPORTS: ReadonlySet<string> = new Set<TransportName>(['udp', 'tcp', 'tls', 'ws', 'wss']);

/** Throws INVALID, naming the pool, what is wrong with it and what is allowed. */
export function checkPool(name: string, options: PoolOptions): void {
  if (typeof name !== 'string' || name === '' || name.length > NAME_MAX)
    throw refused('the name of a pool', `a text of 1 to ${NAME_MAX} characters`, name);
  const pool = `the pool ${name}`;
  checkNames(pool, options, OPTIONS);
  const { servers, pick, probe, restMs, callMs, requestUri } = options;
  checkWord(`pick of ${pool}`, pick, PICKS);
  checkWord(`requestUri of ${pool}`, requestUri, ['host', 'keep']);
  checkWait(`restMs of ${pool}`, restMs);
  checkWait(`callMs of ${pool}`, callMs);
  if (probe !== undefined) checkProbe(`probe of ${pool}`, probe);
  checkServers(pool, servers, requestUri === 'keep');
}

/** The transport that a server is reached by, when its address is one. */
export function transportOf({ scheme, params }: Uri): TransportName {
  const unnamed = scheme === 'sips' ? 'tls' : 'udp';
  return String(params['transport'] ?? unnamed).toLowerCase() as TransportName; // `checkPool` has looked at it.
}

function checkProbe(probe: string, options: ProbeOptions): void {
  checkNames(probe, options, PROBE_OPTIONS);
  const { everyMs, replyMs, downAfter, upAfter } = options;
  // It has no default: NaN is refused as what is missing.
  checkWait(`everyMs, ${probe}`, everyMs ?? NaN, PROBE_EVERY_MS_MIN);
  checkWait(`replyMs, ${probe}`, replyMs);
  checkWhole(`downAfter, ${probe}`, downAfter, 1, THRESHOLD_MAX);
  checkWhole(`upAfter, ${probe}`, upAfter, 1, THRESHOLD_MAX);
}

function checkServers(pool: string, servers: PoolOptions['servers'], keepUri: boolean): void {
  if (!Array.isArray(servers) || servers.length > SERVERS_MAX)
    throw refused(`servers of ${pool}`, `a list of ${SERVERS_MAX} at most`, servers);
  const names = new Set<string>();
  for (const written of servers as PoolOptions['servers']) {
    const name = checkServer(pool, typeof written === 'string' ? { uri: written } : written, keepUri);
    if (names.has(name)) throw refused(`servers of ${pool}`, 'each of them once', name);
    names.add(name);
  }
}

/** Answers its name. */
function checkServer(pool: string, options: PoolServerOptions, keepUri: boolean): string {
  checkNames(`a server of ${pool}`, options, SERVER_OPTIONS);
  const { uri: written, weight, priority, resources = {} } = options;
  const uri = uriOf(`uri of a server of ${pool}`, written);
  const server = `${printUri(uri)} in ${pool}`;
  checkAddress(server, uri, keepUri);
  checkWhole(`weight of ${server}`, weight, 1, WEIGHT_MAX);
  checkWhole(`priority of ${server}`, priority, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  const channels = Object.entries(resources);
  if (channels.length > KINDS_MAX)
    throw refused(`resources of ${server}`, `${KINDS_MAX} kinds at most`, channels.length);
  for (const [kind, count] of channels) checkWhole(`${kind} of ${server}`, count ?? NaN, 0, CHANNELS_MAX);
  return printUri(uri);
}

function uriOf(what: string, written: string): Uri {
  const expected = 'a SIP URI such as sip:192.0.2.21:5060';
  if (typeof written !== 'string') throw refused(what, expected, written);
  try {
    return parseUri(written);
  } catch {
    throw refused(what, expected, written);
  }
}

/** A kept Request-URI says nothing about the way, so the way must need no look-up. */
function checkAddress(server: string, uri: Uri, keepUri: boolean): void {
  if (uri.scheme === 'tel') throw refused(server, 'a sip or sips URI', 'tel');
  if (!TRANSPORTS.has(transportOf(uri)))
    throw refused(`transport of ${server}`, `one of ${[...TRANSPORTS].join(', ')}`, uri.params['transport']);
  if (keepUri && !isIpAddress(uri.host))
    throw refused(`${server} with requestUri 'keep'`, 'an address', uri.host);
}
