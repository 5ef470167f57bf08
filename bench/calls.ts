/**
 * What a script costs a whole call, in microseconds of processor time of its thread: INVITE, 180, 200, ACK, BYE and 200
 * through one exchange, without sockets and without pauses, so every code is hot. The two phones are part of it. A bare
 * relay and a provider's script, without their steps being kept and with them, each in a process of its own as in
 * earnest, by turns. For calls as they come: `npm run bench -- script steps`.
 *
 *   node bench/calls.ts
 */
import { execFileSync } from 'node:child_process';
import { silentLogger } from '../src/base/silent-logger.ts';
import { PRACTICE_DOMAIN, PracticeGround, CALLEE, CALLER } from '../src/server/practice-ground.ts';
import { parseMessage } from '../src/sip/parse.ts';
import { replyTo } from '../src/sip/build.ts';
import { nodeWorld } from '../src/world/node-world.ts';
import plain from './scripts/plain.ts';
import provider from './scripts/provider.ts';

/** Of so few messages that the exchange does not take them for a flood. */
const CALLS_A_TURN = 15;
/** Processes of each kind. */
const ROUNDS = 5;
const WARM_UP_TURNS = 1_300;
const TURNS = 1_200;
/** A route that looks into the location has decided after so many microtasks. */
const ROUTE_TURNS = 40;
const USERS = Array.from({ length: 500 }, (_, number) => `user${number}`);
const SDP = [
  'v=0',
  'o=user1 53655765 2353687637 IN IP4 127.0.0.1',
  's=-',
  'c=IN IP4 127.0.0.1',
  't=0 0',
  'm=audio 6000 RTP/AVP 0',
  'a=rtpmap:0 PCMU/8000',
  '',
].join('\r\n');

const variants = [
  { name: 'bare relay', script: plain, steps: false },
  { name: 'bare relay, steps kept', script: plain, steps: true },
  { name: 'provider', script: provider, steps: false },
  { name: 'provider, steps kept', script: provider, steps: true },
];

const [asked] = process.argv.slice(2);
if (asked === undefined) compare();
else process.stdout.write(`${await callMicros(Number(asked))}\n`, () => process.exit());

function compare(): void {
  const micros = variants.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [place, all] of micros.entries()) {
      const words = [...process.execArgv, import.meta.filename, String(place)];
      all.push(Number(execFileSync(process.execPath, words, { encoding: 'utf8' })));
    }
  }
  const bare = median(micros[0] ?? []);
  for (const [place, { name }] of variants.entries()) {
    const all = micros[place] ?? [];
    const range = `${Math.min(...all).toFixed(0)} to ${Math.max(...all).toFixed(0)}`;
    const more = place === 0 ? '' : `, ${(median(all) - bare).toFixed(1)} more`;
    process.stdout.write(`${name}: ${median(all).toFixed(1)} µs a call (${range})${more}\n`);
  }
}

/** Over all turns of one process: some kernels count a thread's time by ticks of 4 ms, more than a turn takes. */
async function callMicros(place: number): Promise<number> {
  const { script, steps } = variants[place] as (typeof variants)[number]; // `compare` has chosen it.
  const world = nodeWorld({ log: silentLogger, udp: 'dgram' });
  const ground = await PracticeGround.open(world, script, USERS, { steps, transactions: 1_000_000 });
  for (const user of USERS) register(ground, user);
  let start = process.threadCpuUsage();
  for (let turn = 0; turn < WARM_UP_TURNS + TURNS; turn++) {
    if (turn === WARM_UP_TURNS) start = process.threadCpuUsage();
    for (let call = 0; call < CALLS_A_TURN; call++) await play(ground, turn * CALLS_A_TURN + call);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const { user, system } = process.threadCpuUsage(start);
  return (user + system) / (TURNS * CALLS_A_TURN);
}

function register(ground: PracticeGround, user: string): void {
  ground.from(
    CALLER,
    request('REGISTER', `sip:${PRACTICE_DOMAIN}`, user, [`Contact: <sip:${user}@${CALLEE.key}>`]),
  );
  ground.sent.length = 0;
}

async function play(ground: PracticeGround, call: number): Promise<void> {
  const { sent } = ground;
  const user = USERS[call % USERS.length] ?? '';
  const contact = `Contact: <sip:caller@${CALLER.key};transport=UDP>`;
  ground.from(
    CALLER,
    request('INVITE', `sip:${user}@${PRACTICE_DOMAIN}`, user, [contact], { call, body: SDP }),
  );
  const invite = await forwarded(ground);
  const routes = invite.headers.all('Record-Route').map((value) => ['Record-Route', value] as const);
  const headers = [...routes, ['Contact', `<${invite.uriText}>`] as const];
  for (const status of [180, 200])
    ground.from(CALLEE, replyTo(invite, status, { toTag: `t${call}`, headers }));
  const answer = parseMessage(sent.at(-1)?.text ?? '');
  if (answer.kind !== 'response' || answer.status !== 200) throw new Error('no answer came back');
  sent.length = 0;
  const route = `Route: ${answer.headers.get('Record-Route') ?? ''}`;
  const within = { call, toTag: `t${call}` };
  ground.from(CALLER, request('ACK', invite.uriText, user, [route], within));
  sent.length = 0;
  ground.from(CALLER, request('BYE', invite.uriText, user, [route], within));
  const bye = await forwarded(ground);
  ground.from(CALLEE, replyTo(bye, 200, { toTag: `t${call}`, headers: [] }));
  sent.length = 0;
}

/** The request that went on to the callee. */
async function forwarded(ground: PracticeGround): Promise<import('../src/sip/message.ts').SipRequest> {
  const isThere = () => ground.sent.find(({ to }) => to.port === CALLEE.port);
  for (let turn = 0; turn < ROUTE_TURNS && isThere() === undefined; turn++) await Promise.resolve();
  const message = parseMessage(isThere()?.text ?? '');
  if (message.kind !== 'request')
    throw new Error(`not forwarded: ${ground.sent.at(-1)?.text ?? 'nothing left'}`);
  ground.sent.length = 0;
  return message;
}

function request(
  method: string,
  uri: string,
  user: string,
  lines: readonly string[],
  { call = 0, toTag = '', body = '' }: { call?: number; toTag?: string; body?: string } = {},
): string {
  const from = method === 'REGISTER' ? user : 'caller';
  return [
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${CALLER.key};branch=z9hG4bK-${method}-${user}-${call};rport`,
    'Max-Forwards: 70',
    `From: "Bench" <sip:${from}@${PRACTICE_DOMAIN}>;tag=f${call}`,
    `To: <sip:${user}@${PRACTICE_DOMAIN}>${toTag === '' ? '' : `;tag=${toTag}`}`,
    `Call-ID: ${method === 'REGISTER' ? user : call}@bench`,
    `CSeq: ${method === 'BYE' ? 2 : 1} ${method}`,
    ...lines,
    'User-Agent: bench-ua/1.0',
    ...(body === '' ? [] : ['Content-Type: application/sdp']),
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
