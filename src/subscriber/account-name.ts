/** Which names an account may have, and how an account is written: `alice@example.com`. */
import { isIpAddress } from '../base/endpoint.ts';

/** OpenSIPS's column width, and enough for an E.164 number or an IMSI. */
export const USER_LENGTH_MAX = 64;
/** The same column width. */
export const DOMAIN_LENGTH_MAX = 64;

/** RFC 3261 §25.1 `unreserved` and those of `user-unreserved` that no separator of ours can be taken for. */
const USER = /^[A-Za-z0-9\-_.!~*'()&=+$]+$/;
const DOMAIN = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*$/;

/** Domains are compared in lower case, user names as they are (RFC 3261 §19.1.4). */
export function accountKey(user: string, domain: string): string {
  return `${user}@${domain.toLowerCase()}`;
}

/** What is wrong with the name, or '' when nothing is. */
export function accountProblem(user: string, domain: string): string {
  if (user === '' || user.length > USER_LENGTH_MAX) {
    return `a user name has 1 to ${USER_LENGTH_MAX} characters, this one has ${user.length}`;
  }
  if (!USER.test(user)) {
    return `a user name has letters, digits and -_.!~*'()&=+$ only: ${JSON.stringify(user)}`;
  }
  if (domain.length > DOMAIN_LENGTH_MAX) {
    return `a domain has at most ${DOMAIN_LENGTH_MAX} characters, this one has ${domain.length}`;
  }
  const host = domain.toLowerCase();
  return DOMAIN.test(host) || isIpAddress(host) ? '' : `not a domain: ${JSON.stringify(domain)}`;
}
