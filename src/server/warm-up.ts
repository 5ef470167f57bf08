/**
 * Practice before the first call: a few thousand registrations, calls and messages through exchanges of its own, on
 * sockets that lead nowhere. Node compiles what runs often; without this the first minute of real traffic would pay
 * for it. It runs in small slices behind the real traffic, and leaves nothing behind.
 *
 * There are two grounds, by turns. Of one alone Node would learn that everything there is of an exchange is there once,
 * compile that into the code, and throw the code away with the first message to the real one.
 */
import { DigestClient } from '../agent/digest-client.ts';
import type { World } from '../base/world.ts';
import { byPreference } from '../proxy/plan.ts';
import { Router, type Script, script } from '../route/router.ts';
import type { SipMessage } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { replyTo } from '../sip/build.ts';
import { CALLEE, CALLER, PRACTICE_DOMAIN, PracticeGround } from './practice-ground.ts';

/** Rounds of one registration, one call and one message. */
const ROUNDS = 6_000;
/** The real traffic has its turn at least this often. */
const SLICE_MS = 3;
const ROUNDS_A_SLICE = 20;
/** A route that looks into the location has decided after so many microtasks. */
const ROUTE_TURNS = 8;
const CALLER_USER = 'caller';
const USERS = Array.from({ length: 500 }, (_, number) => `u${number}`);
const REGISTRAR = `sip:${PRACTICE_DOMAIN}`;
const TYPED = ['Content-Type: text/plain'];
const ALLOW = 'Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO';
const BODY = 'As long as many a message.\r\n'.repeat(4);

/** Everyone may register. */
const trusting = script(({ auth, location }) => {
  const app = new Router();
  app.register((c) => location.save(c));
  app.options(auth.digest(), (c) => c.reply(200));
  app.request(async (c) => {
    const phones = await location.lookup(c.uri);
    return phones.length === 0 ? c.reply(404) : c.relay(byPreference(phones));
  });
  return app;
});

/** Who registers proves who he is. */
const wary = script(({ auth, location }) => {
  const app = new Router();
  app.register(auth.digest(), (c) => location.save(c));
  app.options(auth.digest(), (c) => c.reply(200));
  app.request(async (c) => {
    const phones = await location.lookup(c.uri);
    if (phones.length === 0) return c.reply(404);
    return c.relay(byPreference(phones), { recordRoute: true });
  });
  return app;
});

const SCRIPTS: readonly Script[] = [trusting, wary];

/** Practises until it is done or `stop` is called. */
export class WarmUp {
  private readonly world: World;
  private grounds: readonly PracticeGround[] = [];
  /** Calls that were answered and hung up. */
  callsPlayed = 0;
  /** Messages that were answered. */
  messagesPlayed = 0;
  /** Requests that were challenged and then accepted. */
  proofsTaken = 0;
  private readonly rounds: number;
  private round = 0;
  private stopped = false;

  /** `world`: the real one, of which only clock and chance are used. */
  constructor(world: World, rounds = ROUNDS) {
    this.world = world;
    this.rounds = rounds;
  }

  /** Resolves when the practice is over. */
  async run(): Promise<void> {
    const accounts = [CALLER_USER, ...USERS];
    this.grounds = await Promise.all(SCRIPTS.map((one) => PracticeGround.open(this.world, one, accounts)));
    while (this.round < this.rounds && !this.stopped) {
      await this.slice();
      await new Promise<void>((resolve) => void this.world.clock.after(0, resolve));
    }
    for (const ground of this.grounds) ground.close();
    this.grounds = [];
  }

  stop(): void {
    this.stopped = true;
  }

  private async slice(): Promise<void> {
    const until = this.world.clock.now() + SLICE_MS;
    for (let played = 0; played < ROUNDS_A_SLICE && this.world.clock.now() < until; played++) {
      const round = this.round++;
      const ground = this.grounds[round % this.grounds.length];
      if (ground !== undefined) await this.playRound(ground, round);
    }
  }

