import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SipError } from '../base/errors.ts';
import { mutate } from '../testing/mutate.ts';
import { SimRandom } from '../testing/sim-random.ts';
import { type TortureCase, tortureCases } from '../testing/torture-messages.ts';
import { parseNameAddrList } from './name-addr.ts';
import { parseMessage } from './parse.ts';
import { checkRequest, checkResponse } from './sanity.ts';

const cases = tortureCases();
const MUTATIONS = Number(process.env['TANDEM_MUTATIONS'] ?? 2_000);
const SEED = 4475;
/** Far above what a linear parser needs for 60 kB on a slow machine, far below what a quadratic one takes. */
const NASTY_MS_MAX = 250;
const READINGS_MAX = 20;

/** Rejected or dropped, but by a room above: the grammar of these is fine. */
const DECIDED_LATER: Readonly<Record<string, string>> = {
  unksm2: 'a proxy forwards unknown schemes; the registrar refuses them',
  bext01: 'extensions are judged where it is known which are served',
  bcast: 'only the transport knows that the topmost Via is not ours',
};

/** Undefined: goes on. A number: refused. A text: discarded. */
function verdict(text: string): number | string | undefined {
  const message = parseMessage(text);
  if (message.kind === 'bad') return text.startsWith('SIP/') ? message.why : message.status;
  return message.kind === 'request' ? checkRequest(message)?.status : checkResponse(message);
}

function isExpected(
  { id, verdict: expected, codes }: TortureCase,
  got: number | string | undefined,
): boolean {
  if (id in DECIDED_LATER) return got === undefined;
  if (expected === 'accept' || expected === 'response') return got === undefined;
  if (expected === 'drop') return typeof got === 'string';
  return (expected === 'tolerant' && got === undefined) || (typeof got === 'number' && codes.includes(got));
}

for (const message of cases) {
  test(`${message.id}: ${message.verdict}`, () => {
    const got = verdict(message.text);

    assert.ok(isExpected(message, got), `got ${got}`);
  });
}

test('a message with a Content-Length stays as it came, but for bytes behind it', () => {
  const accepted = cases.filter(({ verdict: expected }) => expected === 'accept');
  const measured = accepted.filter(({ text }) => /^(Content-Length|l) *:/im.test(text));

  for (const { id, text } of measured) {
    const message = parseMessage(text);
    assert.ok(message.kind !== 'bad' && text.startsWith(message.text), id);
  }
});

/** Everything a room above may ask of a message; a SipError is an answer. */
function readAll(text: string): void {
  const message = parseMessage(text);
  if (message.kind === 'bad') return;
  verdict(text);
  const { fromTag, toTag, callId, cseq, method, body, headers } = message;
  assert.equal(typeof `${fromTag}${toTag}${callId}${cseq}${method}${body}`, 'string');
  for (const name of ['From', 'To', 'Contact', 'Route']) {
    for (const value of headers.all(name)) orSipError(() => parseNameAddrList(value));
  }
  if (message.kind === 'request') orSipError(() => message.uri);
  else assert.equal(typeof `${message.reason}${message.hasNextVia}`, 'string');
}

function orSipError(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof SipError)) throw error;
  }
}

for (const { id, text } of cases) {
  test(`every prefix of ${id} is read without a fault`, () => {
    for (let length = 0; length <= text.length; length++) readAll(text.substring(0, length));
  });
}

test(`${MUTATIONS} mutations under seed ${SEED} are read without a fault`, () => {
  const random = new SimRandom(SEED);
  const texts = cases.map(({ text }) => text);
  for (let i = 0; i < MUTATIONS; i++) {
    const text = mutate(texts[i % texts.length]!, random, texts);
    try {
      readAll(text);
    } catch (cause) {
      throw new Error(`mutation ${i}: ${JSON.stringify(text)}`, { cause });
    }
  }
});

const HEAD =
  'INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\nTo: sip:b@c\r\n';
const nasty: readonly (readonly [what: string, unit: string, around: (run: string) => string])[] = [
  ['blanks in a folded From', ' ', (run) => `${HEAD}From: "a" <sip:a@b>${run}\r\n ;tag=1\r\n\r\n`],
  ['blanks before a fold', ' ', (run) => `${HEAD}From: "a${run}b\r\n c" <sip:a@b>;tag=1\r\n\r\n`],
  ['folded lines', '\r\n a', (run) => `${HEAD}From: <sip:a@b>\r\nSubject: ${run}\r\n\r\n`],
  ['open brackets', '<', (run) => `${HEAD}From: ${run}\r\n\r\n`],
  ['backslashes', '\\', (run) => `${HEAD}From: "${run}\r\n\r\n`],
  ['parameters', ';a', (run) => `${HEAD}From: <sip:a@b>${run}\r\n\r\n`],
  ['Contacts', '<sip:a@b>,', (run) => `${HEAD}From: <sip:a@b>\r\nContact: ${run}<sip:c@d>\r\n\r\n`],
  ['Vias', 'SIP/2.0/UDP a,', (run) => `${HEAD}From: <sip:a@b>\r\nv: ${run}SIP/2.0/UDP a\r\n\r\n`],
  ['header lines', 'a:\r\n', (run) => `${HEAD}From: <sip:a@b>\r\n${run}\r\n`],
  ['escapes in the URI', '%41', (run) => `${HEAD.replace('sip:a', `sip:${run}`)}From: <sip:a@b>\r\n\r\n`],
];

for (const [what, unit, around] of nasty) {
  test(`60 kB of ${what} cost no more than their length`, () => {
    const text = around(unit.repeat(Math.floor(60_000 / unit.length)));
    let tookMs = Infinity;
    // What else the machine does only ever adds to a reading.
    for (let reading = 0; reading < READINGS_MAX && tookMs >= NASTY_MS_MAX; reading++) {
      const began = process.hrtime.bigint();
      readAll(text);
      tookMs = Math.min(tookMs, Number(process.hrtime.bigint() - began) / 1e6);
    }

    assert.ok(tookMs < NASTY_MS_MAX, `${tookMs} ms`);
  });
}
