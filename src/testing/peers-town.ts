/** A town between a carrier that is trusted and others that are not: who is said to call, and by whom. */
import { byPreference } from '../proxy/plan.ts';
import { Router, script } from '../route/router.ts';
import { Stranger } from './stranger.ts';
import { EXCHANGE, type Town, town } from './town.ts';

/** The trusted peer. */
export const CARRIER = '192.0.2.51';
/** A peer that is not. */
export const UNTRUSTED = '203.0.113.9';
/** A caller without an account. */
export const GUEST = '198.51.100.7';
/** The exchange. */
export const TARGET = { host: EXCHANGE, port: 5060 };

/** Everybody may call everybody: what is looked at is who is said to call. */
const open = script(({ auth, domains, location }) => {
  const app = new Router();
  app.register(auth.digest(), (c) => location.save(c));
  app.inDialog(auth.identity(), (c) => c.follow());
  app.request(auth.digestIfOurs(), auth.identity(), async (c) => {
    if (!domains.isLocal(c.uri.host)) return c.relay();
    return c.relay(byPreference(await location.lookup(c.uri)));
  });
  return app;
});

/** The town, and who writes by hand in it. */
export interface Trial {
  readonly t: Town;
  readonly carrier: Stranger;
  readonly other: Stranger;
}

/** With alice and bob, registered. */
export async function start(peers: readonly string[] = [CARRIER], routes = open): Promise<Trial> {
  const settings = { trusted: { peers: [...peers] }, sip: { open_inbound: true } };
  const t = await town(routes, { people: { alice: {}, bob: {} }, settings });
  await t.phone('alice').register();
  await t.phone('bob').register();
  const carrier = await new Stranger(t.world, CARRIER, TARGET).open();
  const other = await new Stranger(t.world, UNTRUSTED, TARGET).open();
  return { t, carrier, other };
}

/** The INVITE of a peer to bob, with these lines. */
export function invite(lines: readonly string[], host = 'example.com'): string {
  return [
    `INVITE sip:bob@${host} SIP/2.0`,
    `Via: SIP/2.0/UDP ${CARRIER}:5060;rport;branch=z9hG4bK${lines.join('').length}`,
    'Max-Forwards: 70',
    'From: <sip:+4930100@carrier.example>;tag=c',
    'To: <sip:bob@example.com>',
    'Call-ID: c',
    'CSeq: 1 INVITE',
    ...lines,
    'Content-Length: 0',
    '\r\n',
  ].join('\r\n');
}

/** What a peer answers: the fields that it must copy, and these lines. */
export function answerTo(request: string, status: string, lines: readonly string[], tag = 'b'): string {
  const copied = request.split('\r\n').filter((line) => /^(via|from|call-id|cseq|record-route):/i.test(line));
  const to = `To: <sip:bob@example.com>;tag=${tag}`;
  // What he puts on the path comes before what was there.
  return [`SIP/2.0 ${status}`, ...lines, ...copied, to, 'Content-Length: 0', '\r\n'].join('\r\n');
}

/** The values of a field in a message as it was sent. */
export function fieldsOf(text: string | undefined, name: string): readonly string[] {
  return (text ?? '')
    .split('\r\n')
    .filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))
    .map((line) => line.slice(name.length + 1).trim());
}
