/** Whom one round of REGISTER asks, and in which order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replyTo } from '../sip/build.ts';
import type { SipResponse } from '../sip/message.ts';
import { parseMessage } from '../sip/parse.ts';
import { parseUri, printUri } from '../sip/uri.ts';
import type { ClientOutcome } from './client.ts';
import { EnrolmentRound, PLACES_MAX } from './enrolment-round.ts';

/** What each place answers: a status, or where it redirects to. */
type Answers = Readonly<Record<string, number | readonly [status: number, contacts: string]>>;

function outcome(status: number, contacts = ''): ClientOutcome {
  const asked = parseMessage(
    'REGISTER sip:r SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:u@r>;tag=1\r\nTo: <sip:u@r>\r\n' +
      'Call-ID: 1\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n',
  );
  assert.ok(asked.kind === 'request');
  if (status === 408) return { status, response: undefined, flow: undefined };
  const headers = contacts === '' ? [] : [['Contact', contacts] as const];
  return {
    status,
    response: parseMessage(replyTo(asked, status, { headers })) as SipResponse,
    flow: undefined,
  };
}

async function asked(
  starts: readonly string[],
  answers: Answers,
  isWanted = true,
): Promise<[asked: string, status: number, at: string]> {
  const places: string[] = [];
  const [first, fallback = first] = starts.map((text) => ({ uri: parseUri(text), digest: undefined }));
  assert.ok(first !== undefined && fallback !== undefined);
  const round = new EnrolmentRound({
    newDigest: () => undefined,
    isWanted: () => isWanted,
    ask: ({ uri }) => {
      const place = printUri(uri);
      places.push(place);
      const answer = answers[place] ?? 408;
      return Promise.resolve(typeof answer === 'number' ? outcome(answer) : outcome(...answer));
    },
  });
  const end = await round.run(first, fallback);
  return [places.join(' '), end.outcome.status, printUri(end.place.uri)];
}

const circle: Answers = {
  'sip:r': [302, '<sip:a>'],
  'sip:a': [302, '<sip:R>, <sip:A>, <sip:b>'],
  'sip:b': 200,
};
const tree: Answers = {
  'sip:r': [302, '<sip:a>;q=0.5, <sip:b>;q=0.9'],
  'sip:b': [302, '<sip:c>;q=0.7, <sip:d>;q=0.1'],
  'sip:c': 500,
  'sip:a': 404,
  'sip:d': 200,
};

// [what, where it begins, what each answers, who is asked, the status]
const rows: readonly (readonly [string, string, Answers, string, number])[] = [
  ['the registrar alone', 'sip:r', { 'sip:r': 200 }, 'sip:r', 200],
  ['who is named by 300', 'sip:r', { 'sip:r': [300, '<sip:a>'], 'sip:a': 200 }, 'sip:r sip:a', 200],
  ['who is named by 301', 'sip:r', { 'sip:r': [301, '<sip:a>'], 'sip:a': 200 }, 'sip:r sip:a', 200],
  ['who is named by 302', 'sip:r', { 'sip:r': [302, '<sip:a>'], 'sip:a': 200 }, 'sip:r sip:a', 200],
  ['nobody by 305', 'sip:r', { 'sip:r': [305, '<sip:a>'], 'sip:a': 200 }, 'sip:r', 305],
  ['nobody by 380', 'sip:r', { 'sip:r': [380, '<sip:a>'], 'sip:a': 200 }, 'sip:r', 380],
  ['nobody where no Contact stands', 'sip:r', { 'sip:r': [302, ''] }, 'sip:r', 302],
  ['the highest q of all that is left', 'sip:r', tree, 'sip:r sip:b sip:c sip:a sip:d', 200],
  ['nobody twice', 'sip:r', circle, 'sip:r sip:a sip:b', 200],
  ['nobody after a 6xx', 'sip:r', { 'sip:r': [302, '<sip:a>, <sip:b>'], 'sip:a': 603 }, 'sip:r sip:a', 603],
  ['a domain, no user', 'sip:r', { 'sip:r': [302, '<sip:u:p@a?X=1>'], 'sip:a': 200 }, 'sip:r sip:a', 200],
  ['nobody by less than sips', 'sips:r', { 'sips:r': [302, '<sip:a>'], 'sip:a': 200 }, 'sips:r', 302],
  [
    'nobody by less than sips, once that is so',
    'sip:r',
    { 'sip:r': [302, '<sips:a>'], 'sips:a': [302, '<sip:b>, <sips:c>'], 'sips:c': 200 },
    'sip:r sips:a sips:c',
    200,
  ],
  [
    'the next one after silence',
    'sip:r',
    { 'sip:r': [302, '<sip:a>, <sip:b>'], 'sip:b': 200 },
    'sip:r sip:a sip:b',
    200,
  ],
  ['the registrar after the place', 'sip:p sip:r', { 'sip:r': 200 }, 'sip:p sip:r', 200],
  ['the registrar no more once it is so', 'sip:p sip:r', { 'sip:p': 200 }, 'sip:p', 200],
  [
    'the registrar after all that the place names',
    'sip:p sip:r',
    { 'sip:p': [302, '<sip:a>;q=0'], 'sip:r': [302, '<sip:p>, <sip:b>'], 'sip:b': 200 },
    'sip:p sip:a sip:r sip:b',
    200,
  ],
];
for (const [what, starts, answers, expected, status] of rows) {
  test(`a round asks ${what}`, async () => {
    const [places, end, at] = await asked(starts.split(' '), answers);

    assert.deepEqual([places, end], [expected, status]);
    assert.equal(at, expected.split(' ').at(-1));
  });
}

for (const [good, status] of [
  [PLACES_MAX, 200],
  [PLACES_MAX + 1, 408],
] as const) {
  test(`of ${good} places where the last one takes it, a round ends with ${status}`, async () => {
    const contacts = Array.from({ length: good }, (_, i) => `<sip:p${i + 1}>`).join(', ');
    const [places, end] = await asked(['sip:r'], { 'sip:r': [302, contacts], [`sip:p${good}`]: 200 });

    assert.deepEqual([places.split(' ').length, end], [1 + PLACES_MAX, status]);
  });
}

test('a round that is not wanted any more asks nobody else', async () => {
  const [places] = await asked(['sip:r'], { 'sip:r': [302, '<sip:a>'], 'sip:a': 200 }, false);

  assert.equal(places, 'sip:r');
});
