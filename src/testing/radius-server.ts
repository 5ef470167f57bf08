/** A RADIUS server in memory: knows passwords, keeps what it is told of calls, and can misbehave. */
import type { Endpoint } from '../base/endpoint.ts';
import type { HostPort, UdpSocket, World } from '../base/world.ts';
import {
  encodeAnswer,
  isAccountingRequest,
  isMarkedRequest,
  parseRadius,
  RADIUS_CODES,
  type RadiusPacket,
} from '../auth/radius-packet.ts';
import { digestHa1, digestResponse } from '../sip/digest.ts';

const USER_NAME = 1;
const STERMAN_RESPONSE = 206;
const STERMAN_ATTRIBUTES = 207;
/** The names of Digest-Attributes, by type, and the RFC 5090 attribute that says the same. */
const NAMES: Readonly<Record<number, string>> = {
  1: 'realm',
  2: 'nonce',
  3: 'method',
  4: 'uri',
  5: 'qop',
  8: 'cnonce',
  9: 'nc',
  10: 'username',
};
const RFC5090: Readonly<Record<number, string>> = {
  103: 'response',
  104: 'realm',
  105: 'nonce',
  108: 'method',
  109: 'uri',
  110: 'qop',
  113: 'cnonce',
  114: 'nc',
  115: 'username',
};

/** How it behaves. */
export interface RadiusManner {
  /** Hears, and says nothing. */
  silent?: boolean;
  /** Changes the bytes of an answer on their way. */
  spoil?: (octets: Buffer, request: RadiusPacket) => Buffer;
}

/** See above. */
export class RadiusServer {
  readonly manner: RadiusManner = {};
  /** What it was asked, as often as it was. */
  readonly heard: RadiusPacket[] = [];
  private readonly secret: string;
  private readonly passwords: Readonly<Record<string, string>>;
  private socket: UdpSocket | undefined = undefined;

  constructor(secret: string, passwords: Readonly<Record<string, string>> = {}) {
    this.secret = secret;
    this.passwords = passwords;
  }

  async listen(world: World, at: HostPort): Promise<void> {
    this.socket = await world.net.udp(at, (text, from) => this.receive(text, from));
  }

  /** `[type, text]` of the attributes of what was heard, by its place. */
  said(place: number): readonly (readonly [number, string])[] {
    const { attributes } = this.heard.at(place) ?? { attributes: [] };
    return attributes.map(({ type, value }) => [type, Buffer.from(value).toString('latin1')]);
  }

  close(): void {
    this.socket?.close();
  }

  private receive(text: string, from: Endpoint): void {
    const request = parseRadius(Buffer.from(text, 'latin1'));
    if (request === undefined || !this.isFromClient(request)) return;
    this.heard.push(request);
    if (this.manner.silent === true) return;
    const octets = encodeAnswer(this.judge(request), request, [], this.secret);
    const sent = this.manner.spoil?.(octets, request) ?? octets;
    this.socket?.send(sent.toString('latin1'), from, 0);
  }

  private isFromClient(request: RadiusPacket): boolean {
    return request.code === RADIUS_CODES.accessRequest
      ? isMarkedRequest(request, this.secret)
      : isAccountingRequest(request, this.secret);
  }

  private judge(request: RadiusPacket): number {
    if (request.code === RADIUS_CODES.accountingRequest) return RADIUS_CODES.accountingResponse;
    const given = digestIn(request);
    const { username = '', realm = '', nonce = '', uri = '', method = '', response = '' } = given;
    const password = this.passwords[given['userName'] ?? ''];
    if (password === undefined) return RADIUS_CODES.accessReject;
    const { qop, nc, cnonce } = given;
    const ha1 = digestHa1('MD5', username, realm, password);
    const expected = digestResponse('MD5', ha1, method, { nonce, uri, qop, nc, cnonce });
    return response === expected ? RADIUS_CODES.accessAccept : RADIUS_CODES.accessReject;
  }
}

function digestIn({ attributes }: RadiusPacket): Record<string, string> {
  const given: Record<string, string> = {};
  for (const { type, value } of attributes) {
    const octets = Buffer.from(value);
    const text = octets.toString('latin1');
    const rfc5090 = RFC5090[type];
    if (type === USER_NAME) given['userName'] = text;
    else if (type === STERMAN_RESPONSE) given['response'] = text;
    else if (rfc5090 !== undefined) given[rfc5090] = text;
    else if (type === STERMAN_ATTRIBUTES) {
      const name = NAMES[octets[0]!];
      if (name !== undefined && octets[1] === octets.length) given[name] = text.substring(2);
    }
  }
  return given;
}
