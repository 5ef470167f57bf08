/** Asks the servers of a pool whether they live: OPTIONS at an interval, and what the answer says. */
import type { Timer, World } from '../base/world.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { buildRequest } from '../sip/build.ts';
import type { Uri } from '../sip/uri.ts';
import type { ClientTransaction, ClientUser } from '../transaction/client-transaction.ts';
import type { TransactionLayer } from '../transaction/layer.ts';
import { USER_TIMER } from '../transaction/timer-codes.ts';
import type { Flow } from '../transport/flow.ts';
import type { Hop } from '../transport/transports.ts';
import type { Pool } from './pool.ts';
import type { PoolServer } from './pool-server.ts';

/** What probes are sent with. */
export interface ProbeParts {
  readonly world: World;
  readonly layer: TransactionLayer;
  /** Where a URI lives; undefined: nowhere. */
  readonly locate: (uri: Uri) => Hop | undefined | Promise<Hop | undefined>;
  /** Undefined when no listener of ours speaks that transport. */
  readonly flowTo: (hop: Hop) => Flow | undefined;
  /** Sees a request of ours before it goes out, and may change it; false keeps it back. */
  readonly local: (request: SipRequest) => boolean;
}

const NO_WAY = 'its address is not known, or no listener of ours speaks its transport';

/** The first probes are spread over this, so that many pools do not ask at once. */
const FIRST_WITHIN_MS = 1_000;

/** The probing of one pool, from `start` to `stop`. */
export class PoolProbe {
  private readonly pool: Pool;
  private timer: Timer | undefined = undefined;

  constructor(pool: Pool) {
    this.pool = pool;
  }

  /** Follows the pool's options, also when they change; a pool without a probe is asked nothing. */
  start(parts: ProbeParts | undefined): void {
    const { probe } = this.pool;
    if (probe === undefined) return this.stop();
    if (parts === undefined) return; // The exchange does not listen yet.
    const { clock, random } = parts.world;
    const firstMs = random.below(Math.min(probe.everyMs, FIRST_WITHIN_MS));
    this.timer ??= clock.after(firstMs, () => this.round(parts));
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  private round(parts: ProbeParts): void {
    this.timer = undefined;
    const { probe, servers } = this.pool;
    if (probe === undefined) return;
    for (const server of servers) if (server.state !== 'disabled') ask(parts, server, probe.replyMs);
    this.timer = parts.world.clock.after(probe.everyMs, () => this.round(parts));
  }
}

/** Sends one OPTIONS; what comes of it is told to the server. RFC 3261 §11 */
function ask(parts: ProbeParts, server: PoolServer, replyMs: number): void {
  const hop = parts.locate(server.uri);
  if (!(hop instanceof Promise)) return send(parts, server, hop, replyMs);
  hop
    .then((found) => send(parts, server, found, replyMs))
    .catch((error: unknown) => server.probed(false, 503, String(error)));
}

function send(parts: ProbeParts, server: PoolServer, hop: Hop | undefined, replyMs: number): void {
  const flow = hop === undefined ? undefined : parts.flowTo(hop);
  if (flow === undefined) return server.probed(false, 503, NO_WAY);
  const request = optionsTo(server, parts.world, flow.sentBy);
  // What was kept back, or found no room with us, says nothing about the server.
  if (!parts.local(request)) return;
  const client = parts.layer.openClient(flow, false, 0, new Probe(server));
  if (client === undefined) return;
  const { text } = request;
  const afterFirstLine = text.indexOf('\r\n') + 2;
  client.begin(text.substring(0, afterFirstLine) + client.via(0) + text.substring(afterFirstLine));
  client.startUserTimer(replyMs, USER_TIMER);
}

/** One OPTIONS on its way. The first thing that is known counts. */
class Probe implements ClientUser {
  private readonly server: PoolServer;
  private known = false;

  constructor(server: PoolServer) {
    this.server = server;
  }

  response(_client: ClientTransaction, { status }: SipResponse): void {
    if (status >= 200) this.tell(isAlive(status), status, `it answered ${status} to OPTIONS`);
  }

  failed(_client: ClientTransaction, why: 'timeout' | 'transport'): void {
    if (why === 'timeout') this.tell(false, 408, 'it does not answer OPTIONS');
    else this.tell(false, 503, 'it cannot be reached');
  }

  timer(): void {
    this.tell(false, 408, 'it does not answer OPTIONS');
  }

  private tell(alive: boolean, status: number, why: string): void {
    if (this.known) return;
    this.known = true;
    this.server.probed(alive, status, why);
  }
}

/** Who refuses OPTIONS lives all the same; 408, 6xx, and 5xx but 501 and 505 say that it does not work. */
export function isAlive(status: number): boolean {
  return (status < 500 && status !== 408) || status === 501 || status === 505;
}

/** Without its Via, which names the transaction. */
function optionsTo({ name }: PoolServer, { random }: World, sentBy: string): SipRequest {
  return buildRequest({
    method: 'OPTIONS',
    uri: name,
    headers: [
      ['Max-Forwards', 70],
      ['From', `<sip:probe@${sentBy}>;tag=${random.token(48)}`],
      ['To', `<${name}>`],
      ['Call-ID', random.token(96)],
      ['CSeq', '1 OPTIONS'],
      ['User-Agent', 'tandem'],
      ['Accept', 'application/sdp'],
    ],
  });
}
