/** URIs as a script reads them from texts of its own. */
import { refused } from '../base/options.ts';
import { SipError } from '../base/errors.ts';
import { parseUri as parse, type Uri } from '../sip/uri.ts';

/**
 * `sip:bob@example.com` as a Uri. Throws INVALID for what is none: who calls is not to blame for a text that a script
 * has from elsewhere, so he hears 500, and the log names the line. Of a header field of his own a script catches it.
 */
export function parseUri(text: string): Uri {
  try {
    return parse(text);
  } catch (error) {
    if (typeof text === 'string' && !(error instanceof SipError)) throw error;
    throw refused('parseUri', 'a text such as sip:bob@example.com or tel:+4930123456', text);
  }
}
