/**
 * DNS messages: a question out, an answer in. RFC 1035 §4, RFC 3596, RFC 2782, RFC 3403, RFC 6891.
 *
 *    0                             15
 *   ├───────────────────────────────┤
 *   │              ID               │
 *   │QR│ Opcode │AA│TC│RD│RA│Z│RCODE│
 *   │           QDCOUNT             │
 *   │           ANCOUNT             │
 *   │           NSCOUNT             │
 *   │           ARCOUNT             │
 *   ├───────────────────────────────┤
 *   │ question · answer · authority │   what is additional is never believed
 *   └───────────────────────────────┘
 */
import { intToIp4 } from '../base/endpoint.ts';
import type { DnsRecord, DnsType, Millis } from '../base/world.ts';
import { DnsReader, labelsOf, MalformedError } from './dns-reader.ts';

/** RFC 1035 §4.1.1 RCODE. */
export const rcode = { noError: 0, formErr: 1, servFail: 2, nxDomain: 3, notImp: 4, refused: 5 } as const;

/** The datagrams we say we take. RFC 6891 §6.2.5; what any path carries whole. */
export const PAYLOAD_BYTES = 1_232;
/** Records looked at in one message; those behind are as good as absent. */
export const RECORDS_MAX = 256;

const typeNumbers = { A: 1, AAAA: 28, SRV: 33, NAPTR: 35 } as const;
const CNAME = 5;
const SOA = 6;
const OPT = 41;
const IN = 1;

const RESPONSE = 0x8000;
const OPCODE = 0x7800;
const TRUNCATED = 0x0200;
const RECURSION_DESIRED = 0x0100;

/** What is asked. */
export interface DnsQuestion {
  readonly id: number;
  readonly name: string;
  readonly type: DnsType;
}

/** A record of the answer section, of the type asked for or a CNAME. */
export interface DnsAnswer {
  readonly owner: string;
  readonly alias: boolean;
  readonly record: DnsRecord;
}

/** What a server said. */
export interface DnsReply {
  readonly truncated: boolean;
  readonly code: number;
  readonly answers: readonly DnsAnswer[];
  /** For how long there is no such record; undefined when it was not said. RFC 2308 §5 */
  readonly negativeMs: Millis | undefined;
}

/** Undefined when the name cannot be asked for: too long, an empty label, a character no host name has. */
export function writeQuestion(question: DnsQuestion, extended: boolean): Uint8Array | undefined {
  const labels = labelsOf(question.name);
  if (labels === undefined) return undefined;
  const out = [question.id >>> 8, question.id & 255, RECURSION_DESIRED >>> 8, 0, 0, 1, 0, 0, 0, 0, 0];
  out.push(extended ? 1 : 0);
  for (const label of labels) {
    out.push(label.length);
    for (let i = 0; i < label.length; i++) out.push(label.charCodeAt(i));
  }
  out.push(0, 0, typeNumbers[question.type], 0, IN);
  if (extended) out.push(0, 0, OPT, PAYLOAD_BYTES >>> 8, PAYLOAD_BYTES & 255, 0, 0, 0, 0, 0, 0);
  return Uint8Array.from(out);
}

