/** Calls that find a phone by what it registered: the town they happen in, and who stands beside it. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { byPreference, Router, type Script, script } from '../../src/index.ts';
import { replyTo } from '../../src/sip/build.ts';
import type { SipRequest, SipResponse } from '../../src/sip/message.ts';
import { parseMessage } from '../../src/sip/parse.ts';
import { assertQuiet } from '../../src/testing/quiet.ts';
import { Stranger } from '../../src/testing/stranger.ts';
import { EXCHANGE, type Person, type Town, town } from '../../src/testing/town.ts';
import { compare, HOSTS } from './flow.ts';

/** Whom they call. */
export const BOB = 'sip:bob@example.com';
/** What he calls by. */
export const DEVICE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"';

/** A registrar, a proxy for whoever is registered, and a notifier of registrations. */
export const open = script(({ location }) => {
  const app = new Router();
  app.register((c) => location.save(c));
  app.subscribe((c) => location.watch(c));
  app.request(async (c) => {
    const phones = await location.lookup(c.uri);
    return phones.length === 0 ? c.reply(480) : c.relay(byPreference(phones));
  });
  return app;
});

/** What a flow may change of its town. */
export interface Parts {
  readonly people?: Partial<Record<keyof typeof HOSTS, Person>>;
  readonly script?: Script;
}

/** Plays a flow, and compares its ladder. */
export function flow(file: string, title: string, parts: Parts, play: (t: Town) => Promise<void>): void {
  test(title, async () => {
    const people = Object.entries(parts.people ?? { alice: {}, bob: {} });
    const t = await town(parts.script ?? open, {
      people: Object.fromEntries(
        people.map(([name, person]) => [name, { host: HOSTS[name as keyof typeof HOSTS], ...person }]),
      ),
      settings: { location: { keep_alive: 'off' } },
    });

    await play(t);

    await assertQuiet(t);
    t.stop();
    compare(file, `${title}\n\n${t.ladder()}`);
  });
}

/** A proxy, or a registrar, that does as it is told with what it gets. */
export class Neighbour {
  readonly requests: SipRequest[] = [];
  readonly stranger: Stranger;

  constructor(t: Town, host: string) {
    this.stranger = new Stranger(t.world, host, { host: EXCHANGE, port: 5060 });
  }

  async open(t: Town, answer: (request: SipRequest) => number | undefined): Promise<this> {
    await t.world.until(
      this.stranger.open((text) => {
        const message = parseMessage(text);
        if (message.kind === 'response' && message.method === 'INVITE') this.acknowledge(message);
        if (message.kind !== 'request') return;
        this.requests.push(message);
        const status = message.method === 'ACK' ? undefined : answer(message);
        if (status !== undefined) this.answer(message, status);
      }),
    );
    return this;
  }

  got(method: string): SipRequest {
    const found = this.requests.findLast((request) => request.method === method);
    assert.ok(found !== undefined, `${this.stranger.host} got ${method}`);
    return found;
  }

  /** The responses that it got. */
  get statuses(): number[] {
    return this.stranger.heard.flatMap((text) => {
      const message = parseMessage(text);
      return message.kind === 'response' ? [message.status] : [];
    });
  }

  answer(request: SipRequest, status: number): void {
    const routes = request.headers.all('Record-Route').map((value) => ['Record-Route', value] as const);
    const dialog = [...routes, ['Contact', `<sip:far@${this.stranger.host}:5060>`] as const];
    const headers = status < 300 && request.method === 'INVITE' ? dialog : [];
    this.stranger.send(replyTo(request, status, { toTag: 'far', headers }));
  }

  /** RFC 3261 §13.2.2.4, §17.1.1.3 */
  private acknowledge({ status, headers, cseq }: SipResponse): void {
    if (status < 200) return;
    const field = (name: string): string => `${name}: ${headers.get(name) ?? ''}`;
    const target = /<(.*)>/.exec(headers.get('Contact') ?? '')?.[1] ?? BOB;
    const routes = status < 300 ? headers.all('Record-Route').toReversed() : [];
    const via = status < 300 ? field('Via').replace('INVITE', 'ACK') : field('Via');
    const lines = [via, field('From'), field('To'), field('Call-ID'), `CSeq: ${cseq} ACK`];
    const all = [...lines, ...routes.map((value) => `Route: ${value}`), 'Max-Forwards: 70', '', ''];
    this.stranger.send(`ACK ${target} SIP/2.0\r\n${all.join('\r\n')}`);
  }

  ask(method: string, uri: string, lines: readonly string[], cseq = 1): void {
    const { host } = this.stranger;
    const text = [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP ${host}:5060;branch=z9hG4bK${host}-${method}-${cseq}`,
      'Max-Forwards: 70',
      `Call-ID: of-${host}`,
      `CSeq: ${cseq} ${method}`,
      ...lines,
      'Content-Length: 0',
    ];
    this.stranger.send(`${text.join('\r\n')}\r\n\r\n`);
  }
}
