/**
 * A phone one can tell what to do: register, dial, answer, hang up, misbehave. It speaks real SIP over the
 * sockets of its World, simulated or not, and shares no transaction or dialog code with the product.
 *
 * Requests outside a dialog go to `server`; without one, to the address in their URI. Requests within a
 * dialog go where the route set says; a name there stands for the server.
 */
import { Endpoint, isIpAddress } from '../base/endpoint.ts';
import { SipError } from '../base/errors.ts';
import type { HostPort, World } from '../base/world.ts';
import { replyTo } from '../sip/build.ts';
import type { SipRequest } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { parseUri } from '../sip/uri.ts';
import { responseAddress, stampReceived, topVia } from '../sip/via.ts';
import type { Call, CallParts, Misbehaviour } from './phone-call.ts';
import { DialledCall, type DialOptions } from './phone-dialled.ts';
import { type Answers, IncomingCall } from './phone-incoming.ts';
import { Asker, type HeaderPair, TIMED_OUT } from './phone-request.ts';
import { GIVE_UP_MS, PhoneServer } from './phone-transactions.ts';
import { openWire, type PhoneTransport, type Way } from './phone-wire.ts';

/** Who a phone is, and where. */
export interface PhoneOptions {
  readonly name: string;
  readonly at: HostPort;
  /** The proxy and registrar; left out, the phone calls others directly. */
  readonly server?: HostPort;
  /** Its address-of-record: `sip:alice@example.com`. */
  readonly aor: string;
  /** The name that its password belongs to; that of its address-of-record unless given. */
  readonly username?: string;
  readonly password?: string;
  readonly transport?: PhoneTransport;
}

/** What is unusual about a REGISTER. */
export interface RegisterOptions {
  readonly expires?: number;
  readonly headers?: readonly HeaderPair[];
  /** Its own Contact unless given; none at all only asks. RFC 3261 §10.2.3 */
  readonly contacts?: readonly string[];
}

const EXPIRES_SECONDS = 3_600;
/** Methods a phone answers 200 to outside a dialog. */
const ACCEPTED: readonly string[] = ['OPTIONS', 'MESSAGE', 'NOTIFY', 'INFO'];
const ANSWERS_AFTER_MS = 1_000;

/** One phone on one host. `open` it first. */
export class Phone {
  readonly name: string;
  readonly aor: string;
  /** What it does with the calls it gets from now on. */
  answers: Answers = { afterMs: ANSWERS_AFTER_MS };
  /** What it does wrong from now on. */
  readonly misbehaves: Misbehaviour = {};
  /** All calls, made and got, in order. */
  readonly calls: Call[] = [];
  /** All requests, each once, ACKs as often as they came. */
  readonly received: SipRequest[] = [];
  /** The Contacts of the last 200 to REGISTER, as the registrar wrote them. */
  registeredContacts: readonly string[] = [];
  private readonly world: World;
  private readonly options: PhoneOptions;
  private readonly servers = new Map<string, PhoneServer>();
  private readonly registerCallId: string;
  private cseq = 0;
  private parts: CallParts | undefined;

  constructor(world: World, options: PhoneOptions) {
    this.world = world;
    this.options = options;
    this.name = options.name;
    this.aor = options.aor;
    this.registerCallId = world.random.token(96);
  }

  /** Binds its port. */
  async open(): Promise<void> {
    const { options, world, misbehaves } = this;
    const receive = (text: string, way: Way): void => this.receive(text, way);
    const wire = await openWire(world, options.transport ?? 'udp', options.at, receive);
    const user = parseUri(options.aor).user ?? options.name;
    const asker = new Asker(world, wire, {
      user: options.username ?? user,
      password: options.password,
      acknowledges: () => misbehaves.neverAcks !== true,
    });
    const transport = wire.uriTransport === '' ? '' : `;transport=${wire.uriTransport}`;
    const contact = `<sip:${user}@${wire.local.key}${transport}>`;
    const sdp = plainOffer(wire.local);
    const hops = {
      hopFor: (uri: string) => this.hopFor(uri),
      hopWithin: (uri: string) => this.hopWithin(uri),
    };
    this.parts = { world, wire, asker, contact, sdp, misbehaves, ...hops };
  }

