import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimRandom } from '../testing/sim-random.ts';
import type { DnsRecord, DnsType } from '../base/world.ts';
import { type DnsQuestion, readReply, RECORDS_MAX, writeQuestion } from './dns-message.ts';

const ID = 0x1234;
const ASKED = 'example.com';
/** The question begins behind the twelve octets of the header. */
const QNAME = [0xc0, 12];

const u16 = (value: number): number[] => [value >>> 8, value & 255];
const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];
const text = (value: string): number[] => [value.length, ...Buffer.from(value, 'latin1')];
const name = (value: string): number[] => [...value.split('.').flatMap(text), 0];
const types = { A: 1, CNAME: 5, SOA: 6, AAAA: 28, SRV: 33, NAPTR: 35, TXT: 16 } as const;

function record(type: keyof typeof types, data: number[], ttl = 60, owner = QNAME): number[] {
  return [...owner, ...u16(types[type]), 0, 1, ...u32(ttl), ...u16(data.length), ...data];
}

interface Parts {
  readonly type?: DnsType;
  readonly answers?: readonly number[][];
  readonly authority?: readonly number[][];
  readonly flags?: number;
  readonly id?: number;
  readonly question?: number[];
  readonly counts?: readonly number[];
}

function message(parts: Parts): Uint8Array {
  const { type = 'A', answers = [], authority = [], flags = 0x8180, id = ID } = parts;
  const question = parts.question ?? [...name(ASKED), ...u16(types[type]), 0, 1];
  const counts = parts.counts ?? [question.length === 0 ? 0 : 1, answers.length, authority.length, 0];
  const body = [...answers, ...authority].flat();
  return Uint8Array.from([...u16(id), ...u16(flags), ...counts.flatMap(u16), ...question, ...body]);
}

const asked = (type: DnsType = 'A'): DnsQuestion => ({ id: ID, name: ASKED, type });

const ttlMs = 60_000;
// oxfmt-ignore
const records: [type: DnsType, data: number[], found: DnsRecord][] = [
  ['A',     [192, 0, 2, 255],                    { target: '192.0.2.255', ttlMs }],
  ['AAAA',  [32, 1, 13, 184, ...Array.from({ length: 11 }, () => 0), 1], { target: '2001:db8::1', ttlMs }],
  ['AAAA',  Array.from({ length: 16 }, () => 0), { target: '::', ttlMs }],
  ['AAAA',  [...Array.from({ length: 15 }, () => 0), 1], { target: '::1', ttlMs }],
  ['AAAA',  [0, 1, 0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7], { target: '1:0:2:3:4:5:6:7', ttlMs }],
  ['SRV',   [0, 1, 0, 2, 19, 196, ...name('A.Example.COM')],
            { target: 'a.example.com', port: 5060, priority: 1, weight: 2, ttlMs }],
  ['SRV',   [0, 1, 0, 2, 19, 196, 1, 97, ...QNAME],
            { target: 'a.example.com', port: 5060, priority: 1, weight: 2, ttlMs }],
  ['SRV',   [0, 0, 0, 0, 0, 0, 0],               { target: '', port: 0, priority: 0, weight: 0, ttlMs }],
  ['NAPTR', [0, 50, 0, 60, ...text('s'), ...text('SIP+D2T'), ...text(''), ...name('_sip._tcp.example.com')],
            { target: '_sip._tcp.example.com', order: 50, preference: 60, flags: 's', services: 'SIP+D2T', regexp: '',
              ttlMs }],
];
for (const [type, data, found] of records) {
  test(`a record of type ${type} for ${found.target || 'the root'}`, () => {
    const reply = readReply(message({ type, answers: [record(type, data)] }), asked(type));

    assert.deepEqual(reply?.answers, [{ owner: ASKED, alias: false, record: found }]);
  });
}

const A = [192, 0, 2, 1];
const loop = [0xc0, 29 + 12];
// oxfmt-ignore
const refused: [what: string, bytes: Uint8Array][] = [
  ['another id',                         message({ id: ID + 1 })],
  ['a question and no answer',           message({ flags: 0x0100 })],
  ['another opcode',                     message({ flags: 0x8980 })],
  ['the answer to another name',         message({ question: [...name('example.net'), 0, 1, 0, 1] })],
  ['the answer to another type',         message({ question: [...name(ASKED), 0, 28, 0, 1] })],
  ['another class',                      message({ question: [...name(ASKED), 0, 1, 0, 3] })],
  ['no question',                        message({ question: [] })],
  ['two questions',                      message({ counts: [2, 0, 0, 0] })],
  ['more records than bytes',            message({ answers: [record('A', A)], counts: [1, 2, 0, 0] })],
  ['a record longer than the message',   message({ answers: [[...QNAME, 0, 1, 0, 1, ...u32(60), 255, 255, 1]] })],
  ['an address of three octets',         message({ answers: [record('A', [192, 0, 2])] })],
  ['an address of five octets',          message({ answers: [record('A', [...A, 0])] })],
  ['an IPv6 address of four octets',     message({ type: 'AAAA', answers: [record('AAAA', A)] })],
  ['a name that points at itself',       message({ answers: [record('A', A, 60, loop)] })],
  ['a name that points forward',         message({ answers: [record('A', A, 60, [0xc0, 200])] })],
  ['a label of a reserved kind',         message({ answers: [record('A', A, 60, [0x80, 1])] })],
  ['data longer than its name',          message({ answers: [record('CNAME', [...name('b.example.com'), 9])] })],
];
for (const [what, bytes] of refused) {
  test(`${what} is no answer`, () => {
    const type = what.includes('IPv6') ? 'AAAA' : 'A';

    assert.equal(readReply(bytes, asked(type)), undefined);
  });
}

