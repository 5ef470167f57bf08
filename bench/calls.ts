/**
 * What a script costs a whole call, in microseconds of processor time of its thread: INVITE, 180, 200, ACK, BYE and 200
 * through one exchange of this process, without sockets and without pauses, so every code is hot. A bare relay and a
 * provider's script, without their steps being kept and with them, by turns. The two phones are part of it. For calls as
 * they come: `npm run bench -- script steps`.
 *
 *   node bench/calls.ts
 */
import { silentLogger } from '../src/base/silent-logger.ts';
import { PRACTICE_DOMAIN, PracticeGround, CALLEE, CALLER } from '../src/server/practice-ground.ts';
import { parseMessage } from '../src/sip/parse.ts';
import { replyTo } from '../src/sip/build.ts';
import { nodeWorld } from '../src/world/node-world.ts';
import plain from './scripts/plain.ts';
import provider from './scripts/provider.ts';

/** Of so few messages that the exchange does not take them for a flood. */
const CALLS_A_TURN = 15;
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

const world = nodeWorld({ log: silentLogger, udp: 'dgram' });
let calls = 0;

const grounds: PracticeGround[] = [];
for (const { script, steps } of variants) {
  const ground = await PracticeGround.open(world, script, USERS, { steps, transactions: 1_000_000 });
  for (const user of USERS) register(ground, user);
  grounds.push(ground);
}
const spent = variants.map((): number[] => []);
for (let turn = 0; turn < WARM_UP_TURNS + TURNS; turn++) {
  for (const [place, ground] of grounds.entries()) {
    const start = process.threadCpuUsage();
    for (let call = 0; call < CALLS_A_TURN; call++) await play(ground, calls++);
    const { user, system } = process.threadCpuUsage(start);
    if (turn >= WARM_UP_TURNS) spent[place]?.push((user + system) / CALLS_A_TURN);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
const bare = median(spent[0] ?? []);
for (const [place, { name }] of variants.entries()) {
  const micros = median(spent[place] ?? []);
  const more = place === 0 ? '' : `, ${(micros - bare).toFixed(1)} more`;
  process.stdout.write(`${name}: ${micros.toFixed(1)} µs a call${more}\n`);
}
process.exit();

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