/** Undefined when it is not the answer to this question: another id, another name, or no DNS message at all. */
export function readReply(bytes: Uint8Array, asked: DnsQuestion): DnsReply | undefined {
  try {
    return reply(new DnsReader(bytes), asked);
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}

function reply(reader: DnsReader, asked: DnsQuestion): DnsReply | undefined {
  const id = reader.uint16();
  const flags = reader.uint16();
  if (id !== asked.id || (flags & (RESPONSE | OPCODE)) !== RESPONSE) return undefined;
  const [questions, answerCount, authorityCount] = [reader.uint16(), reader.uint16(), reader.uint16()];
  reader.skip(2);
  const code = flags & 15;
  if (!echoes(reader, questions, asked, code)) return undefined;
  // A truncated message says nothing but that it is one. RFC 2181 §9
  if ((flags & TRUNCATED) !== 0) return { truncated: true, code, answers: [], negativeMs: undefined };
  const answers: DnsAnswer[] = [];
  for (let i = 0; i < Math.min(answerCount, RECORDS_MAX); i++) {
    const answer = readRecord(reader, typeNumbers[asked.type]);
    if (answer !== undefined) answers.push(answer);
  }
  const negativeMs = answerCount > RECORDS_MAX ? undefined : readNegative(reader, authorityCount);
  return { truncated: false, code, answers, negativeMs };
}

/** Whether the question comes back; a server that did not understand it may leave it out. */
function echoes(reader: DnsReader, questions: number, asked: DnsQuestion, code: number): boolean {
  if (questions === 0) return code !== rcode.noError && code !== rcode.nxDomain;
  const name = reader.name();
  const [type, family] = [reader.uint16(), reader.uint16()];
  const wanted = labelsOf(asked.name)?.join('.');
  return questions === 1 && name === wanted && type === typeNumbers[asked.type] && family === IN;
}

/** Undefined for a record that we have no use for; one whose insides are wrong spoils the message. */
function readRecord(reader: DnsReader, wanted: number): DnsAnswer | undefined {
  const owner = reader.name();
  const [type, family] = [reader.uint16(), reader.uint16()];
  const ttlMs = ttl(reader.uint32());
  const length = reader.uint16();
  const end = reader.at + length;
  if (end > reader.bytes.length) throw new MalformedError('a record longer than its message');
  let record: DnsRecord | undefined;
  if (family === IN && (type === wanted || type === CNAME)) {
    record = readData(reader, type, length, ttlMs);
    if (reader.at !== end) throw new MalformedError('a record of another length than its data');
  }
  reader.at = end;
  if (owner === undefined || record === undefined) return undefined;
  return { owner, alias: type === CNAME, record };
}

function readData(reader: DnsReader, type: number, length: number, ttlMs: Millis): DnsRecord | undefined {
  switch (type) {
    case typeNumbers.A:
      return { target: ip4(reader, length), ttlMs };
    case typeNumbers.AAAA:
      return { target: ip6(reader, length), ttlMs };
    case typeNumbers.SRV: {
      const [priority, weight, port] = [reader.uint16(), reader.uint16(), reader.uint16()];
      const target = reader.name();
      return target === undefined ? undefined : { target, port, priority, weight, ttlMs };
    }
    case typeNumbers.NAPTR: {
      const [order, preference] = [reader.uint16(), reader.uint16()];
      const [flags, services, regexp] = [reader.text(), reader.text(), reader.text()];
      const target = reader.name();
      return target === undefined ? undefined : { target, order, preference, flags, services, regexp, ttlMs };
    }
    default: {
      const target = reader.name();
      return target === undefined ? undefined : { target, ttlMs };
    }
  }
}

function ip4(reader: DnsReader, length: number): string {
  if (length !== 4) throw new MalformedError(`an IPv4 address of ${length} octets`);
  const [a, b, c, d] = [reader.byte(), reader.byte(), reader.byte(), reader.byte()];
  return intToIp4(a | (b << 8) | (c << 16) | (d << 24));
}

/** In the form of RFC 5952 §4: the longest run of zero groups, if it is longer than one, as `::`. */
function ip6(reader: DnsReader, length: number): string {
  if (length !== 16) throw new MalformedError(`an IPv6 address of ${length} octets`);
  const groups = Array.from({ length: 8 }, () => reader.uint16());
  let [best, bestLength] = [-1, 1];
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && groups[i + run] === 0) run++;
    if (run > bestLength) [best, bestLength] = [i, run];
  }
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return best < 0 ? hex(0, 8) : `${hex(0, best)}::${hex(best + bestLength, 8)}`;
}

/** RFC 2308 §5: the lesser of the SOA's own TTL and its MINIMUM, the last of its fields. */
function readNegative(reader: DnsReader, records: number): Millis | undefined {
  for (let i = 0; i < Math.min(records, RECORDS_MAX); i++) {
    reader.name();
    const type = reader.uint16();
    reader.skip(2);
    const ttlMs = ttl(reader.uint32());
    const length = reader.uint16();
    const end = reader.at + length;
    if (end > reader.bytes.length) throw new MalformedError('a record longer than its message');
    if (type === SOA) {
      reader.name();
      reader.name();
      reader.skip(16);
      const minimumMs = ttl(reader.uint32());
      return Math.min(ttlMs, minimumMs);
    }
    reader.at = end;
  }
  return undefined;
}

/** RFC 2181 §8: with its highest bit set it counts as zero. */
function ttl(seconds: number): Millis {
  return seconds >= 2 ** 31 ? 0 : seconds * 1_000;
}