  /** Goes silent at once, as when the plug is pulled: nothing is unregistered, no call is ended. */
  close(): void {
    for (const call of this.calls) call.stop();
    for (const server of this.servers.values()) server.stop();
    this.opened.asker.stop();
    this.opened.wire.close();
  }

  /** Answers the final status; a challenge is answered once. */
  register(more: RegisterOptions = {}): Promise<number> {
    const { expires = EXPIRES_SECONDS, contacts = [this.opened.contact], headers = [] } = more;
    const binds = contacts.length > 0 ? [['Expires', expires] as const] : [];
    return this.sendRegister([
      ...contacts.map((contact) => ['Contact', contact] as const),
      ...binds,
      ...headers,
    ]);
  }

  /** Removes its binding. */
  unregister(): Promise<number> {
    return this.register({ expires: 0 });
  }

  /** Calls; the call tells how it goes. */
  dial(uri: string, options: DialOptions = {}): DialledCall {
    const call = new DialledCall(this.opened, this.aor, uri, options);
    this.calls.push(call);
    return call;
  }

  /** Sends a text message (RFC 3428) and answers its status. */
  message(uri: string, text: string): Promise<number> {
    const body = Buffer.from(text, 'utf8').toString('latin1');
    return this.request('MESSAGE', uri, { body, contentType: 'text/plain;charset=UTF-8' });
  }

  /** Sends any request outside a dialog and answers its final status. */
  request(
    method: string,
    uri: string,
    more: { headers?: readonly HeaderPair[]; body?: string; contentType?: string } = {},
  ): Promise<number> {
    const { headers = [], ...body } = more;
    const callId = this.world.random.token(96);
    return this.ask(method, uri, [['To', `<${uri}>`], ['Call-ID', callId], ...headers], body);
  }

  /** The calls it got. */
  get incoming(): IncomingCall[] {
    return this.calls.filter((call) => call instanceof IncomingCall);
  }

  private get opened(): CallParts {
    if (this.parts === undefined) throw new Error(`the phone ${this.name} is not open`);
    return this.parts;
  }

  private async sendRegister(headers: readonly HeaderPair[]): Promise<number> {
    const registrar = `sip:${parseUri(this.aor).host}`;
    return this.ask('REGISTER', registrar, [
      ['To', `<${this.aor}>`],
      ['Call-ID', this.registerCallId],
      ...headers,
    ]);
  }

  private ask(
    method: string,
    uri: string,
    headers: readonly HeaderPair[],
    body: object = {},
  ): Promise<number> {
    const from: HeaderPair = ['From', `<${this.aor}>;tag=${this.world.random.token(48)}`];
    const draft = {
      method,
      uri,
      hop: this.hopFor(uri),
      nextCseq: () => ++this.cseq,
      headers: [from, ...headers],
      ...body,
    };
    return new Promise((resolve) => {
      this.opened.asker.ask(draft, (response) => {
        const status = response?.status ?? TIMED_OUT;
        if (method === 'REGISTER' && status === 200)
          this.registeredContacts = response?.headers.all('Contact') ?? [];
        if (status >= 200) resolve(status);
      });
    });
  }

  /** Outside a dialog: the server, or the address in the URI. */
  private hopFor(uri: string): Endpoint {
    const { server } = this.options;
    return server === undefined ? addressOf(uri) : new Endpoint(server.host, server.port);
  }

  /** Within a dialog: the address in the URI; a name stands for the server. */
  private hopWithin(uri: string): Endpoint {
    return isIpAddress(parseUri(uri).host) ? addressOf(uri) : this.hopFor(uri);
  }

  // ─── what comes in ────────────────────────────────────────────────────────────────────────────

  private receive(text: string, way: Way): void {
    try {
      this.receiveMessage(text, way);
    } catch (error) {
      if (!(error instanceof SipError)) throw error;
      const facts = { phone: this.name, why: error.message, text };
      this.world.log.warn('a phone got what it cannot use', facts);
    }
  }

