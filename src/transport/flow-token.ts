/**
 * A flow as the user part of a URI of ours: whoever brings it back reaches the peer at the other end of that flow, and
 * nobody else. RFC 5626 §5.2
 *
 *   kind 1 │ port 2 │ address 16 │ which 4 │ proof 8      bytes, in 42 characters
 *
 *   kind    which transport; address and port are zero for a connection
 *   which   over UDP a hash of our own address as that peer sees it; else the number of the connection, so that a
 *           later one from the same port is not taken for it
 *   proof   64 bits of a keyed hash over the rest: nobody makes himself a way to a phone
 */
import { hash } from 'node:crypto';
import { KeyedHash } from '../base/keyed-hash.ts';
import { type AddressWords, addressWords, mappedIp4 } from '../base/network.ts';
import { intToIp4 } from '../base/endpoint.ts';
import type { Random } from '../base/world.ts';
import { type Flow, whenBroken } from './flow.ts';

/** Every token has this many characters, so that one may take the place of another. */
export const FLOW_TOKEN_LENGTH = 42;

/** In place of a token where none is needed: it names no flow. */
export const NO_FLOW = '-'.repeat(FLOW_TOKEN_LENGTH);

const TRANSPORTS = ['udp', 'tcp', 'tls', 'ws', 'wss'] as const;
const SAID_BYTES = 23;
const TOKEN_BYTES = 31;
const ADDRESS_AT = 3;
const WHICH_AT = 19;
const CONNECTION_NUMBERS = 0x7fff_ffff;

/** Where datagrams may go from: every socket of ours that could. */
export interface DatagramFlows {
  udpFlowsTo(host: string, port: number): Iterable<Flow>;
}

/** Makes tokens and reads them. */
export class FlowTokens {
  private readonly proof: KeyedHash;
  private readonly datagrams: DatagramFlows;
  /** Connections that stand, by their tokens. */
  private readonly connections = new Map<string, Flow>();
  /** What was made for a connection: its messages ask again and again. */
  private readonly made = new WeakMap<Flow, string>();
  private lastNumber: number;

  /** With the same `secret` tokens of datagrams outlive a restart; those of connections cannot. */
  constructor(secret: string, random: Random, datagrams: DatagramFlows) {
    this.proof = new KeyedHash(hash('sha256', `flow ${secret}`, 'buffer'));
    this.datagrams = datagrams;
    this.lastNumber = random.below(CONNECTION_NUMBERS);
  }

  /** The token of a flow. */
  tokenOf(flow: Flow): string {
    if (!flow.reliable) return this.datagramToken(flow);
    const known = this.made.get(flow);
    if (known !== undefined) return known;
    const token = this.connectionToken(flow);
    this.made.set(flow, token);
    if (flow.open) {
      this.connections.set(token, flow);
      whenBroken(flow, () => void this.connections.delete(token));
    }
    return token;
  }

  /** Whether this is a token of ours, and the flow that it names; `flow` is undefined when that one is gone. */
  read(text: string): { readonly flow: Flow | undefined } | undefined {
    if (text.length !== FLOW_TOKEN_LENGTH) return undefined;
    const standing = this.connections.get(text);
    if (standing !== undefined) return { flow: standing };
    const token = Buffer.from(text, 'base64url');
    if (token.length !== TOKEN_BYTES || token.toString('base64url') !== text) return undefined;
    const asked = token.readBigUInt64LE(SAID_BYTES);
    this.sign(token);
    if (token.readBigUInt64LE(SAID_BYTES) !== asked) return undefined;
    if (token[0] !== 0) return { flow: undefined }; // The connection is gone.
    const which = token.readInt32LE(WHICH_AT);
    return { flow: this.datagramFlow(addressIn(token), token.readUInt16BE(1), which) };
  }

  /** Connections that a token was made for. */
  get watched(): number {
    return this.connections.size;
  }

  private datagramFlow(host: string, port: number, which: number): Flow | undefined {
    for (const flow of this.datagrams.udpFlowsTo(host, port))
      if (this.proof.of(flow.sentBy) === which) return flow;
    return undefined;
  }

  private datagramToken({ transport, remote, sentBy }: Flow): string {
    const token = Buffer.alloc(TOKEN_BYTES);
    token[0] = TRANSPORTS.indexOf(transport);
    token.writeUInt16BE(remote.port, 1);
    writeAddress(token, remote.host);
    token.writeInt32LE(this.proof.of(sentBy), WHICH_AT);
    this.sign(token);
    return token.toString('base64url');
  }

  private connectionToken({ transport }: Flow): string {
    const token = Buffer.alloc(TOKEN_BYTES);
    token[0] = TRANSPORTS.indexOf(transport);
    this.lastNumber = (this.lastNumber + 1) % CONNECTION_NUMBERS;
    token.writeInt32LE(this.lastNumber, WHICH_AT);
    this.sign(token);
    return token.toString('base64url');
  }

  private sign(token: Buffer): void {
    token.writeInt32LE(this.proof.wide(token.latin1Slice(0, SAID_BYTES)), SAID_BYTES);
    token.writeInt32LE(this.proof.high, SAID_BYTES + 4);
  }
}

function writeAddress(token: Buffer, host: string): void {
  const words = addressWords(host);
  if (words !== undefined) words.forEach((word, at) => token.writeInt32BE(word, ADDRESS_AT + 4 * at));
}

function addressIn(token: Buffer): string {
  const at = (word: number): number => token.readInt32BE(ADDRESS_AT + 4 * word);
  return printed([at(0), at(1), at(2), at(3)]);
}

/** As the system writes it, which is how flows are known: the longest run of zeros is left out. RFC 5952 §4.2 */
function printed(words: AddressWords): string {
  const ip4 = mappedIp4(words);
  if (ip4 !== undefined) return intToIp4(ip4);
  const groups = words.flatMap((word) => [(word >>> 16).toString(16), (word & 0xffff).toString(16)]);
  let from = 0;
  let longest = 1;
  for (let at = 0; at < groups.length; at++) {
    let end = at;
    while (groups[end] === '0') end++;
    if (end - at > longest) [from, longest] = [at, end - at];
  }
  if (longest === 1) return groups.join(':');
  return `${groups.slice(0, from).join(':')}::${groups.slice(from + longest).join(':')}`;
}
