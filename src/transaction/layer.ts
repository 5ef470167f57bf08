/**
 * The transaction layer: message → its transaction, or a new one. RFC 3261 §17.
 * Transactions are pooled: a slot and a generation name one, and our branch carries both, so a response finds its
 * client transaction by an array index and a stale one finds nobody. Both can be counted by whoever got a request of
 * ours, so the branch also carries a number that only its receiver knows: a forged response finds nobody either.
 */
import { nineDigits } from '../base/digits.ts';
import { Slab } from '../base/slab.ts';
import type { Millis, World } from '../base/world.ts';
import type { SipRequest, SipResponse } from '../sip/message.ts';
import { hasMagicCookie, hasRport, topVia, type ViaSpan } from '../sip/via.ts';
import type { Flow } from '../transport/flow.ts';
import { type Asked, ClientTransaction, type ClientUser } from './client-transaction.ts';
import type { TransactionKey } from './key.ts';
import { KeyTable } from './key-table.ts';
import { ServerTransaction } from './server-transaction.ts';
import { SourceLoad } from './source-load.ts';
import { CAUSED_MAX, keptStem, type Stem } from './stem.ts';
import { serverTimer } from './timer-codes.ts';
import { TimerRings, TRYING_AFTER } from './timers.ts';

const SLAB_BYTES_MAX = 2 * 1024 ** 3;
/** The part of all transactions, one in so many, that new requests leave to dialogs that stand and to CANCEL. */
const RESERVED_PART = 10;
/** Requests within dialogs are taken from a source that holds less than so many times what it may begin. */
const IN_DIALOG_TIMES = 2;
/** The operator is told of a source that holds too much no more often than this. */
const COMPLAINT_MS = 10_000;
/**
 * Transactions of each kind made at the start: what would be made under load would grow old under load, and every
 * object that the collector moves to its old space costs the calls of that moment some of their time.
 */
const MADE_AHEAD = 65_536;
/** Slots are written with eight digits, so that equal messages have equal lengths on the wire. */
const SLOT_BASE = 10_000_000;
const GENERATION_BASE = 100_000_000;
const GENERATION_MAX = 999_999_999;
const PROOF_BASE = 100_000_000;
/** Where the loop mark stands behind `branchPrefix`. */
export const LOOP_MARK_AT = 29;

/** What happened since the start. */
export interface LayerCounters {
  received: number;
  retransmitted: number;
  serverFailed: number;
  clientFailed: number;
  strayResponses: number;
  refused: number;
  /** Refused because their source holds too many already. */
  crowding: number;
}

/** How much the layer takes. */
export interface LayerLimits {
  /** Transactions of both kinds at once. */
  readonly transactionsMax: number;
  /** Those that one source may hold, with what we sent on for it; without a limit unless told. */
  readonly sourceMax?: number;
  /** Whether a source may hold more. Asked only of one that does. */
  readonly isUnlimited?: (source: Flow) => boolean;
}

/** All transactions of the exchange. */
export class TransactionLayer {
  readonly slab = new Slab(SLAB_BYTES_MAX);
  readonly counters: LayerCounters = {
    received: 0,
    retransmitted: 0,
    serverFailed: 0,
    clientFailed: 0,
    strayResponses: 0,
    refused: 0,
    crowding: 0,
  };
  /** Begins every branch of ours: a Via that holds it came from us. Nobody knows it who got no request of ours. */
  readonly branchPrefix: string;
  private readonly keys: KeyTable;
  private readonly servers: ServerTransaction[] = [];
  private readonly clients: ClientTransaction[] = [];
  private readonly freeServers: number[] = [];
  private readonly freeClients: number[] = [];
  private readonly timers: TimerRings;
  readonly transactionsMax: number;
  /** Beyond this only requests within a dialog and CANCELs are taken. */
  private readonly newMax: number;
  private readonly sources: SourceLoad;
  private readonly sourceMax: number;
  private readonly isUnlimited: (source: Flow) => boolean;
  private silentUntil: Millis = 0;
  private readonly world: World;
  /** Begins our To tags, which anybody may see: no part of `branchPrefix`. */
  private readonly tagPrefix: string;
  private generation: number;
  /** How our Via began last, and for which flow. */
  private viaTransport = '';
  private viaSentBy = '';
  private viaText = '';