  private receiveMessage(text: string, way: Way): void {
    const message = parseMessage(text);
    if (message.kind === 'bad')
      this.world.log.warn('a phone got what is no message', { phone: this.name, text });
    else if (message.kind === 'response') this.opened.asker.receive(message);
    else this.receiveRequest(message, way);
  }

  private receiveRequest(request: SipRequest, way: Way): void {
    const key = transactionKey(request);
    const known = this.servers.get(`${key} ${request.method === 'ACK' ? 'INVITE' : request.method}`);
    if (request.method === 'ACK') this.receiveAck(request, known);
    else if (known !== undefined) known.again();
    else {
      const server = new PhoneServer(this.world.clock, this.wayBack(request, way), request);
      this.remember(`${key} ${request.method}`, server);
      this.received.push(request);
      this.serve(request, server, key);
    }
  }

  /**
   * Where responses go: for TCP back on the connection, for UDP as the topmost Via says. RFC 3261 §18.2.2.
   */
  private wayBack(request: SipRequest, way: Way): Way {
    const via = topVia(request.headers);
    if (way.reliable || via === undefined) return way;
    stampReceived(request.headers, via, way.remote.host, way.remote.port);
    const to = responseAddress(request.headers);
    return to === undefined ? way : this.opened.wire.wayTo(new Endpoint(to.host, to.port));
  }

  /** Longer than any retransmission can come, a ringing INVITE for as long as the phone lives. */
  private remember(key: string, server: PhoneServer): void {
    this.servers.set(key, server);
    if (server.request.method === 'INVITE') return;
    this.world.clock.after(GIVE_UP_MS, () => this.servers.delete(key));
  }

  private receiveAck(request: SipRequest, server: PhoneServer | undefined): void {
    this.received.push(request);
    server?.acknowledged();
    this.callOf(request)?.receiveAck(request);
  }

  private serve(request: SipRequest, server: PhoneServer, key: string): void {
    const call = this.callOf(request);
    if (request.method === 'CANCEL') this.receiveCancel(request, server, key);
    else if (call !== undefined && call.state !== 'ended') call.receive(request, server);
    else if (request.toTag !== '') this.refuse(request, server, 481);
    else if (request.method === 'INVITE') {
      this.calls.push(new IncomingCall(this.opened, request, server, this.answers));
    } else this.refuse(request, server, ACCEPTED.includes(request.method) ? 200 : 405);
  }

  private receiveCancel(request: SipRequest, server: PhoneServer, key: string): void {
    if (this.misbehaves.ignoresCancel === true) return;
    const invite = this.servers.get(`${key} INVITE`)?.request;
    this.refuse(request, server, invite === undefined ? 481 : 200);
    this.incoming.find((call) => call.invite === invite)?.cancelled();
  }

  private refuse(request: SipRequest, server: PhoneServer, status: number): void {
    server.respond(replyTo(request, status, { toTag: this.world.random.token(48) }));
  }

  private callOf(request: SipRequest): Call | undefined {
    const { callId, toTag } = request;
    return toTag === ''
      ? undefined
      : this.calls.find((call) => call.callId === callId && call.localTag === toTag);
  }
}

/** A request belongs to the transaction with its branch and sent-by. RFC 3261 §17.2.3. */
function transactionKey(request: SipRequest): string {
  const via = topVia(request.headers);
  const { text } = request.headers;
  if (via === undefined) return request.callId;
  const sentBy = text.substring(via.sentByStart, via.sentByEnd);
  return `${text.substring(via.branchStart, via.branchEnd)} ${sentBy}`;
}

function addressOf(uri: string): Endpoint {
  const { host, port = 5060 } = parseUri(uri);
  return new Endpoint(host, port);
}

/** A-law, µ-law and DTMF events: what every phone can. */
function plainOffer(at: Endpoint): string {
  const family = at.isIPv6 ? 'IP6' : 'IP4';
  const lines = [
    'v=0',
    `o=- 1 1 IN ${family} ${at.host}`,
    's=-',
    `c=IN ${family} ${at.host}`,
    't=0 0',
    'm=audio 40000 RTP/AVP 8 0 101',
    'a=rtpmap:101 telephone-event/8000',
    'a=sendrecv',
  ];
  return `${lines.join('\r\n')}\r\n`;
}
