/**
 * What the marks in Record-Route cost, in nanoseconds of processor time: made for an INVITE, turned in its 200, judged
 * in a BYE.
 *
 *   node bench/marks.ts
 */
import { DialogGuard } from '../src/proxy/dialog-guard.ts';
import { viewRoutes } from '../src/proxy/loose-route.ts';
import { RouteSigner } from '../src/proxy/route-signer.ts';
import { replyTo } from '../src/sip/build.ts';
import { parseMessage } from '../src/sip/parse.ts';

const ROUNDS = 200_000;
const PREFIX = '<sip:192.0.2.1:5060;lr;d=';
const own = { isOwn: (host: string) => host === '192.0.2.1', prefixes: [Buffer.from(PREFIX)] };
const guard = new DialogGuard(new RouteSigner('secret'), own);

const CALLER = '<sip:alice@example.com>;tag=9fxced76sl';
const invites = Array.from({ length: 1000 }, (_, i) => request('INVITE', 'sip:bob@example.com', i, '', []));
const answers = invites.map((invite) =>
  responseOf(
    replyTo(invite, 200, {
      toTag: '314159',
      headers: [
        ['Record-Route', `${PREFIX}${guard.markFor(invite, 1).mark}>`],
        ['Contact', '<sip:bob@192.0.2.12:5060>'],
      ],
    }),
  ),
);
const byes = answers.map((answer, i) => {
  const route = /^Record-Route: (.*)$/m.exec(guard.textForCaller(answer))?.[1] ?? '';
  return request('BYE', 'sip:bob@192.0.2.12:5060', i, ';tag=314159', [`Route: ${route}`]);
});
const views = byes.map((bye) => viewRoutes(bye.headers, own));

for (const round of ['warm-up', 'measured']) {
  const made = timed((i) => guard.markFor(invites[i]!, i).mark.length);
  const turned = timed((i) => guard.textForCaller(answers[i]!).length);
  const judged = timed((i) => guard.verify(byes[i]!, views[i]!)?.call ?? Number.NaN);
  if (round === 'measured')
    process.stdout.write(`made ${made} ns, turned ${turned} ns, judged ${judged} ns\n`);
}

function timed(run: (i: number) => number): number {
  let sum = 0;
  const start = process.cpuUsage();
  for (let i = 0; i < ROUNDS; i++) sum += run(i % 1000);
  const ns = (process.cpuUsage(start).user * 1000) / ROUNDS;
  if (Number.isNaN(sum)) throw new Error('a mark of ours was refused');
  return Math.round(ns);
}

function request(method: string, uri: string, call: number, toTag: string, lines: readonly string[]) {
  const message = parseMessage(
    [
      `${method} ${uri} SIP/2.0`,
      'Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK1',
      ...lines,
      `From: ${CALLER}`,
      `To: <sip:bob@example.com>${toTag}`,
      `Call-ID: 3848276298220188511@${call}`,
      `CSeq: 1 ${method}`,
      'Contact: <sip:alice@192.0.2.11:5060>',
      '\r\n',
    ].join('\r\n'),
  );
  if (message.kind !== 'request') throw new Error('not a request');
  return message;
}

function responseOf(text: string) {
  const message = parseMessage(text);
  if (message.kind !== 'response') throw new Error('not a response');
  return message;
}
