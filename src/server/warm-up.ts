/**
 * Practice before the first call: a few thousand registrations, calls and messages through an exchange of its own, on
 * sockets that lead nowhere. Node compiles what runs often; without this the first minute of real traffic would pay
 * for it. It runs in small slices behind the real traffic, and leaves nothing behind.
 */
import { DigestClient } from '../agent/digest-client.ts';
import { CallRecords } from '../billing/call-records.ts';
import { Endpoint } from '../base/endpoint.ts';
import { silentLogger } from '../base/silent-logger.ts';
import type { Net, UdpReceiver, World } from '../base/world.ts';
import { Location } from '../location/location.ts';
import { byPreference } from '../proxy/plan.ts';
import { Router, script } from '../route/router.ts';
import type { SipMessage } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { replyTo } from '../sip/build.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import { Subscribers } from '../subscriber/subscribers.ts';
import { Exchange } from './exchange.ts';
import { settingsSchema } from './settings-schema.ts';

/** Rounds of one registration, one call and one message. */
const ROUNDS = 6_000;
/** The real traffic has its turn at least this often. */
const SLICE_MS = 3;
const ROUNDS_A_SLICE = 20;
const TRANSACTIONS_MAX = 100_000;
/** A route that looks into the location has decided after so many microtasks. */
const ROUTE_TURNS = 8;
const ROUND_USERS = 500;
const DOMAIN = 'practice.invalid';
const CALLER_USER = 'caller';
const US = { host: '192.0.2.1', port: 5060 };
const CALLER = new Endpoint('192.0.2.7', 5060);
const CALLEE = new Endpoint('192.0.2.7', 5080);

const practice = script(({ auth, location }) => {
  const app = new Router();
  app.register((c) => location.save(c));
  app.options(auth.digest(), (c) => c.reply(200));
  app.request(async (c) => {
    const phones = await location.lookup(c.uri);
    return phones.length === 0 ? c.reply(404) : c.relay(byPreference(phones));
  });
  return app;
});

/** Practises until it is done or `stop` is called. */
export class WarmUp {
  private readonly world: World;
  private readonly sent: { text: string; to: Endpoint }[] = [];
  private receive: UdpReceiver = () => {};
  private exchange: Exchange | undefined = undefined;
  private location: Location | undefined = undefined;
  private calls: CallRecords | undefined = undefined;
  /** Calls that were answered and hung up. */
  callsPlayed = 0;
  /** Requests that were challenged and then accepted. */
  proofsTaken = 0;
  private readonly proof: DigestClient;
  private readonly rounds: number;
  private round = 0;
  private stopped = false;

  /** `world`: the real one, of which only clock and chance are used. */
  constructor(world: World, rounds = ROUNDS) {
    this.world = world;
    this.rounds = rounds;
    this.proof = new DigestClient({ user: CALLER_USER, password: CALLER_USER }, world.random);
  }

  /** Resolves when the practice is over. */
  async run(): Promise<void> {
    await this.open();
    while (this.round < this.rounds && !this.stopped) {
      await this.slice();
      await new Promise<void>((resolve) => void this.world.clock.after(0, resolve));
    }
    this.close();
  }

  stop(): void {
    this.stopped = true;
  }

  private async open(): Promise<void> {
    const { clock, random } = this.world;
    const world: World = { clock, random, net: this.net(), log: silentLogger };
    const settings = settingsSchema.parse({
      sip: { listen: [`udp:${US.host}:${US.port}`], domains: [DOMAIN], max_transactions: TRANSACTIONS_MAX },
      guard: { exempt: [CALLER.host] },
    });
    const writer = new MemoryWriter(clock);
    const limits = {
      minExpires: 60,
      maxExpires: 3600,
      defaultExpires: 3600,
      maxContacts: 10,
      bindingsMax: 10_000,
    };
    this.location = new Location({ clock, random, settings: { durable: false, ...limits } });
    this.calls = new CallRecords({ writer, clock, log: silentLogger, node: 0 });
    const secrets = { route: random.token(128), nonce: random.token(128) };
    const subscribers = new Subscribers({ writer, clock });
    void subscribers.add({ user: CALLER_USER, domain: DOMAIN, password: CALLER_USER });
    const stores = { subscribers, location: this.location, calls: this.calls, secrets };
    this.exchange = await Exchange.open({ world, settings, script: practice, stores });
  }

  private close(): void {
    this.exchange?.stop();
    this.location?.close();
    this.calls?.stop();
  }

