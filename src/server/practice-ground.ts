/** An exchange to practise on, on a socket that leads nowhere: what it sends is looked at by whoever practises. */
import { CallRecords } from '../billing/call-records.ts';
import { Endpoint } from '../base/endpoint.ts';
import { silentLogger } from '../base/silent-logger.ts';
import type { Net, UdpReceiver, World } from '../base/world.ts';
import { Location } from '../location/location.ts';
import type { Script } from '../route/router.ts';
import type { RouteMarks } from '../route/step.ts';
import { MemoryWriter } from '../store/memory-writer.ts';
import { Subscribers } from '../subscriber/subscribers.ts';
import { Exchange } from './exchange.ts';
import { settingsSchema } from './settings-schema.ts';
import { locationSettings } from './settings-registrar.ts';

/** The domain that it serves. */
export const PRACTICE_DOMAIN = 'practice.invalid';
/** Who calls there, and who is called. */
export const CALLER = new Endpoint('192.0.2.7', 5060);
export const CALLEE = new Endpoint('192.0.2.7', 5080);

const US = { host: '192.0.2.1', port: 5060 };
const TRANSACTIONS_MAX = 100_000;
const BINDINGS_MAX = 10_000;
/** As a watchdog's. */
const NO_MARKS: RouteMarks = { enter() {}, leave() {} };

/** A datagram that would have left. */
export interface Sent {
  readonly text: string;
  readonly to: Endpoint;
}

/** One exchange, and what it sent. */
export class PracticeGround {
  readonly sent: Sent[] = [];
  private readonly location: Location;
  private readonly calls: CallRecords;
  private receive: UdpReceiver = () => {};
  private exchange: Exchange | undefined = undefined;

  private constructor(location: Location, calls: CallRecords) {
    this.location = location;
    this.calls = calls;
  }

  /** `world`: the real one, of which only clock and chance are used. The password of each account is its name. */
  static async open(
    world: World,
    script: Script,
    accounts: readonly string[],
    { steps = true, transactions = TRANSACTIONS_MAX } = {},
  ): Promise<PracticeGround> {
    const { clock, random } = world;
    const settings = settingsSchema.parse({
      sip: {
        listen: [`udp:${US.host}:${US.port}`],
        domains: [PRACTICE_DOMAIN],
        max_transactions: transactions,
      },
      guard: { exempt: [CALLER.host] },
      script: { steps },
    });
    const writer = new MemoryWriter(clock);
    const subscribers = new Subscribers({ writer, clock });
    for (const user of accounts) void subscribers.add({ user, domain: PRACTICE_DOMAIN, password: user });
    const location = new Location({
      clock,
      random,
      settings: { ...locationSettings(settings, BINDINGS_MAX), durable: false },
    });
    const calls = new CallRecords({ writer, clock, log: silentLogger, node: 0 });
    const secrets = { route: random.token(128), nonce: random.token(128) };
    const stores = { subscribers, location, calls, secrets };
    const ground = new PracticeGround(location, calls);
    // Of the form that the real one has: what is compiled here is used there.
    const here: World = { ...world, net: ground.net(world.net), log: silentLogger };
    ground.exchange = await Exchange.open({ world: here, settings, script, stores, marks: NO_MARKS });
    return ground;
  }

  close(): void {
    this.exchange?.stop();
    this.location.close();
    this.calls.stop();
  }

  /** One datagram comes in. */
  from(source: Endpoint, text: string): void {
    this.receive(text, source);
  }

  private net(real: Net): Net {
    return {
      ...real,
      udp: async (at, receive) => {
        this.receive = receive;
        const local = new Endpoint(at.host, at.port);
        return { local, send: (text, to) => void this.sent.push({ text, to }), close() {} };
      },
    };
  }
}
