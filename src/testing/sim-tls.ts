/** TLS on a simulated network: names that are believed or not, no cipher. */
import type { Endpoint } from '../base/endpoint.ts';
import type { Certificate, ConnectOptions, ListenOptions, TokenOwner } from '../base/world.ts';

const BELIEVED = 'certificate of ';
const OWN_WORD = 'own word of ';

/** What each side of a connection knows of the other. */
export interface Agreement {
  /** What the server proved. */
  readonly server: readonly string[];
  /** What the client proved. */
  readonly client: readonly string[];
}

/** A certificate with these names, which everybody on the network believes; the first is who it is for. */
export function simCertificate(...names: readonly string[]): Certificate {
  return { chain: `${BELIEVED}${names.join(' ')}`, key: 'a key' };
}

/** A certificate that nobody believes. */
export function selfSignedCertificate(...names: readonly string[]): Certificate {
  return { chain: `${OWN_WORD}${names.join(' ')}`, key: 'a key' };
}

/** What a handshake ends with: what was proved, or why it failed. `host` is where the client connected to. */
export function agree(client: ConnectOptions, server: ListenOptions, host: string): Agreement | string {
  if (client.kind !== server.kind) return `${client.kind} is not spoken here, ${server.kind} is`;
  if (client.kind === 'tcp' || client.kind === 'ws') return { server: [], client: [] };
  const wanted = client.serverName ?? host;
  const certificates = server.tls?.certificates ?? [];
  const shown = certificates.find((one) => namesIn(one).includes(wanted)) ?? certificates[0];
  if (shown === undefined) return 'the server has no certificate';
  if (!isBelieved(shown)) return 'the certificate of the server is self-signed';
  if (!namesIn(shown).includes(wanted))
    return `the certificate is for ${namesIn(shown).join(', ')}, not ${wanted}`;
  const asked = client.kind === 'tls' ? (server.tls?.clients ?? 'none') : 'none';
  const own = client.tls?.certificates[0];
  const proved = asked !== 'none' && own !== undefined && isBelieved(own) ? namesIn(own) : [];
  if (asked === 'required' && proved.length === 0) return 'the client did not prove who it is';
  return { server: namesIn(shown), client: proved };
}

/** Whose a WebSocket is, by the token that it is opened with. */
export function admit(
  { kind, token }: ConnectOptions,
  server: ListenOptions,
  remote: Endpoint,
): TokenOwner | 'refused' | undefined {
  if (token === undefined || server.admit === undefined || (kind !== 'ws' && kind !== 'wss'))
    return undefined;
  return server.admit(token, remote) ?? 'refused';
}

function isBelieved(certificate: Certificate): boolean {
  return certificate.chain.startsWith(BELIEVED);
}

function namesIn({ chain }: Certificate): readonly string[] {
  const start = chain.startsWith(BELIEVED) ? BELIEVED.length : OWN_WORD.length;
  return chain.substring(start).split(' ');
}
