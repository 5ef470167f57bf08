/** How the values begin that we put into Record-Route: told again without parsing, and written without much work. */
import { isSecure, type Flow, type TransportName } from '../transport/flow.ts';

/** So many ways to begin are remembered; we have few addresses. */
export const OWN_VALUES_MAX = 16;

/** One way: all values by such flows begin so. */
interface Beginning {
  readonly sentBy: string;
  readonly transport: TransportName;
  readonly isSips: boolean;
  readonly text: string;
  /** Where the host begins in it. */
  readonly hostAt: number;
}

/** The beginnings of our values, up to the mark. */
export class OwnValues {
  /** Without a token. */
  readonly prefixes: Uint8Array[] = [];
  private readonly known: Beginning[] = [];

  /**
   * `<sip:192.0.2.1:5060;lr;d=`, with the token of a flow `<sip:token@192.0.2.1:5060;lr;d=`. RFC 3261 §16.6 step 4:
   * sips when the Request-URI is. The side of a sips request that did not come by TLS gets a sip value all the same:
   * nothing at that port of ours speaks TLS.
   */
  beginning({ sentBy, transport }: Flow, isSips: boolean, token: string): string {
    const { text, hostAt } = this.knownOf(sentBy, transport, isSips);
    return token === '' ? text : `${text.substring(0, hostAt)}${token}@${text.substring(hostAt)}`;
  }

  private knownOf(sentBy: string, transport: TransportName, isSips: boolean): Beginning {
    for (const one of this.known)
      if (one.sentBy === sentBy && one.transport === transport && one.isSips === isSips) return one;
    const byTls = isSips && isSecure(transport);
    const scheme = byTls ? '<sips:' : '<sip:';
    const text = `${scheme}${sentBy}${transportParam(transport, byTls)};lr;d=`;
    const one = { sentBy, transport, isSips, text, hostAt: scheme.length };
    if (this.known.length < OWN_VALUES_MAX) {
      this.known.push(one);
      this.prefixes.push(Uint8Array.from(Buffer.from(text, 'latin1')));
    }
    return one;
  }
}

/** What a URI of ours says of the way to us; with sips TLS goes without saying. RFC 3261 §26.2.2, RFC 7118 §5.2.2 */
function transportParam(transport: TransportName, byTls: boolean): string {
  if (transport === 'udp' || (byTls && transport === 'tls')) return '';
  return `;transport=${byTls ? 'ws' : transport}`;
}
