/** All connections of the process, whoever opened them and whatever is spoken on them, by the peer's address. */
import { addressWords } from '../base/network.ts';
import type {
  ByteStream,
  Clock,
  HostPort,
  Listener,
  ListenOptions,
  Net,
  StreamKind,
  StreamUser,
  TlsIdentity,
} from '../base/world.ts';
import { parseMessage } from '../sip/parse.ts';
import { topVia } from '../sip/via.ts';
import { Connection, type ConnectionLimits, type ConnectionOwner } from './connection.ts';
import { aliasKey, connectionKey } from './connection-alias.ts';
import { type Flow, isSecure } from './flow.ts';
import type { Hop } from './transports.ts';

/** What a set of connections is made of. */
export interface ConnectionsParts {
  readonly net: Net;
  readonly clock: Clock;
  readonly limits: ConnectionLimits;
  /** Who we are when we connect by TLS. */
  readonly tls: TlsIdentity | undefined;
  /** Our address, for a peer that we connect to. */
  readonly sentByFor: (hop: Hop) => string;
  readonly receive: (text: string, flow: Flow) => void;
}

const nobody: StreamUser = { data() {}, closed() {} };

/** Keeps them. */
export class Connections implements ConnectionOwner {
  readonly clock: Clock;
  readonly limits: ConnectionLimits;
  readonly receive: (text: string, flow: Flow) => void;
  private readonly net: Net;
  private readonly sentByFor: (hop: Hop) => string;
  private tls: TlsIdentity | undefined;
  private readonly listeners: Listener[] = [];
  /** Every connection, and the one that a message to a peer goes by. */
  private readonly all = new Set<Connection>();
  private readonly byKey = new Map<string, Connection>();
  private readonly sources = new Map<string, number>();
  private ended = false;

  constructor(parts: ConnectionsParts) {
    this.net = parts.net;
    this.clock = parts.clock;
    this.limits = parts.limits;
    this.tls = parts.tls;
    this.sentByFor = parts.sentByFor;
    this.receive = parts.receive;
  }

  /** `sentByFor`: our address as a peer that connects to this listener sees it. */
  async listen(
    at: HostPort,
    options: ListenOptions,
    sentByFor: (remoteHost: string) => string,
  ): Promise<Listener> {
    const accept = (stream: ByteStream): StreamUser => this.accept(stream, options.kind, sentByFor);
    const listener = await this.net.listen(at, accept, options);
    this.listeners.push(listener);
    return listener;
  }

  /** The connection to a peer, opened when there is none and it can be. */
  flowTo(hop: Hop): Connection | undefined {
    const known = this.find(hop);
    if (known !== undefined) return known;
    const { transport } = hop;
    if (hop.connected === true || (transport !== 'tcp' && transport !== 'tls')) return undefined;
    return this.all.size < this.limits.connectionsMax ? this.connect(hop, transport) : undefined;
  }

  /** The connection that stands to a peer. */
  find(hop: Hop): Connection | undefined {
    const key = connectionKey(hop.transport, hop.host, hop.port);
    if (hop.serverName !== undefined) {
      const named = this.byKey.get(namedKey(key, hop.serverName));
      if (named?.open) return named;
    }
    const known = this.byKey.get(key);
    return known?.open && proves(known, hop) && (hop.secure !== true || isSecure(known.transport))
      ? known
      : undefined;
  }

  /** Who connects from now on, and whom we connect to, sees these certificates. */
  renew(tls: TlsIdentity): void {
    this.tls = tls;
    for (const listener of this.listeners) listener.renew(tls);
  }

  close(): void {
    this.ended = true;
    for (const listener of this.listeners) listener.close();
    for (const connection of this.all) connection.close();
  }

  learn(connection: Connection, request: string): void {
    const key = aliasKey(request, connection);
    // Who comes later does not take the name of one that is there.
    if (key !== undefined && this.byKey.get(key)?.open !== true) this.keep(connection, key);
  }

