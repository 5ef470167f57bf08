/**
 * A callee who answers when his caller has been told already that the call failed. The caller's INVITE is over: its
 * transaction would drop the 2xx (RFC 6026 §7.2), and a caller who took it all the same would have a call that nobody
 * counts. So we take the call ourselves and end it.
 * Departs from RFC 3261 §16.7 step 5 because the callee would otherwise hear nothing for 32 s.
 */
import { CALL_ID, FROM, TO } from '../sip/header-table.ts';
import type { SipResponse } from '../sip/message.ts';
import { parseNameAddr } from '../sip/name-addr.ts';
import type { Uri } from '../sip/uri.ts';
import { printUri } from '../sip/uri.ts';

/** The dialog of such a 2xx, as its caller would have it. RFC 3261 §12.1.2 */
export class UnwantedCall {
  /** Where its requests go first. */
  readonly next: Uri;
  /** Whether no proxy stands between. */
  readonly isDirect: boolean;
  private readonly uriText: string;
  private readonly lines: string;
  private readonly cseq: number;

  /** `routes`: the route set from here to the callee. Throws SipError when the Contact or a route cannot be read. */
  constructor(response: SipResponse, routes: readonly string[]) {
    const { headers } = response;
    const target = parseNameAddr(headers.get('Contact') ?? '').uri;
    this.next = routes[0] === undefined ? target : parseNameAddr(routes[0]).uri;
    this.isDirect = routes.length === 0;
    this.uriText = printUri(target);
    this.cseq = response.cseq;
    let lines = routes.map((route) => `Route: ${route}\r\n`).join('');
    for (const id of [FROM, TO, CALL_ID]) lines += headers.line(headers.find(id));
    this.lines = lines;
  }

  /** §13.2.2.4 */
  ack(via: string): string {
    return this.request('ACK', this.cseq, via);
  }

  /** §15.1.1 */
  bye(via: string): string {
    return this.request('BYE', this.cseq + 1, via);
  }

  private request(method: string, cseq: number, via: string): string {
    const start = `${method} ${this.uriText} SIP/2.0\r\n${via}Max-Forwards: 70\r\n`;
    return `${start}${this.lines}CSeq: ${cseq} ${method}\r\nContent-Length: 0\r\n\r\n`;
  }
}
