/** baresip 1.0: a softphone with sound, told what to do over its control socket (netstrings of JSON). */
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Exchange, passwordOf } from './exchange.ts';
import { freePorts, startPeer, waitForPort } from './peer.ts';

const EVENT_MS = 10_000;
const LOOK_EVERY_MS = 20;

/** What baresip tells about itself: `type` is CALL_RINGING, CALL_ESTABLISHED, CALL_CLOSED, … */
export interface PhoneEvent {
  readonly type: string;
  readonly param?: string;
  readonly id?: string;
  readonly peeruri?: string;
  readonly atMs: number;
}

/** What it speaks. */
export type PhoneTransport = 'udp' | 'tcp' | 'tls';

/** Whose phone, and what it does. */
export interface PhoneAccount {
  readonly user: string;
  /** Whether it takes calls by itself. */
  readonly answers: 'auto' | 'manual';
  /** UDP where nothing is said. */
  readonly transport?: PhoneTransport;
  /** What else its account has, in baresip's words. */
  readonly more?: readonly string[];
  /** Talks to browsers: ICE, DTLS-SRTP, Opus. */
  readonly isWebPhone?: boolean;
  /** Prints every SIP message. */
  readonly prints?: boolean;
}

/** A softphone. */
export interface Phone {
  /** All it told since its start. */
  readonly events: readonly PhoneEvent[];
  /** Settles when its registration was answered 200. */
  registered(): Promise<void>;
  /** The first event of a type, also one that came before it was asked for. */
  event(type: string): Promise<PhoneEvent>;
  /** A command of baresip's menu: dial, accept, hangup, reginfo. */
  command(name: string, params?: string): void;
  /** What it printed so far. */
  printed(): string;
  stop(): Promise<void>;
}

/** Starts a phone that ends with the test, however that ends. */
export async function startPhone(t: TestContext, exchange: Exchange, phone: PhoneAccount): Promise<Phone> {
  const [sipPort = 0, controlPort = 0] = await freePorts(2);
  const tls = phone.transport === 'tls' ? `sip_cafile ${exchange.authority}\n` : '';
  const folder = join(exchange.folder, `baresip-${phone.user}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config'), configuration(sipPort, controlPort, phone) + tls);
  writeFileSync(join(folder, 'accounts'), account(exchange, phone));
  writeFileSync(join(folder, 'contacts'), '');
  const peer = startPeer('baresip', [...(phone.prints === true ? ['-s'] : []), '-f', folder], folder);
  t.after(() => peer.stop());
  await waitForPort(peer, 'tcp', controlPort);
  const socket = connect(controlPort, '127.0.0.1');
  await once(socket, 'connect');
  return new ControlledPhone(
    socket,
    () => peer.stop(),
    () => peer.output(),
  );
}

class ControlledPhone implements Phone {
  readonly events: PhoneEvent[] = [];
  private readonly socket: Socket;
  private readonly stopProgram: () => Promise<void>;
  private readonly output: () => string;
  private readonly waiting = new Set<() => void>();
  private unread: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, stopProgram: () => Promise<void>, output: () => string) {
    this.socket = socket;
    this.stopProgram = stopProgram;
    this.output = output;
    socket.on('data', (bytes: Buffer) => this.read(bytes));
    socket.on('error', () => socket.destroy()); // It is gone; who waits is told by time.
  }

  /** It registers at once, often before anyone listens to its events: what it prints stays. */
  async registered(): Promise<void> {
    const giveUpAt = performance.now() + EVENT_MS;
    while (!/\{\d+\/(?:UDP|TCP|TLS)\/v4\} 200 OK/.test(this.output())) {
      if (performance.now() > giveUpAt) throw new Error(`not registered; the phone said:\n${this.output()}`);
      await sleep(LOOK_EVERY_MS);
    }
  }

  async event(type: string): Promise<PhoneEvent> {
    const giveUpAt = performance.now() + EVENT_MS;
    for (;;) {
      const found = this.events.find((event) => event.type === type);
      if (found) return found;
      const leftMs = giveUpAt - performance.now();
      if (leftMs <= 0) throw new Error(`no ${type}, but ${this.seen()}; the phone said:\n${this.output()}`);
      await this.nextEvent(leftMs);
    }
  }

  command(name: string, params = ''): void {
    const json = JSON.stringify({ command: name, params, token: name });
    this.socket.write(`${Buffer.byteLength(json)}:${json},`);
  }

  printed(): string {
    return this.output();
  }

  async stop(): Promise<void> {
    this.socket.destroy();
    await this.stopProgram();
  }

  private seen(): string {
    return this.events.map(({ type, param }) => `${type} ${param ?? ''}`.trim()).join(', ') || 'nothing';
  }

  private nextEvent(waitMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, waitMs);
    this.waiting.add(resolve);
    return promise.finally(() => {
      clearTimeout(timer);
      this.waiting.delete(resolve);
    });
  }

  /** A netstring is `length:text,`. */
  private read(bytes: Buffer): void {
    this.unread = Buffer.concat([this.unread, bytes]);
    for (;;) {
      const colon = this.unread.indexOf(':');
      const length = colon < 0 ? Number.NaN : Number(this.unread.toString('latin1', 0, colon));
      const end = colon + 1 + length;
      if (!(this.unread.length > end)) return;
      this.take(this.unread.toString('utf8', colon + 1, end));
      this.unread = this.unread.subarray(end + 1);
    }
  }

  private take(json: string): void {
    const told = JSON.parse(json) as { event?: boolean } & Omit<PhoneEvent, 'atMs'>;
    if (told.event !== true) return;
    this.events.push({ ...told, atMs: Date.now() });
    for (const wake of this.waiting) wake();
  }
}

/** No ICE candidate is made of a loopback address: media goes by another address of this machine to itself. */
const WEB_MODULES = `module opus.so
module dtls_srtp.so
module ice.so
rtcp_mux yes`;

/** Sound is a tone in and nothing out: `ausine` knows 48 kHz and two channels only. */
function configuration(sipPort: number, controlPort: number, { isWebPhone = false }: PhoneAccount): string {
  return `sip_listen 127.0.0.1:${sipPort}
${isWebPhone ? WEB_MODULES : 'net_interface 127.0.0.1'}
audio_source ausine,440
ausrc_srate 48000
ausrc_channels 2
module_path /usr/lib/baresip/modules
module g711.so
module ausine.so
module_tmp uuid.so
module_tmp account.so
module_app contact.so
module_app debug_cmd.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:${controlPort}
`;
}

function account(exchange: Exchange, phone: PhoneAccount): string {
  const { user, answers, transport = 'udp', more = [], isWebPhone = false } = phone;
  const { domain } = exchange;
  const port = transport === 'tls' ? exchange.ports.tls : exchange.port;
  const settings = [
    `auth_user=${user}`,
    `auth_pass=${passwordOf(user)}`,
    `answermode=${answers}`,
    'regint=600',
    ...(isWebPhone
      ? ['audio_codecs=opus/48000/2', 'mediaenc=dtls_srtp', 'medianat=ice']
      : ['audio_codecs=PCMU/8000/1']),
    `outbound="sip:127.0.0.1:${port};transport=${transport};lr"`,
    ...more,
  ];
  return `<sip:${user}@${domain};transport=${transport}>;${settings.join(';')}\n`;
}
