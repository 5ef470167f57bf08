/** TLS on both sides: who we are by the name that is asked for, and what the others prove. RFC 5922 */
import { constants, X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { connect, createSecureContext, createServer, TLSSocket } from 'node:tls';
import type { SecureContext, SecureContextOptions, Server } from 'node:tls';
import { Endpoint, isIpAddress } from '../base/endpoint.ts';
import type {
  ByteStream,
  Certificate,
  ConnectOptions,
  HostPort,
  StreamUser,
  TlsIdentity,
} from '../base/world.ts';
import type { Turns } from './stream-turns.ts';
import { addressesOnly, carryBytes, SocketStream } from './tcp.ts';
import { namesOf } from './tls-names.ts';

/** What becomes of a handshake. */
export interface HandshakeUser {
  secured(socket: TLSSocket): void;
  failed(reason: string): void;
}

/** Nobody may make us negotiate again and again on one connection. */
const { SSL_OP_NO_RENEGOTIATION, SSL_OP_NO_TICKET } = constants;

/** Makes TLS connections of TCP connections that came in. */
export class TlsAcceptor {
  private readonly server: Server;
  private byName: ReadonlyMap<string, SecureContext> = new Map();
  /** Handshakes that go on, by the ends of their TCP connection. */
  private readonly pending = new Map<string, HandshakeUser>();

  constructor(identity: TlsIdentity) {
    this.server = createServer({
      ...contextOptions(identity, identity.certificates[0]),
      requestCert: identity.clients !== 'none',
      rejectUnauthorized: identity.clients === 'required',
      SNICallback: (name, choose) => choose(null, this.contextFor(name)),
    });
    this.byName = contextsByName(identity);
    this.server.on('secureConnection', (socket) => {
      const user = this.take(socket);
      if (user === undefined) socket.destroy();
      else user.secured(socket);
    });
    this.server.on('tlsClientError', (error, socket) => this.take(socket)?.failed(error.message));
  }

  accept(socket: Socket, user: HandshakeUser): void {
    const key = keyOf(socket);
    this.pending.set(key, user);
    socket.once('close', () => this.pending.delete(key));
    this.server.emit('connection', socket);
  }

  /** Who connects from now on sees these. */
  renew(identity: TlsIdentity): void {
    const byName = contextsByName(identity);
    this.server.setSecureContext(contextOptions(identity, identity.certificates[0]));
    this.byName = byName;
  }

  private take(socket: TLSSocket): HandshakeUser | undefined {
    const key = keyOf(socket);
    const user = this.pending.get(key);
    this.pending.delete(key);
    return user;
  }

  /** The certificate of that name, or the one for all names beside it. RFC 6066 §3 */
  private contextFor(name: string): SecureContext | undefined {
    const asked = name.toLowerCase();
    return this.byName.get(asked) ?? this.byName.get(`*${asked.substring(asked.indexOf('.'))}`);
  }
}

/** Opens a TLS connection. Nothing leaves before the server has proved its name. RFC 5922 §7.3 */
export function connectTls(
  to: HostPort,
  user: StreamUser,
  options: ConnectOptions,
  turns: Turns,
): ByteStream {
  const socket = openTls(to, options);
  const stream = new SocketStream(socket, new Endpoint(to.host, to.port));
  stream.serve(user);
  socket.once('secureConnect', () => {
    stream.peerNames = provenNames(socket);
    stream.carry(carryBytes(socket, user, turns));
    stream.opened();
  });
  return stream;
}

/** A TLS socket to somebody who has that name; it breaks when he has not. */
export function openTls(to: HostPort, options: ConnectOptions): TLSSocket {
  const { tls, serverName = to.host } = options;
  const socket = connect({
    ...(tls === undefined ? { minVersion: 'TLSv1.2' } : contextOptions(tls, tls.certificates[0])),
    host: to.host,
    port: to.port,
    lookup: addressesOnly,
    ...(isIpAddress(serverName) ? {} : { servername: serverName }),
    checkServerIdentity: (_, { raw }) => complaintAbout(new X509Certificate(raw), serverName),
  });
  return socket.setNoDelay(true);
}

/** What the other side proved by a certificate that we believe. */
export function provenNames(socket: TLSSocket): readonly string[] {
  const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;
  return certificate === undefined ? [] : namesOf(certificate);
}

function complaintAbout(certificate: X509Certificate, name: string): Error | undefined {
  const fits = isIpAddress(name)
    ? certificate.checkIP(name) !== undefined
    : namesOf(certificate).includes(name.toLowerCase());
  return fits
    ? undefined
    : new Error(`the certificate is for ${namesOf(certificate).join(', ')}, not ${name}`);
}

function contextsByName(identity: TlsIdentity): ReadonlyMap<string, SecureContext> {
  const contexts = new Map<string, SecureContext>();
  for (const certificate of identity.certificates) {
    const context = createSecureContext(contextOptions(identity, certificate));
    for (const name of namesOf(new X509Certificate(certificate.chain))) {
      if (!contexts.has(name)) contexts.set(name, context);
    }
  }
  return contexts;
}

function contextOptions(identity: TlsIdentity, certificate: Certificate | undefined): SecureContextOptions {
  // A ticket would let a client in again whose authority we have ceased to believe.
  const tickets = identity.clients === 'none' ? 0 : SSL_OP_NO_TICKET;
  return {
    minVersion: 'TLSv1.2',
    secureOptions: SSL_OP_NO_RENEGOTIATION | tickets,
    ...(certificate === undefined ? {} : { cert: certificate.chain, key: certificate.key }),
    ...(identity.authorities === undefined ? {} : { ca: identity.authorities }),
  };
}

/** With our own address: a NAT gives one port of its own to connections that go to different ones. */
function keyOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`;
}
