/**
 * What answers a challenge of ours is for us alone: whoever else had it could try passwords on it, as long as he likes.
 * So it goes no further. RFC 7235 §4.4, RFC 3261 §22.3
 *
 * It is known by its nonce, which nobody else can make: so the ACK and the BYE of a call are cleaned too, which bring
 * it again and are not asked for it, and what answers somebody else's challenge passes, even one of the same realm.
 */
import { SipError } from '../base/errors.ts';
import { parseCredentials } from '../sip/credentials.ts';
import { AUTHORIZATION, PROXY_AUTHORIZATION } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';
import type { Nonces } from './nonce.ts';

/** Takes it out of a request that is about to be sent on. */
export function removeOwnAnswers(headers: Headers, nonces: Pick<Nonces, 'judge'>): void {
  if (headers.find(AUTHORIZATION) < 0 && headers.find(PROXY_AUTHORIZATION) < 0) return;
  removeLines(headers, (value) => {
    const nonce = nonceOf(value);
    return nonce !== undefined && nonces.judge(nonce) !== 'forged';
  });
}

/** Takes lines with such a value out of Authorization and Proxy-Authorization, all at once. */
export function removeLines(headers: Headers, isUnwanted: (value: string) => boolean): void {
  const { index, text } = headers;
  let first = -1;
  let end = 0;
  let kept = '';
  for (let place = 0; place < index.length; place += 4) {
    const id = index[place];
    if ((id !== AUTHORIZATION && id !== PROXY_AUTHORIZATION) || !isUnwanted(headers.value(place))) continue;
    if (first < 0) first = headers.lineStart(place);
    else kept += text.substring(end, headers.lineStart(place));
    end = headers.lineEnd(place);
  }
  if (first >= 0) headers.splice(first, end, kept); // Once: each time all fields are found again.
}

/** Undefined for another scheme, and for what cannot be read: nobody could have been let in by it. */
function nonceOf(value: string): string | undefined {
  try {
    return parseCredentials(value)?.nonce;
  } catch (error) {
    if (error instanceof SipError) return undefined;
    throw error;
  }
}
