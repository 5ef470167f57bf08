/** Asks RADIUS servers: the first one that lives, the next one when it is silent. RFC 2865 §2.4, RFC 5080 §2.2 */
import { Endpoint } from '../base/endpoint.ts';
import { step } from '../base/machine.ts';
import type { Clock, HostPort, Logger, Millis, Net, Random, Timer, World } from '../base/world.ts';
import type { RadiusPacket } from './radius-packet.ts';
import {
  radiusServerMachine,
  type RadiusServerPart,
  type RadiusServerState,
} from './radius-server-machine.ts';
import { type RadiusPatience, type RadiusQuestion, RadiusSocket } from './radius-socket.ts';

/** One server. */
export interface RadiusServerOptions extends HostPort {
  /** Shared with it. */
  readonly secret: string;
}

/** What a client is made of. */
export interface RadiusClientOptions extends RadiusPatience {
  readonly world: World;
  /** In the order in which they are asked. */
  readonly servers: readonly RadiusServerOptions[];
  /** The address of ours that we send from; '' for the one that leads there. */
  readonly from: string;
  /** How long a silent server is left alone. */
  readonly deadMs: Millis;
  /** Questions without an answer at once; one more is refused. */
  readonly requestsMax: number;
}

/** What came of a question: an answer, nobody answered, or too much was being asked. */
export type RadiusOutcome = RadiusPacket | 'silent' | 'busy';

/** Sockets to one server: so many times 256 questions at once. */
export const SOCKETS_MAX = 16;

/** See above. Answers are for whoever asked; nobody else waits for them. */
export class RadiusClient {
  private readonly servers: readonly RadiusServer[];
  private readonly requestsMax: number;
  private asked = 0;
  private stopped = false;

  constructor(options: RadiusClientOptions) {
    this.requestsMax = options.requestsMax;
    this.servers = options.servers.map((server) => new RadiusServer(server, options));
  }

  /** Questions that wait for an answer. */
  get waiting(): number {
    return this.asked;
  }

  /** Never rejects. */
  async ask(question: RadiusQuestion): Promise<RadiusOutcome> {
    if (this.stopped || this.asked >= this.requestsMax) return 'busy';
    this.asked++;
    try {
      return await this.askInOrder(question);
    } finally {
      this.asked--;
    }
  }

  /** Ends every wait, and closes the sockets. */
  stop(): void {
    this.stopped = true;
    for (const server of this.servers) server.stop();
  }

  private async askInOrder(question: RadiusQuestion): Promise<RadiusOutcome> {
    let outcome: RadiusOutcome = 'silent';
    const usable = this.servers.filter((server) => server.mayBeAsked);
    for (const server of usable.length === 0 ? this.servers : usable) {
      if (this.stopped) break;
      outcome = await server.ask(question); // One after the other, on purpose: the next is for when this one is silent.
      if (typeof outcome === 'object') break;
    }
    return outcome;
  }
}

class RadiusServer implements RadiusServerPart {
  state: RadiusServerState = 'up';
  private readonly options: RadiusClientOptions;
  private readonly secret: string;
  private readonly endpoint: Endpoint;
  private readonly net: Net;
  private readonly clock: Clock;
  private readonly log: Logger;
  private readonly random: Random;
  private readonly sockets: RadiusSocket[] = [];
  private opening: Promise<RadiusSocket | undefined> | undefined = undefined;
  private heardAt = Number.NEGATIVE_INFINITY;
  private onTrial = 0;
  private resting: Timer | undefined = undefined;
  private stopped = false;

  constructor({ host, port, secret }: RadiusServerOptions, options: RadiusClientOptions) {
    const { net, clock, log, random } = options.world;
    this.options = options;
    this.secret = secret;
    this.endpoint = new Endpoint(host, port);
    this.net = net;
    this.clock = clock;
    this.log = log;
    this.random = random;
  }

  get mayBeAsked(): boolean {
    return this.state === 'up' || (this.state === 'trial' && this.onTrial === 0);
  }

  async ask(question: RadiusQuestion): Promise<RadiusOutcome> {
    const isTrial = this.state === 'trial';
    if (isTrial) this.onTrial++;
    const since = this.clock.now();
    try {
      const answer = await this.askBySocket(question);
      // Whoever answered others meanwhile lives: it has dropped this question, or the network has.
      if (answer === 'silent' && !this.stopped && this.heardAt < since) {
        step(radiusServerMachine, 'silent', this);
      }
      return answer;
    } finally {
      if (isTrial) this.onTrial--;
    }
  }

  stop(): void {
    this.stopped = true;
    this.resting?.cancel();
    for (const socket of this.sockets) socket.close();
  }

  rest(): void {
    this.log.warn('a RADIUS server does not answer', { server: this.endpoint.key });
    this.restAgain();
  }

  restAgain(): void {
    this.resting = this.clock.after(this.options.deadMs, () => step(radiusServerMachine, 'rested', this));
  }

  revive(): void {
    this.resting?.cancel();
    this.log.info('a RADIUS server answers again', { server: this.endpoint.key });
  }

  private async askBySocket(question: RadiusQuestion): Promise<RadiusOutcome> {
    while (!this.stopped) {
      // Nothing is waited for between finding room and taking it.
      const free = this.sockets.find((socket) => socket.hasRoom);
      if (free !== undefined) return (await free.ask(question)) ?? 'silent';
      if (this.sockets.length >= SOCKETS_MAX) break;
      this.opening ??= this.open().finally(() => {
        this.opening = undefined;
      });
      if ((await this.opening) === undefined) break;
    }
    return 'busy';
  }

  private async open(): Promise<RadiusSocket | undefined> {
    const { replyMs, attempts, from } = this.options;
    const made = new RadiusSocket({
      clock: this.clock,
      random: this.random,
      server: this.endpoint,
      secret: this.secret,
      replyMs,
      attempts,
      heard: () => this.heard(),
    });
    try {
      const host = from === '' ? this.net.localAddressFor(this.endpoint.host) : from;
      made.use(await this.net.udp({ host, port: 0 }, (text, sender) => made.receive(text, sender)));
    } catch (error) {
      this.log.error('no socket for RADIUS', { server: this.endpoint.key, reason: String(error) });
      return undefined;
    }
    if (this.stopped) {
      made.close();
      return undefined;
    }
    this.sockets.push(made);
    return made;
  }

  private heard(): void {
    this.heardAt = this.clock.now();
    step(radiusServerMachine, 'heard', this);
  }
}