  constructor(world: World, options: LayerLimits) {
    this.world = world;
    this.transactionsMax = options.transactionsMax;
    this.newMax = options.transactionsMax - Math.floor(options.transactionsMax / RESERVED_PART);
    this.sourceMax = options.sourceMax ?? Infinity;
    this.isUnlimited = options.isUnlimited ?? (() => false);
    this.tagPrefix = world.random.token(36);
    this.branchPrefix = `z9hG4bK${world.random.token(36)}`;
    this.keys = new KeyTable(world.random.below(0x7fffffff));
    this.generation = GENERATION_BASE + world.random.below(GENERATION_BASE * 8);
    this.sources = new SourceLoad(world.random.below(0x7fffffff));
    this.timers = new TimerRings(world.clock, this.expire);
    for (let slot = Math.min(MADE_AHEAD, options.transactionsMax >> 1) - 1; slot >= 0; slot--) {
      this.servers[slot] = new ServerTransaction(slot, this);
      this.clients[slot] = new ClientTransaction(slot, this);
      this.freeServers.push(slot);
      this.freeClients.push(slot);
    }
  }

  /** Transactions that live, both kinds. */
  get count(): number {
    return this.serverCount + this.clientCount;
  }

  /** Whether a request of ours waits for its final response. */
  get hasPending(): boolean {
    return this.clients.some((client) => client.generation !== 0 && client.pending);
  }

  get serverCount(): number {
    return this.servers.length - this.freeServers.length;
  }

  get clientCount(): number {
    return this.clients.length - this.freeClients.length;
  }

  // ─── server transactions ─────────────────────────────────────────────────────────────────────

  /** The transaction this request belongs to: a retransmission's own, an ACK's INVITE. */
  findServer(key: TransactionKey): ServerTransaction | undefined {
    const slot = this.keys.find(key);
    return slot < 0 ? undefined : this.servers[slot];
  }

  /**
   * Undefined when a limit is reached: the request is answered 503 without a transaction. `stem`: it came back to us.
   */
  openServer(
    key: TransactionKey,
    request: SipRequest,
    flowBack: Flow,
    order: number,
    stem?: Stem,
  ): ServerTransaction | undefined {
    const source = this.sources.placeOf(flowBack.remote);
    if (this.sources.heldAt(source) >= this.sourceMax && this.isCrowding(request, flowBack, source))
      return undefined;
    const full = this.count >= this.newMax && this.hasNoRoomFor(request); // Before a slot is taken: it counts.
    const slot = this.freeServers.pop() ?? this.servers.length;
    if (full || !this.keys.add(key, slot)) {
      if (slot < this.servers.length) this.freeServers.push(slot);
      this.counters.refused++;
      return undefined;
    }
    const server = (this.servers[slot] ??= new ServerTransaction(slot, this));
    server.generation = this.nextGeneration();
    server.begin(request, flowBack, order);
    server.source = source;
    server.stemSlot = stem?.stemSlot ?? slot;
    server.stemGeneration = stem?.stemGeneration ?? server.generation;
    server.caused = 0;
    this.sources.take(source);
    return server;
  }

  /** Nobody fills the table by himself. What he has begun may end. */
  private isCrowding(request: SipRequest, flow: Flow, source: number): boolean {
    const held = this.sources.heldAt(source);
    if (request.toTag !== '' && held < this.sourceMax * IN_DIALOG_TIMES) return false;
    if (this.isUnlimited(flow)) return false;
    this.counters.crowding++;
    const now = this.world.clock.now();
    if (now < this.silentUntil) return true;
    this.silentUntil = now + COMPLAINT_MS;
    const facts = { from: flow.remote.key, held, limit: this.sourceMax, refused: this.counters.crowding };
    this.world.log.warn('a source holds too many transactions; name your own peers in [guard] exempt', facts);
    return true;
  }

  /** Who fills the table with new calls must not keep those that stand from ending. */
  private hasNoRoomFor(request: SipRequest): boolean {
    if (this.count >= this.transactionsMax) return true;
    return request.toTag === '' && request.method !== 'CANCEL';
  }

