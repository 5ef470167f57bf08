/**
 * What a binding costs: bytes, and nanoseconds to insert, look up and refresh.
 *
 *   node bench/location.ts               everything, each measurement in a process of its own
 *   node bench/location.ts 1000000       the table with that many contacts
 *   node bench/location.ts register      the whole way of a refresh
 */
import { spawnSync } from 'node:child_process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Endpoint } from '../src/base/endpoint.ts';
import { Contact } from '../src/location/contact.ts';
import { Location } from '../src/location/location.ts';
import { LocationTable } from '../src/location/table.ts';
import type { SipRequest } from '../src/sip/message.ts';
import { parseMessage } from '../src/sip/parse.ts';
import { SimClock } from '../src/testing/sim-clock.ts';
import { SimRandom } from '../src/testing/sim-random.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const WARM_UP = 20_000;
const SAMPLE = 200_000;
const SPREAD = 7919;
const BATCH = 100;

const asked = process.argv[2];
if (asked === undefined) {
  for (const each of ['100000', '1000000', 'register']) {
    spawnSync(process.execPath, [...process.execArgv, import.meta.filename, each], { stdio: 'inherit' });
  }
} else if (asked === 'register') print('REGISTER', 100_000, measureRegister(100_000));
else {
  measureTable(WARM_UP);
  print('table', Number(asked), measureTable(Number(asked)));
}

function measureTable(contacts: number): Record<string, number> {
  const before = memory();
  const table = new LocationTable(new SimRandom(1), contacts);
  let slowestNs = 0;
  let insertNs = 0;
  for (let i = 0; i < contacts; i++) {
    const contact = contactOf(i, 1);
    const start = process.hrtime.bigint();
    table.put(contact);
    const tookNs = Number(process.hrtime.bigint() - start);
    insertNs += tookNs;
    if (tookNs > slowestNs) slowestNs = tookNs;
  }
  const after = memory();
  const sample = Math.min(contacts, SAMPLE);
  const aors = Array.from({ length: sample }, (_, i) => aorOf((i * SPREAD) % contacts));
  let uriLength = 0;
  const lookupNs = timed(sample, (i) => (uriLength += table.contact(table.first(aors[i]!)).uriText.length));
  const refreshes = aors.map((_, i) => contactOf((i * SPREAD) % contacts, 2));
  const refreshNs = timed(sample, (i) => table.update(table.first(aors[i]!), refreshes[i]!));
  const sweepNs = timed(10, () => table.sweep(0, contacts, 1, () => {})) / contacts;
  return {
    'bytes RSS': (after.rss - before.rss) / contacts,
    'bytes heap': (after.heap - before.heap) / contacts,
    'bytes buffers': (after.buffers - before.buffers) / contacts,
    'insert ns': insertNs / contacts,
    'slowest insert µs': slowestNs / 1000,
    'lookup ns': lookupNs,
    'refresh ns': refreshNs,
    'sweep ns/row': sweepNs,
    'URI length': uriLength / sample,
  };
}

/** A refresh as it comes: parse the message, find, update, build the outcome; in batches, as they come off a socket. */
function measureRegister(contacts: number): Record<string, number> {
  const clock = new SimClock();
  const settings = {
    durable: false,
    bindingsMax: contacts,
    maxContacts: 10,
    minExpires: 60,
    maxExpires: 7200,
    defaultExpires: 3600,
  };
  const location = new Location({ clock, random: new SimRandom(1), settings });
  const source = { transport: 'udp', remote: new Endpoint('192.0.2.7', 5060) } as const;
  const save = (i: number, cseq: number): void => {
    void location.save(parseMessage(registerText(i % contacts, cseq)) as SipRequest, source);
  };
  const firstNs = timed(contacts, (i) => save(i, 1));
  let parseNs = 0;
  let refreshNs = 0;
  for (let i = 0; i < SAMPLE; i += BATCH) {
    const cseq = 2 + Math.floor(i / contacts);
    const texts = Array.from({ length: BATCH }, (_, k) =>
      flat(registerText(((i + k) * SPREAD) % contacts, cseq)),
    );
    const requests: SipRequest[] = [];
    parseNs += timed(BATCH, (k) => requests.push(parseMessage(texts[k]!) as SipRequest)) * BATCH;
    refreshNs += timed(BATCH, (k) => location.save(requests[k]!, source)) * BATCH;
  }
  location.close();
  return {
    'first, text included ns': firstNs,
    'parse ns': parseNs / SAMPLE,
    'refresh ns': refreshNs / SAMPLE,
  };
}

/** A text as the network gives it: one piece. */
function flat(text: string): string {
  return Buffer.from(text, 'latin1').latin1Slice();
}

function timed(count: number, run: (i: number) => unknown): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; i++) run(i);
  return Number(process.hrtime.bigint() - start) / count;
}

function memory(): { rss: number; heap: number; buffers: number } {
  collect();
  collect();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  return { rss, heap: heapUsed, buffers: arrayBuffers };
}

function aorOf(i: number): string {
  return `u${1_000_000 + i}@example.com`;
}

function contactOf(i: number, cseq: number): Contact {
  return new Contact({
    aor: aorOf(i),
    uriText: `sip:u${1_000_000 + i}@192.0.2.7:50600;ob;x=1234`,
    q: 1,
    expiresAt: 1e12,
    cseq,
    callId: `${1_000_000 + i}-a84b4c76e66710-0123456`,
    userAgent: 'Example Softphone 7.2.11 (x64)',
    params: '',
  });
}

function registerText(i: number, cseq: number): string {
  const aor = aorOf(i);
  return (
    `REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK${cseq}-${i};rport\r\n` +
    `Max-Forwards: 70\r\nFrom: <sip:${aor}>;tag=a73kszlfl\r\nTo: <sip:${aor}>\r\nCall-ID: ${i}-a84b4c76e66710\r\n` +
    `CSeq: ${cseq} REGISTER\r\nContact: <sip:u${1_000_000 + i}@192.0.2.7:5060;ob>\r\nExpires: 3600\r\n` +
    'User-Agent: Example Softphone 7.2.11 (x64)\r\nAllow: INVITE, ACK, BYE, CANCEL\r\nContent-Length: 0\r\n\r\n'
  );
}

function print(what: string, contacts: number, figures: Record<string, number>): void {
  const parts = Object.entries(figures).map(([name, value]) => `${name} ${value.toFixed(0)}`);
  process.stdout.write(`${what}, ${contacts.toLocaleString('en')} contacts: ${parts.join(', ')}\n`);
}
