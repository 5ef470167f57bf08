/** A registrar alone, and REGISTERs written by hand: for tests of what it answers and keeps. */
import { Endpoint } from '../base/endpoint.ts';
import type { RegisterSource } from '../location/nat.ts';
import { Location, type LocationInput } from '../location/location.ts';
import type { RegisterOutcome } from '../location/registrar.ts';
import { parseMessage } from '../sip/parse.ts';
import type { SipRequest } from '../sip/message.ts';
import { MemoryWriter, type Observer } from '../store/memory-writer.ts';
import type { FlowWatcher, TransportName } from '../transport/flow.ts';
import { SimClock } from './sim-clock.ts';
import { SimRandom } from './sim-random.ts';

/** The usual settings of such a registrar. */
export const USUAL: LocationInput = {
  durable: false,
  bindingsMax: 100,
  minExpires: 60,
  maxExpires: 7200,
  defaultExpires: 3600,
  maxContacts: 3,
};

/** A registrar, its clock, and what its writer was given. */
export interface Registrar {
  readonly clock: SimClock;
  readonly location: Location;
  readonly writer: MemoryWriter;
}

/** One that stands alone. */
export function registrar(more: Partial<LocationInput> = {}, observe: Observer = () => {}): Registrar {
  const clock = new SimClock();
  const writer = new MemoryWriter(clock, { observe });
  const settings = { ...USUAL, ...more };
  const location = new Location({ clock, random: new SimRandom(1), writer, settings, secret: 'secret' });
  return { clock, location, writer };
}

/** Where bob's phone is. */
export const PHONE: RegisterSource = {
  transport: 'udp',
  remote: new Endpoint('192.0.2.7', 5060),
  sentBy: '192.0.2.1:5060',
};

/** What a REGISTER says. */
export interface RegisterText {
  readonly lines: readonly string[];
  readonly callId?: string;
  readonly cseq?: number;
  /** Via values below the phone's own: proxies on the way. */
  readonly proxies?: readonly string[];
}

/** A REGISTER for bob. */
export function registerOf({ lines, callId = 'call', cseq = 1, proxies = [] }: RegisterText): SipRequest {
  const text = [
    'REGISTER sip:example.com SIP/2.0',
    ...proxies.map((host) => `Via: SIP/2.0/UDP ${host};branch=z9hG4bK0`),
    'Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1',
    'From: <sip:bob@example.com>;tag=1',
    'To: <sip:bob@example.com>',
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} REGISTER`,
    ...lines,
  ];
  return parseMessage(`${text.join('\r\n')}\r\n\r\n`) as SipRequest;
}

/** Answered at once: the registrar is not durable. */
export function save(
  { location }: Pick<Registrar, 'location'>,
  text: RegisterText,
  source: RegisterSource = PHONE,
): RegisterOutcome {
  return location.save(registerOf(text), source) as RegisterOutcome;
}

/** The values of a header field of an answer. */
export function valuesOf(outcome: RegisterOutcome, name: string): readonly string[] {
  return outcome.headers.filter(([field]) => field === name).map(([, value]) => value);
}

/** A connection that can be broken. */
export class Breakable implements RegisterSource {
  readonly transport: TransportName;
  readonly remote: Endpoint;
  readonly sentBy = '192.0.2.1:5061';
  open = true;
  private readonly watchers: FlowWatcher[] = [];

  constructor(transport: TransportName, port: number) {
    this.transport = transport;
    this.remote = new Endpoint('192.0.2.7', port);
  }

  watch(watcher: FlowWatcher): void {
    this.watchers.push(watcher);
  }

  break(): void {
    this.open = false;
    for (const watcher of this.watchers) watcher.flowBroke();
  }
}