  private async playRound(ground: PracticeGround, round: number): Promise<void> {
    const user = USERS[round % USERS.length] ?? '';
    const register: Asked = { method: 'REGISTER', uri: REGISTRAR, user, round, cseq: 1 };
    const expires = round % 3 === 0 ? ';expires=3600' : '';
    const lines = [`Contact: <sip:${user}@${CALLEE.key}>${expires}`, 'Expires: 3600'];
    this.prove(ground, user, { ...register, lines });
    this.prove(ground, CALLER_USER, { method: 'OPTIONS', uri: REGISTRAR, user, round, cseq: 1 });
    const uri = `sip:${user}@${PRACTICE_DOMAIN}`;
    const contact = `Contact: <sip:a@${CALLER.key}>`;
    const asked = { method: 'INVITE', uri, user, round, cseq: 3, lines: [contact, ...TYPED], body: BODY };
    const invite = request(asked);
    const answer = await this.exchangeOf(ground, invite, [180, 200], round);
    if (answer === undefined) return;
    const { toTag } = answer;
    const within = [`Route: ${answer.headers.get('Record-Route') ?? ''}`, contact];
    const inDialog = { uri: `sip:${user}@${CALLEE.key}`, user, round, lines: within, toTag };
    ground.from(CALLER, request({ ...inDialog, method: 'ACK', cseq: 3 }));
    ground.sent.length = 0;
    const bye = request({ ...inDialog, method: 'BYE', cseq: 4 });
    if ((await this.exchangeOf(ground, bye, [200], round)) !== undefined) this.callsPlayed++;
    const message = request({ method: 'MESSAGE', uri, user, round, cseq: 5, lines: TYPED, body: BODY });
    if ((await this.exchangeOf(ground, message, [200], round)) !== undefined) this.messagesPlayed++;
  }

  /** Sends a request, and if it is challenged again with the right answer. */
  private prove(ground: PracticeGround, who: string, asked: Asked): void {
    ground.from(CALLER, request(asked));
    const challenge = parseMessage(ground.sent.at(-1)?.text ?? '');
    if (challenge.kind === 'response' && challenge.status >= 400) {
      const { method, uri, cseq, lines = [] } = asked;
      const proof = new DigestClient({ user: who, password: who }, this.world.random);
      proof.learn(challenge, new Set());
      const proved = proof.prove({ method, uri, body: '' }).map(([name, value]) => `${name}: ${value}`);
      ground.from(CALLER, request({ ...asked, cseq: cseq + 1, lines: [...lines, ...proved] }));
      if (ground.sent.at(-1)?.text.startsWith('SIP/2.0 200') === true) this.proofsTaken++;
    }
    ground.sent.length = 0;
  }

  /** Sends a request, answers it as the callee, and returns the last response that reached the caller. */
  private async exchangeOf(
    ground: PracticeGround,
    text: string,
    statuses: readonly number[],
    round: number,
  ): Promise<SipMessage | undefined> {
    const { sent } = ground;
    ground.from(CALLER, text);
    for (let turn = 0; turn < ROUTE_TURNS; turn++) await Promise.resolve(); // The route decides in turns of its own.
    const forwarded = sent.find(({ to }) => to.port === CALLEE.port);
    const received = forwarded === undefined ? undefined : parseMessage(forwarded.text);
    if (received?.kind !== 'request') return undefined;
    sent.length = 0;
    const routes = received.headers.all('Record-Route').map((value) => ['Record-Route', value] as const);
    const headers = [...routes, ['Contact', `<${received.uriText}>`] as const];
    for (const status of statuses) {
      const reply = replyTo(received, status, { toTag: 'callee', headers });
      ground.from(CALLEE, round % 4 === 0 ? onOneLine(reply) : reply);
    }
    const last = parseMessage(sent.at(-1)?.text ?? '');
    sent.length = 0;
    return last.kind === 'response' ? last : undefined;
  }
}

/** What a request says. */
interface Asked {
  readonly method: string;
  readonly uri: string;
  readonly user: string;
  readonly round: number;
  readonly cseq: number;
  readonly lines?: readonly string[];
  readonly toTag?: string;
  readonly body?: string;
}

/** Some write both Vias into one line. */
function onOneLine(reply: string): string {
  const [first = '', second] = reply.split('\r\nVia: ', 3).slice(1);
  return second === undefined ? reply : reply.replace(`${first}\r\nVia: `, `${first}, `);
}

/** A request as phones send it, long enough to be like theirs. */
function request({ method, uri, user, round, cseq, lines = [], toTag = '', body = '' }: Asked): string {
  const rport = round % 4 < 2 ? ';rport' : '';
  const to = `<sip:${user}@${PRACTICE_DOMAIN}>${toTag === '' ? '' : `;tag=${toTag}`}`;
  const from = `sip:${method === 'REGISTER' ? user : CALLER_USER}@${PRACTICE_DOMAIN}`;
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
    ...(round % 5 < 2 ? [] : [ALLOW]),
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
}
