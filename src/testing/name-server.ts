/** A name server in memory: the bytes of a question in, the bytes of its answer out. */

const typeNumbers: Readonly<Record<string, number>> = {
  A: 1,
  CNAME: 5,
  SOA: 6,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
};
const HEADER_OCTETS = 12;

/** How a server behaves, beside what it knows. */
export interface NameServerManner {
  /** Answers by UDP are cut off, so that TCP must be used. */
  truncates?: boolean;
  /** Answered to everything: 2 SERVFAIL, 5 REFUSED. */
  code?: number;
  /** FORMERR for whoever says something of RFC 6891. */
  knowsNoExtension?: boolean;
  /** The id of the answer is another one. */
  mistakesId?: boolean;
  /** Seconds for which there is no record; none is said when undefined. RFC 2308 */
  negativeSeconds?: number | undefined;
}

/** A zone, and who asked for what. */
export class NameServer {
  readonly manner: NameServerManner = {};
  /** `A www.example.com`, in the order of coming. */
  readonly asked: string[] = [];
  private readonly records = new Map<string, number[][]>();
  private readonly names = new Set<string>();

  /** A line of a zone: `SRV`, `_sip._udp.example.com`, 60, then its fields; NAPTR takes its texts as they are. */
  add(type: string, name: string, ttl: number, ...fields: readonly (string | number)[]): void {
    const data = dataOf(type, fields);
    const record = [
      ...nameOctets(name),
      ...u16(typeNumbers[type]!),
      0,
      1,
      ...u32(ttl),
      ...u16(data.length),
      ...data,
    ];
    const key = `${type} ${name}`;
    this.records.set(key, [...(this.records.get(key) ?? []), record]);
    this.names.add(name);
  }

  remove(type: string, name: string): void {
    this.records.delete(`${type} ${name}`);
  }

  /** Answers one question; only aliases of this zone are followed. */
  answer(question: Uint8Array, overUdp: boolean): Uint8Array {
    const { name, type, end } = readQuestion(question);
    this.asked.push(`${type} ${name}`);
    const { manner } = this;
    const echo = [...question.subarray(HEADER_OCTETS, end)];
    const id = ((question[0]! << 8) | question[1]!) ^ (manner.mistakesId === true ? 1 : 0);
    const isExtended = question[11] === 1;
    if (manner.knowsNoExtension && isExtended) return bytes(id, 0x8181, [1, 0, 0, 0], echo);
    if (manner.code !== undefined) return bytes(id, 0x8180 | manner.code, [1, 0, 0, 0], echo);
    if (manner.truncates && overUdp) return bytes(id, 0x8380, [1, 0, 0, 0], echo);
    const found = this.find(name, type);
    const code = found.length === 0 && !this.names.has(name) ? 3 : 0;
    const isEnd = found.length > 0 || manner.negativeSeconds === undefined;
    const authority = isEnd ? [] : soa(manner.negativeSeconds!);
    const counts = [1, found.length, isEnd ? 0 : 1, 0];
    return bytes(id, 0x8180 | code, counts, [...echo, ...found.flat(), ...authority]);
  }

  private find(name: string, type: string): number[][] {
    const own = this.records.get(`${type} ${name}`);
    const alias = this.records.get(`CNAME ${name}`);
    if (own !== undefined || alias === undefined) return own ?? [];
    const target = readName(Uint8Array.from(alias[0]!), nameOctets(name).length + 10).name;
    return [...alias, ...(this.records.get(`${type} ${target}`) ?? [])];
  }
}

function dataOf(type: string, fields: readonly (string | number)[]): number[] {
  if (type === 'A') return String(fields[0]).split('.').map(Number);
  if (type === 'AAAA')
    return String(fields[0])
      .split(':')
      .flatMap((group) => u16(Number.parseInt(group, 16)));
  return fields.flatMap((field, i) => {
    if (typeof field === 'number') return u16(field);
    return i === fields.length - 1 ? nameOctets(field) : textOctets(field);
  });
}

function readQuestion(message: Uint8Array): { name: string; type: string; end: number } {
  const { name, end } = readName(message, HEADER_OCTETS);
  const number = (message[end]! << 8) | message[end + 1]!;
  const [type = '?'] = Object.entries(typeNumbers).find(([, value]) => value === number) ?? [];
  return { name, type, end: end + 4 };
}

function readName(message: Uint8Array, from: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = from;
  for (let length = message[at++]!; length > 0; length = message[at++]!) {
    labels.push(String.fromCharCode(...message.subarray(at, at + length)));
    at += length;
  }
  return { name: labels.join('.'), end: at };
}

function soa(seconds: number): number[] {
  const data = [0, 0, ...Array.from({ length: 4 }, () => u32(1)).flat(), ...u32(seconds)];
  return [0, ...u16(typeNumbers['SOA']!), 0, 1, ...u32(86_400), ...u16(data.length), ...data];
}

function bytes(id: number, flags: number, counts: readonly number[], rest: readonly number[]): Uint8Array {
  return Uint8Array.from([...u16(id), ...u16(flags), ...counts.flatMap(u16), ...rest]);
}

function nameOctets(name: string): number[] {
  return [...(name === '.' ? [] : name.split('.')).flatMap(textOctets), 0];
}

function textOctets(text: string): number[] {
  return [text.length, ...Buffer.from(text, 'latin1')];
}

function u16(value: number): number[] {
  return [(value >>> 8) & 255, value & 255];
}

function u32(value: number): number[] {
  return [...u16(value >>> 16), ...u16(value & 0xffff)];
}
