/** What strangers send: torture, damage, forgeries, requests that would make an open relay of us. */
import type { Random } from '../base/world.ts';
import { mutate } from './mutate.ts';
import type { SimNet } from './sim-net.ts';
import type { Stranger } from './stranger.ts';
import type { HostileKind } from './swarm-plan.ts';
import { tortureCases } from './torture-messages.ts';

/** Somebody who never asked for anything: no packet of ours may reach him. */
export const SENTINEL = '203.0.113.250';
/** Begins every Call-ID of theirs. */
export const EVIL = 'evil-';

const TEXTS_MAX = 400;

/** One of them, with what he has overheard. */
export class Hostile {
  readonly stranger: Stranger;
  private readonly random: Random;
  private readonly net: SimNet;
  private readonly torture = tortureCases().map(({ text }) => text);
  private count = 0;

  constructor(stranger: Stranger, random: Random, net: SimNet) {
    this.stranger = stranger;
    this.random = random;
    this.net = net;
  }

  attack(kind: HostileKind): void {
    if (kind === 'stream') this.pushStream();
    else this.stranger.send(this.text(kind));
  }

  private text(kind: Exclude<HostileKind, 'stream'>): string {
    switch (kind) {
      case 'torture':
        return this.one(this.torture);
      case 'mutant':
        return mutate(this.one(this.overheard()), this.random, this.torture);
      case 'relay':
        return this.relay();
      case 'register':
        return this.request(
          'REGISTER',
          'sip:example.com',
          `Contact: <sip:x@${SENTINEL}>\r\nExpires: 600\r\n`,
        );
      case 'hangUp':
        return this.hangUp();
      case 'forgedResponse':
        return this.forgedResponse();
      case 'cancel':
        return this.overheardAs('INVITE', 'CANCEL');
    }
  }

  /** Whoever passes one of these on is an open relay. */
  private relay(): string {
    const method = this.one(['INVITE', 'MESSAGE', 'OPTIONS', 'ACK', 'SUBSCRIBE', 'BYE']);
    const us = 'sip:192.0.2.1;lr';
    const tries: readonly (readonly [uri: string, more: string])[] = [
      [`sip:x@${SENTINEL}`, ''],
      ['sip:x@sentinel.example', ''],
      [`sip:bob@example.com;maddr=${SENTINEL}`, ''],
      ['sip:bob@example.com', `Route: <sip:${SENTINEL};lr>\r\n`],
      ['sip:bob@example.com', `Route: <${us}>, <sip:${SENTINEL};lr>\r\n`],
      [`sip:x@${SENTINEL}`, `Route: <${us}>\r\n`],
      ['sip:bob@example.com', `Route: <${us};t=forged.token>, <sip:${SENTINEL};lr>\r\n`],
      [us, `Route: <sip:x@${SENTINEL}>\r\n`],
      ['sip:192.0.2.1', `Route: <sip:192.0.2.1:5060;transport=tcp;lr>, <sip:${SENTINEL};lr>\r\n`],
    ];
    const [uri, more] = this.one(tries);
    return this.request(method, uri, more, this.one(['', '', ';tag=x']));
  }

  /** A request in a call of others, as far as one can know it. */
  private hangUp(): string {
    const invite = this.one(this.overheard());
    const callId = /^Call-ID: *(.*)$/im.exec(invite)?.[1]?.trim() ?? 'unknown';
    const from = /^From: *(.*)$/im.exec(invite)?.[1]?.trim() ?? '<sip:x@example.com>;tag=1';
    return this.request('BYE', 'sip:bob@example.com', 'Route: <sip:192.0.2.1;lr>\r\n', ';tag=guessed')
      .replace(/^Call-ID: .*$/m, `Call-ID: ${callId}`)
      .replace(/^From: .*$/m, `From: ${from}`);
  }

  private forgedResponse(): string {
    const request = this.one(this.overheard());
    const head = request.split('\r\n\r\n', 1)[0] ?? '';
    const fields = head.split('\r\n').filter((line) => /^(?:via|from|to|call-id|cseq):/i.test(line));
    const status = this.one(['200 OK', '486 Busy Here', '180 Ringing']);
    return [`SIP/2.0 ${status}`, ...fields, 'Content-Length: 0', '\r\n'].join('\r\n');
  }

  /** The same request under another method: a CANCEL for a transaction of somebody else. */
  private overheardAs(method: string, other: string): string {
    return this.one(this.overheard())
      .replace(new RegExp(`^${method} `), `${other} `)
      .replace(new RegExp(`^(CSeq: *\\d+ )${method}`, 'im'), `$1${other}`);
  }

  private request(method: string, uri: string, more: string, toTag = ''): string {
    const id = `${EVIL}${this.stranger.host}-${++this.count}`;
    const via = this.one([this.stranger.host, `${SENTINEL}:5060`, `${this.stranger.host};maddr=${SENTINEL}`]);
    return [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP ${via};branch=z9hG4bK${id};rport`,
      `From: <sip:eve@${this.one(['evil.example', SENTINEL])}>;tag=e`,
      `To: <sip:bob@example.com>${toTag}`,
      `Call-ID: ${id}`,
      `CSeq: 1 ${method}`,
      `Max-Forwards: 70`,
      `${/^Contact:/im.test(more) ? '' : `Contact: <sip:eve@${this.stranger.host}>\r\n`}${more}Content-Length: 0`,
      '\r\n',
    ].join('\r\n');
  }

  /** A connection that says half of something, or nonsense, and stays or goes. */
  private pushStream(): void {
    const connection = this.stranger.connect();
    const text = this.one([...this.torture, ...this.overheard()]);
    const most = Math.max(1, text.length); // An empty datagram may have been overheard.
    connection.write(this.random.below(2) === 0 ? text : text.substring(0, this.random.below(most)));
    if (this.random.below(3) > 0) connection.end();
  }

  /** He sits near the exchange, and hears what others send over datagrams. */
  private overheard(): readonly string[] {
    const { entries } = this.net.trace;
    const last = entries.slice(-TEXTS_MAX).filter(({ transport }) => transport === 'udp');
    return last.length === 0 ? this.torture : last.map(({ text }) => text);
  }

  private one<T>(choices: readonly T[]): T {
    return choices[this.random.below(choices.length)]!; // The index is below the length.
  }
}