  /** A socket whose datagrams stay in `sent`. */
  private net(): Net {
    const { net } = this.world;
    return {
      ...net,
      udp: async (at, receive) => {
        this.receive = receive;
        const local = new Endpoint(at.host, at.port);
        return { local, send: (text, to) => void this.sent.push({ text, to }), close() {} };
      },
    };
  }

  private async slice(): Promise<void> {
    const until = this.world.clock.now() + SLICE_MS;
    for (let played = 0; played < ROUNDS_A_SLICE && this.world.clock.now() < until; played++) {
      await this.playRound(this.round++);
    }
  }

  private async playRound(round: number): Promise<void> {
    const user = `u${round % ROUND_USERS}`;
    this.fromCaller(
      request('REGISTER', `sip:${DOMAIN}`, user, round, 1, [`Contact: <sip:${user}@${CALLEE.key}>`]),
    );
    this.proveWhoCalls(user, round);
    this.sent.length = 0;
    const invite = request('INVITE', `sip:${user}@${DOMAIN}`, user, round, 3, [
      `Contact: <sip:a@${CALLER.key}>`,
    ]);
    const answer = await this.exchangeOf(invite, [180, 200]);
    if (answer === undefined) return;
    const route = answer.headers.get('Record-Route') ?? '';
    const within = [`Route: ${route}`, `Contact: <sip:a@${CALLER.key}>`];
    this.fromCaller(request('ACK', `sip:${user}@${CALLEE.key}`, user, round, 3, within, answer.toTag));
    this.sent.length = 0;
    const bye = request('BYE', `sip:${user}@${CALLEE.key}`, user, round, 4, within, answer.toTag);
    if ((await this.exchangeOf(bye, [200])) !== undefined) this.callsPlayed++;
    await this.exchangeOf(request('MESSAGE', `sip:${user}@${DOMAIN}`, user, round, 5, []), [200]);
  }

  /** A request that is challenged, and again with the right answer. */
  private proveWhoCalls(user: string, round: number): void {
    const uri = `sip:${DOMAIN}`;
    this.fromCaller(request('OPTIONS', uri, user, round, 1, []));
    const challenge = parseMessage(this.sent.at(-1)?.text ?? '');
    if (challenge.kind !== 'response') return;
    this.proof.learn(challenge, new Set());
    const lines = this.proof.prove({ method: 'OPTIONS', uri, body: '' });
    const proved = lines.map(([name, value]) => `${name}: ${value}`);
    this.fromCaller(request('OPTIONS', uri, user, round, 2, proved));
    if (this.sent.at(-1)?.text.startsWith('SIP/2.0 200') === true) this.proofsTaken++;
  }

  /** Sends a request, answers it as the callee, and returns the last response that reached the caller. */
  private async exchangeOf(text: string, statuses: readonly number[]): Promise<SipMessage | undefined> {
    this.fromCaller(text);
    for (let turn = 0; turn < ROUTE_TURNS; turn++) await Promise.resolve(); // The route decides in turns of its own.
    const forwarded = this.sent.find(({ to }) => to.port === CALLEE.port);
    const received = forwarded === undefined ? undefined : parseMessage(forwarded.text);
    if (received?.kind !== 'request') return undefined;
    this.sent.length = 0;
    const routes = received.headers.all('Record-Route').map((value) => ['Record-Route', value] as const);
    const headers = [...routes, ['Contact', `<${received.uriText}>`] as const];
    for (const status of statuses)
      this.receive(replyTo(received, status, { toTag: 'callee', headers }), CALLEE);
    const last = parseMessage(this.sent.at(-1)?.text ?? '');
    this.sent.length = 0;
    return last.kind === 'response' ? last : undefined;
  }

  private fromCaller(text: string): void {
    this.receive(text, CALLER);
  }
}

/** A request as phones send it, long enough to be like theirs. */
function request(
  method: string,
  uri: string,
  user: string,
  round: number,
  cseq: number,
  lines: readonly string[],
  toTag = '',
): string {
  const rport = round % 2 === 0 ? ';rport' : '';
  const to = `<sip:${user}@${DOMAIN}>${toTag === '' ? '' : `;tag=${toTag}`}`;
  const from = method === 'REGISTER' ? `sip:${user}@${DOMAIN}` : `sip:${CALLER_USER}@${DOMAIN}`;
  return [
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${CALLER.key};branch=z9hG4bK-practice-${round}-${cseq}-${method}${rport}`,
    'Max-Forwards: 70',
    `From: "Practice" <${from}>;tag=p${round}`,
    `To: ${to}`,
    `Call-ID: practice-${round}@${CALLER.host}`,
    `CSeq: ${cseq} ${method}`,
    ...lines,
    'User-Agent: practice',
    'Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO',
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}
