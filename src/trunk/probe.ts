/** Asks the servers of a pool whether they live: OPTIONS at an interval, and what the answer says. */
import type { Millis, Timer, World } from '../base/world.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { buildRequest } from '../sip/build.ts';
import type { Uri } from '../sip/uri.ts';
import type { ClientTransaction, ClientUser } from '../transaction/client-transaction.ts';
import type { TransactionLayer } from '../transaction/layer.ts';
import { USER_TIMER } from '../transaction/timer-codes.ts';
import type { Flow } from '../transport/flow.ts';
import type { Hops } from '../transport/locate.ts';
import type { Hop } from '../transport/transports.ts';
import type { Pool } from './pool.ts';
import type { PoolServer } from './pool-server.ts';

/** What probes are sent with. */
export interface ProbeParts {
  readonly world: World;
  readonly layer: TransactionLayer;
  /** Where a URI lives. */
  readonly hops: (uri: Uri) => Hops;
  /** Undefined when no listener of ours speaks that transport. */
  readonly flowTo: (hop: Hop) => Flow | undefined;
  /** Sees a request of ours before it goes out, and may change it; false keeps it back. */
  readonly local: (request: SipRequest) => boolean;
}

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
    for (const server of servers)
      if (server.state !== 'disabled') new Probe(parts, server, probe.replyMs).tryNext(NO_WAY);
    this.timer = parts.world.clock.after(probe.everyMs, () => this.round(parts));
  }
}

/** What became of a probe. */
interface Outcome {
  readonly alive: boolean;
  readonly status: number;
  readonly why: string;
}

const NO_WAY: Outcome = {
  alive: false,
  status: 503,
  why: 'its address is not known, or no listener of ours speaks its transport',
};
const SILENT: Outcome = { alive: false, status: 408, why: 'it does not answer OPTIONS' };
const UNREACHABLE: Outcome = { alive: false, status: 503, why: 'it cannot be reached' };

/** One OPTIONS, at each address of a server until one answers: calls go on to the next one, too. RFC 3263 §4.3 */
class Probe implements ClientUser {
  private readonly parts: ProbeParts;
  private readonly server: PoolServer;
  private readonly replyMs: Millis;
  private readonly hops: Hops;
  private client: ClientTransaction | undefined = undefined;

  constructor(parts: ProbeParts, server: PoolServer, replyMs: Millis) {
    this.parts = parts;
    this.server = server;
    this.replyMs = replyMs;
    this.hops = parts.hops(server.uri);
  }

  /** At the next address; where there is none the last outcome counts. */
  tryNext(last: Outcome): void {
    this.client = undefined;
    const hop = this.hops.next();
    if (!(hop instanceof Promise)) return this.send(hop, last);
    hop
      .then((found) => this.send(found, last))
      .catch((error: unknown) => this.tell({ alive: false, status: 503, why: String(error) }));
  }

  response(client: ClientTransaction, { status }: SipResponse): void {
    if (status < 200 || client !== this.client) return;
    this.hops.answered();
    const outcome = { alive: isAlive(status), status, why: `it answered ${status} to OPTIONS` };
    if (status === 503) this.goOn(outcome);
    else this.tell(outcome);
  }

  failed(client: ClientTransaction, why: 'timeout' | 'transport'): void {
    if (client === this.client) this.goOn(why === 'timeout' ? SILENT : UNREACHABLE);
  }

  timer(client: ClientTransaction): void {
    if (client === this.client) this.goOn(SILENT);
  }

  private goOn(outcome: Outcome): void {
    this.hops.failed();
    if (this.hops.mayHaveMore) this.tryNext(outcome);
    else this.tell(outcome);
  }

  private tell({ alive, status, why }: Outcome): void {
    this.client = undefined;
    this.server.probed(alive, status, why);
  }

  private send(hop: Hop | undefined, last: Outcome): void {
    const { parts, server } = this;
    if (hop === undefined) return this.tell(last);
    const flow = parts.flowTo(hop);
    if (flow === undefined) return this.goOn(NO_WAY);
    const request = optionsTo(server, parts.world, flow.sentBy);
    // What was kept back, or found no room with us, says nothing about the server.
    if (!parts.local(request)) return;
    const client = parts.layer.openClient(flow, request, 0, this);
    if (client === undefined) return;
    this.client = client;
    const { text } = request;
    const afterFirstLine = text.indexOf('\r\n') + 2;
    client.begin(text.substring(0, afterFirstLine) + client.via(0) + text.substring(afterFirstLine));
    client.startUserTimer(this.replyMs, USER_TIMER);
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