test('two names that point at each other end', () => {
  const first = record('CNAME', [1, 97, 0xc0, 0]);
  const bytes = message({ answers: [first] });
  bytes[bytes.length - 1] = bytes.length - 4;

  assert.equal(readReply(bytes, asked()), undefined);
});

// oxfmt-ignore
const lengths: [labels: number[], isName: boolean][] = [
  [[63, 63, 63, 61], true],
  [[63, 63, 63, 62], false],
  [[64],             false],
];
for (const [labels, isName] of lengths) {
  test(`labels of ${labels.join(', ')} octets are ${isName ? 'a' : 'no'} name`, () => {
    const octets = [...labels.flatMap((length) => [length, ...Array.from({ length }, () => 97)]), 0];
    const reply = readReply(message({ answers: [record('CNAME', octets)] }), asked());

    assert.equal(reply?.answers.length === 1, isName);
    const long = labels.map((length) => 'a'.repeat(length)).join('.');
    assert.equal(writeQuestion({ ...asked(), name: long }, false) !== undefined, isName);
  });
}

test('a record whose name could mean something to a parser is left out', () => {
  for (const octet of ['\r', '\n', ' ', ';', '"', '\0', '\xff', '\\']) {
    const answers = [record('CNAME', [3, 97, octet.charCodeAt(0), 98, 0]), record('A', A)];

    const reply = readReply(message({ answers }), asked());

    assert.deepEqual(
      reply?.answers.map(({ alias }) => alias),
      [false],
    );
  }
});

test('records of other types and classes are passed over', () => {
  const other = record('A', A);
  other[5] = 3;
  const reply = readReply(message({ answers: [record('TXT', text('x')), other, record('A', A)] }), asked());

  assert.equal(reply?.answers.length, 1);
});

test(`no more than ${RECORDS_MAX} records are looked at`, () => {
  for (const [count, found] of [
    [RECORDS_MAX, RECORDS_MAX],
    [RECORDS_MAX + 1, RECORDS_MAX],
  ] as const) {
    const answers = Array.from({ length: count }, () => record('A', A));

    assert.equal(readReply(message({ answers }), asked())?.answers.length, found);
  }
});

const soa = (ttl: number, minimum: number): number[] =>
  record('SOA', [0, 0, ...Array.from({ length: 16 }, () => 1), ...u32(minimum)], ttl);
// oxfmt-ignore
const negatives: [what: string, authority: number[][], negativeMs: number | undefined][] = [
  ['the minimum, when it is less',        [soa(600, 30)],  30_000],
  ['the TTL, when it is less',            [soa(20, 300)],  20_000],
  ['nothing, when there is no SOA',       [],              undefined],
  ['zero, when its highest bit is set',   [soa(2 ** 31, 300)], 0],
];
for (const [what, authority, negativeMs] of negatives) {
  test(`for how long there is no record: ${what}`, () => {
    assert.equal(readReply(message({ authority, flags: 0x8183 }), asked())?.negativeMs, negativeMs);
  });
}

test('a truncated message says only that it is one', () => {
  const reply = readReply(message({ flags: 0x8380, counts: [1, 9, 9, 9] }), asked());

  assert.deepEqual([reply?.truncated, reply?.answers.length], [true, 0]);
});

test('a server that did not understand may leave the question out', () => {
  assert.equal(readReply(message({ flags: 0x8181, question: [] }), asked())?.code, 1);
});

// oxfmt-ignore
const unaskable = ['', '.', 'a..b', '.a', 'a b', 'a\r\nb', 'ä.de', `${'a'.repeat(64)}.de`];
for (const bad of unaskable) {
  test(`${JSON.stringify(bad)} cannot be asked for`, () => {
    assert.equal(writeQuestion({ ...asked(), name: bad }, true), undefined);
  });
}

test('a question asks for recursion, and with RFC 6891 says what it can take', () => {
  const plain = writeQuestion({ id: ID, name: 'a.b.', type: 'SRV' }, false);
  const extended = writeQuestion({ id: ID, name: 'A.b', type: 'SRV' }, true);

  const question = [1, 97, 1, 98, 0, 0, 33, 0, 1];
  assert.deepEqual([...(plain ?? [])], [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...question]);
  const opt = [0, 0, 41, 1232 >>> 8, 1232 & 255, 0, 0, 0, 0, 0, 0];
  assert.deepEqual([...(extended ?? [])], [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, ...question, ...opt]);
});

const whole: Parts[] = records.map(([type, data]) => ({
  type,
  answers: [record(type, data), record('CNAME', [1, 97, ...QNAME]), record(type, data)],
  authority: [soa(60, 60)],
}));

test('every prefix of every message is an answer or none, and never an error', () => {
  for (const parts of whole) {
    const bytes = message(parts);
    for (let length = 0; length < bytes.length; length++)
      readReply(bytes.subarray(0, length), asked(parts.type));
  }
});

test('changed and made-up messages are answers or none, and never an error', () => {
  const random = new SimRandom(7, 'dns');
  for (let round = 0; round < 3_000; round++) {
    const parts = whole[random.below(whole.length)]!;
    const bytes = message(parts);
    for (let change = random.below(6); change >= 0; change--) {
      // The header stays, so that what is behind it is read.
      bytes[12 + random.below(bytes.length - 12)] = random.chance(0.3) ? 0xc0 : random.below(256);
    }
    const reply = readReply(bytes, asked(parts.type));

    for (const { owner, record: found } of reply?.answers ?? []) {
      assert.match(owner, /^[a-z0-9_.-]*$/);
      assert.match(found.target, /^[a-z0-9_.:-]*$/);
      assert.ok(found.target.length <= 255);
    }
  }
});