  /**
   * RFC 3261 §18.2.2: to the address the request came from, at the port that its Via names. A browser cannot be
   * connected to. Departs from RFC 3263 §5 because what failed there too goes nowhere: the servers of the sent-by name
   * are not looked for, as a response waits for no name, and whoever sends a request chooses what stands in its Via.
   */
  answerElsewhere(gone: Connection, response: string): boolean {
    if (this.ended || (gone.transport !== 'tcp' && gone.transport !== 'tls')) return false;
    const { host } = gone.remote;
    if (this.isCrowded(host)) return false;
    const message = parseMessage(response);
    const via = message.kind === 'response' ? topVia(message.headers) : undefined;
    if (message.kind !== 'response' || via === undefined) return false;
    const sentBy = message.headers.text.substring(via.sentByStart, via.hostEnd);
    const port = via.port > 0 ? via.port : gone.transport === 'tls' ? 5061 : 5060;
    const named = gone.transport === 'tls' && addressWords(sentBy.replace(/[[\]]/g, '')) === undefined;
    const hop = { transport: gone.transport, host, port, ...(named ? { serverName: sentBy } : {}) };
    return this.flowTo(hop)?.send(response) ?? false;
  }

  reconnect({ transport, remote, serverName }: Connection): Connection | undefined {
    const { host, port } = remote;
    const named = serverName === undefined ? {} : { serverName };
    return this.ended ? undefined : this.flowTo({ transport, host, port, ...named });
  }

  forget(connection: Connection): void {
    if (!this.all.delete(connection)) return;
    for (const key of connection.keys) {
      // Another connection may have taken it: a peer has one port for two listeners of ours, or comes back.
      if (this.byKey.get(key) === connection) this.byKey.delete(key);
    }
    const source = sourceOf(connection.remote.host);
    const left = (this.sources.get(source) ?? 1) - 1;
    if (left === 0) this.sources.delete(source);
    else this.sources.set(source, left);
  }

  private accept(
    stream: ByteStream,
    transport: StreamKind,
    sentByFor: (remoteHost: string) => string,
  ): StreamUser {
    const { host, port } = stream.remote;
    if (this.isCrowded(host) || this.all.size >= this.limits.connectionsMax) {
      stream.destroy();
      return nobody;
    }
    const connection = new Connection(this, { transport, sentBy: sentByFor(host), accepted: true });
    connection.attach(stream);
    this.count(connection, host);
    this.keep(connection, connectionKey(transport, host, port));
    return connection;
  }

  private connect(hop: Hop, transport: 'tcp' | 'tls'): Connection {
    const { host, port, serverName } = hop;
    const sentBy = this.sentByFor(hop);
    const connection = new Connection(this, { transport, sentBy, accepted: false, serverName });
    const options = { kind: transport, tls: this.tls, serverName };
    connection.attach(this.net.connect({ host, port }, connection, options));
    this.count(connection, host);
    const key = connectionKey(transport, host, port);
    if (serverName !== undefined) this.keep(connection, namedKey(key, serverName));
    if (this.byKey.get(key)?.open !== true) this.keep(connection, key);
    return connection;
  }

  private keep(connection: Connection, key: string): void {
    connection.keys.push(key);
    this.byKey.set(key, connection);
  }

  private count(connection: Connection, host: string): void {
    const source = sourceOf(host);
    this.sources.set(source, (this.sources.get(source) ?? 0) + 1);
    this.all.add(connection);
  }

  private isCrowded(host: string): boolean {
    return (this.sources.get(sourceOf(host)) ?? 0) >= this.limits.connectionsPerSource;
  }
}

/** A connection that was opened to one domain is none to another, unless the peer proved both. RFC 5923 */
function proves(connection: Connection, hop: Hop): boolean {
  const { serverName } = hop;
  if (serverName === undefined || connection.transport === 'tcp') return true;
  return connection.serverName === serverName || connection.peerNames.includes(serverName.toLowerCase());
}

function namedKey(key: string, serverName: string): string {
  return `${key} ${serverName.toLowerCase()}`;
}

/** An IPv6 site has more addresses than anyone can count: its network is the source. */
function sourceOf(host: string): string {
  if (!host.includes(':')) return host;
  const words = addressWords(host);
  return words === undefined ? host : `${words[0]}:${words[1]}`;
}