  serverAt(slot: number, generation: number): ServerTransaction | undefined {
    const server = this.servers[slot];
    return server !== undefined && server.generation === generation ? server : undefined;
  }

  /**
   * Responses over UDP go to the port of sent-by, unless the peer asked for symmetric routing by `rport`.
   * RFC 3261 §18.2.2, RFC 3581 §4. `maddr` is not followed: a stranger would aim our answers with it. Who writes no
   * port that can be hears us where he sent from.
   */
  flowBack(request: SipRequest, via: ViaSpan, flow: Flow): Flow {
    if (flow.reliable || hasRport(request.headers.text, via)) return flow;
    if (via.port === 0 && via.sentByEnd > via.hostEnd) return flow;
    const port = via.port === 0 ? 5060 : via.port;
    return port === flow.remote.port ? flow : flow.toPort(port);
  }

  /** Our To tag for a request: the same for its retransmissions, also when no transaction is kept (§8.2.7). */
  toTag(request: SipRequest): string {
    const { text } = request.headers;
    const via = topVia(request.headers);
    const branched = via !== undefined && hasMagicCookie(text, via);
    let hash = 0x811c9dc5;
    const from = branched ? via.branchStart : 0;
    const to = branched ? via.branchEnd : text.length;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    return `${this.tagPrefix}${(hash >>> 0).toString(36)}`;
  }

  releaseServer(server: ServerTransaction): void {
    server.generation = 0;
    this.sources.free(server.source);
    this.keys.remove(server.slot);
    this.freeServers.push(server.slot);
  }

  startServerTimer(server: ServerTransaction, code: typeof serverTimer.silent): void {
    this.timers.start(TRYING_AFTER, server.slot, server.generation, code);
  }

  // ─── client transactions ─────────────────────────────────────────────────────────────────────

  /**
   * Undefined when a limit is reached. The caller builds the request with `via(…)`, then calls `begin`. `stem`: what it
   * is sent for.
   */
  openClient(
    flow: Flow,
    asked: Asked,
    order: number,
    user: ClientUser,
    stem?: Stem,
  ): ClientTransaction | undefined {
    if (this.count >= this.transactionsMax || (stem !== undefined && !this.mayCause(stem))) {
      this.counters.refused++;
      return undefined;
    }
    const slot = this.freeClients.pop() ?? this.clients.length;
    const client = (this.clients[slot] ??= new ClientTransaction(slot, this));
    client.generation = this.nextGeneration();
    client.proof = PROOF_BASE + this.world.random.below(GENERATION_MAX - PROOF_BASE);
    client.reserve(flow, asked, order, user);
    client.stemSlot = stem?.stemSlot ?? -1;
    client.stemGeneration = stem?.stemGeneration ?? 0;
    return client;
  }

  /** Whether one more request may stem from this one. */
  private mayCause({ stemSlot, stemGeneration }: Stem): boolean {
    const stem = this.serverAt(stemSlot, stemGeneration);
    if (stem === undefined) return false; // It was answered: nobody waits for what stems from it.
    if (++stem.caused <= CAUSED_MAX) return true;
    if (stem.caused === CAUSED_MAX + 1) {
      const facts = { from: stem.flow.remote.key, limit: CAUSED_MAX };
      this.world.log.warn('a request comes back to us again and again', facts);
    }
    return false;
  }

  /** What the request stems from whose branch, one of ours, stands there; undefined once that is over. */
  stemAt(text: string, branchStart: number): Stem | undefined {
    const client = this.clientAt(text, branchStart);
    return client === undefined || client.stemSlot < 0 ? undefined : keptStem(client);
  }

  /** What is sent on for a request is held by its source too. */
  charge(client: ClientTransaction, server: ServerTransaction): void {
    client.source = server.source;
    this.sources.take(client.source);
  }

  /** Hands a response to the transaction its topmost Via names; false when there is none. §18.1.2 */
  receiveResponse(response: SipResponse): boolean {
    const client = this.clientOf(response);
    if (client === undefined) this.counters.strayResponses++;
    else client.receive(response);
    return client !== undefined;
  }

