/** Two or more who write every message by hand: for what phones do not do by themselves. */
import assert from 'node:assert/strict';
import { replyTo } from '../../src/sip/build.ts';
import type { SipRequest, SipResponse } from '../../src/sip/message.ts';
import { splitList } from '../../src/sip/name-addr.ts';
import { parseMessage } from '../../src/sip/parse.ts';
import { Stranger } from '../../src/testing/stranger.ts';
import { EXCHANGE, type Town } from '../../src/testing/town.ts';

type Lines = readonly (readonly [name: string, value: string])[];

/** Whoever calls: sip:hand@192.0.2.66. */
export const CALLER = '192.0.2.66';

/** One who writes by hand. */
export class Hand {
  readonly host: string;
  private readonly stranger: Stranger;
  private branches = 0;

  constructor(t: Town, host: string) {
    this.host = host;
    this.stranger = new Stranger(t.world, host, { host: EXCHANGE, port: 5060 });
  }

  async open(): Promise<this> {
    await this.stranger.open();
    return this;
  }

  get contact(): string {
    return `<sip:hand@${this.host}:5060>`;
  }

  /** The last request that he got, of this method. */
  got(method: string): SipRequest {
    const found = this.messages().findLast(
      (message) => message.kind === 'request' && message.method === method,
    );
    assert.ok(found?.kind === 'request', `${this.host} got ${method}`);
    return found;
  }

  /** Every response that he got to this method. */
  answers(method = 'INVITE'): SipResponse[] {
    return this.messages().filter(
      (message) => message.kind === 'response' && message.method === method,
    ) as SipResponse[];
  }

  get statuses(): number[] {
    return this.answers().map(({ status }) => status);
  }

  /** Begins something. */
  ask(method: string, uri: string, lines: Lines = [], body = ''): void {
    const cseq: Lines = lines.some(([name]) => name === 'CSeq') ? [] : [['CSeq', `1 ${method}`]];
    this.send(method, uri, [['To', `<${uri}>`], ...cseq, ...lines], body);
  }

  /** Asks within the dialog that this response made; `own` is the proxy of his that stands in the route set. */
  askWithin(made: SipResponse, method: string, cseq: number, lines: Lines = [], body = '', own = ''): void {
    const routes = made.headers.all('Record-Route').flatMap((value) => splitList(value));
    const uri = /<(.*)>/.exec(made.headers.get('Contact') ?? '')?.[1] ?? '';
    const dialog: Lines = [
      ...routes
        .toReversed()
        .filter((route) => own === '' || !route.includes(own))
        .map((route) => ['Route', route] as const),
      ['To', made.headers.get('To') ?? ''],
      ['CSeq', `${cseq} ${method}`],
    ];
    this.send(method, uri, [...dialog, ...lines], body);
  }

  /** Gives up the last request that he asked within the dialog. RFC 3261 §9.1 */
  cancelWithin(made: SipResponse, cseq: number): void {
    this.branches--;
    this.askWithin(made, 'CANCEL', cseq);
  }

  /** A request whose dialog the lines tell whole: To and Route, and From if it is not the usual one. */
  askAs(uri: string, method: string, lines: Lines, cseq = 1, body = ''): void {
    this.send(method, uri, [['CSeq', `${cseq} ${method}`], ...lines], body);
  }

  /** Asks the caller, within the dialog that he answered with this tag. `below`: his own proxy in the route set. */
  askBack(
    invite: SipRequest,
    tag: string,
    method: string,
    more: { below?: string; uri?: string } = {},
  ): void {
    const routes = invite.headers.all('Record-Route').flatMap((value) => splitList(value));
    const contact = /<(.*)>/.exec(invite.headers.get('Contact') ?? '')?.[1] ?? '';
    this.askAs(more.uri ?? contact, method, [
      ...routes.filter((route) => route !== more.below).map((route) => ['Route', route] as const),
      ['From', `${invite.headers.get('To')};tag=${tag}`],
      ['To', invite.headers.get('From') ?? ''],
    ]);
  }

  /** The ACK for a refusal: the branch of the last request, which was its INVITE. RFC 3261 §17.1.1.3 */
  acknowledge(refused: SipResponse, uri: string): void {
    this.branches--;
    this.send(
      'ACK',
      uri,
      [
        ['To', refused.headers.get('To') ?? ''],
        ['CSeq', '1 ACK'],
      ],
      '',
    );
  }

  /**
   * Answers a request; with his tag, Contact and the route set unless it is a failure. `above`: what a proxy of his
   * puts on top of the route set.
   */
  answer(
    request: SipRequest,
    status: number,
    toTag: string,
    lines: Lines = [],
    body = '',
    far: { above?: string; contact?: string } = {},
  ): void {
    const values = [...(far.above === undefined ? [] : [far.above]), ...request.headers.all('Record-Route')];
    const routes = values.map((value) => ['Record-Route', value] as const);
    const dialog: Lines = status < 300 ? [...routes, ['Contact', far.contact ?? this.contact]] : [];
    this.stranger.send(replyTo(request, status, { toTag, headers: [...dialog, ...lines], body }));
  }

  private send(method: string, uri: string, lines: Lines, body: string): void {
    const unlessSaid = (name: string, value: string): Lines =>
      lines.some(([said]) => said === name) ? [] : [[name, value]];
    const fields: Lines = [
      ['Via', `SIP/2.0/UDP ${this.host}:5060;branch=z9hG4bK${this.host}-${++this.branches}`],
      ...unlessSaid('Max-Forwards', '70'),
      ...unlessSaid('From', `<sip:hand@${this.host}>;tag=from`),
      ...unlessSaid('Call-ID', 'by-hand'),
      ...unlessSaid('Contact', this.contact),
      ...lines,
      ['Content-Length', String(body.length)],
    ];
    const text = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    this.stranger.send(`${method} ${uri} SIP/2.0\r\n${text}\r\n${body}`);
  }

  private messages() {
    return this.stranger.heard.map((text) => parseMessage(text));
  }
}

/** Opens them, one a host. */
export function hands(t: Town, ...hosts: string[]): Promise<Hand[]> {
  return t.world.until(Promise.all(hosts.map((host) => new Hand(t, host).open())));
}