  releaseClient(client: ClientTransaction): void {
    client.generation = 0;
    if (client.source >= 0) this.sources.free(client.source);
    client.source = -1;
    this.freeClients.push(client.slot);
  }

  /** A CANCEL is a non-INVITE transaction that shares the INVITE's branch. Undefined when a limit is reached. */
  sendCancel(invite: ClientTransaction, text: string): ClientTransaction | undefined {
    const asked = { method: 'CANCEL', cseq: invite.cseq };
    const cancel = this.openClient(invite.flow, asked, invite.order, silentUser);
    cancel?.begin(text);
    return cancel;
  }

  /** Tells a transport error after the caller has returned, so that it sees its transaction begun. */
  breakSoon(client: ClientTransaction): void {
    const { generation } = client;
    this.world.clock.soon(() => {
      if (client.generation === generation) client.transportError();
    });
  }

  /**
   * The Via line of a request of ours. Its branch is `z9hG4bK<cookie><slot>.<generation>.<proof>.<loop>`, all of
   * fixed width. RFC 3261 §16.6 step 8.
   */
  via({ slot, generation, proof, flow }: ClientTransaction, loopHash: number): string {
    const start = `${this.viaStart(flow)}${slot + SLOT_BASE}`;
    return `${start}.${nineDigits(generation)}.${nineDigits(proof)}.${nineDigits(loopHash)}\r\n`;
  }

  /** Up to the slot it is the same for most requests. */
  private viaStart({ transport, sentBy }: Flow): string {
    if (transport !== this.viaTransport || sentBy !== this.viaSentBy) {
      this.viaTransport = transport;
      this.viaSentBy = sentBy;
      this.viaText = `Via: SIP/2.0/${transport.toUpperCase()} ${sentBy};branch=${this.branchPrefix}`;
    }
    return this.viaText;
  }

  startTimer(owner: { slot: number; generation: number }, delay: number, code: number): void {
    this.timers.start(delay, owner.slot, owner.generation, code);
  }

  /** Ends every timer; nothing is sent any more. */
  stop(): void {
    this.timers.stop();
  }

  private clientOf(response: SipResponse): ClientTransaction | undefined {
    const via = topVia(response.headers);
    if (via === undefined) return undefined;
    const { text } = response.headers;
    if (!text.startsWith(this.branchPrefix, via.branchStart)) return undefined;
    const client = this.clientAt(text, via.branchStart);
    if (client === undefined) return undefined;
    // RFC 3261 §17.1.3: branch and method; a response with another number is of another request.
    if (response.answers(client.method, client.cseq)) return client.awaits(response) ? client : undefined;
    if (!client.isInvite || !response.answers('CANCEL', client.cseq)) return undefined;
    const cancel = this.clients[client.cancelSlot];
    return cancel?.generation === client.cancelGeneration ? cancel : undefined;
  }

  /** Whose branch, one of ours, stands there. */
  private clientAt(text: string, branchStart: number): ClientTransaction | undefined {
    const slotStart = branchStart + this.branchPrefix.length;
    const client = this.clients[digits(text, slotStart, 8) - SLOT_BASE];
    if (client === undefined || client.generation !== digits(text, slotStart + 9, 9)) return undefined;
    return digits(text, slotStart + 19, 9) === client.proof ? client : undefined;
  }

  /** Never throws: a mistake of ours ends one transaction, and leaves the other timers running. */
  private readonly expire = (slot: number, generation: number, code: number): void => {
    const owner = code < 16 ? this.servers[slot] : this.clients[slot];
    if (owner === undefined || owner.generation !== generation) return;
    try {
      owner.timerFired(code);
    } catch (error) {
      this.world.log.error('a timer could not be handled', { code, why: String(error) });
    }
  };

  private nextGeneration(): number {
    this.generation = this.generation === GENERATION_MAX ? GENERATION_BASE : this.generation + 1;
    return this.generation;
  }
}

/** The value of a fixed run of digits; -1 when one is none. */
function digits(text: string, from: number, count: number): number {
  let value = 0;
  for (let i = from; i < from + count; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** The answer to a CANCEL tells us nothing: the INVITE's own final response does. §9.1 */
const silentUser: ClientUser = { response() {}, failed() {}, timer() {} };
