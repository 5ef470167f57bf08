/**
 * Digest credentials as attributes of RADIUS, in either of the two dialects that servers know.
 *
 * The one of draft-sterman-aaa-sip-00: Digest-Response 206, and in Digest-Attributes 207 what stands below, each with
 * a type and a length of its own. FreeRADIUS (rlm_digest) reads it, OpenSIPS and Kamailio send it.
 * The one of RFC 5090 §3: an attribute for each, 103 to 122.
 *
 * Departs from RFC 5090 §2.1.2, where the server makes the nonces, because the servers in use make none.
 */
import type { Presented } from './challenge.ts';
import { RADIUS_ATTRIBUTES, type RadiusAttribute, textAttribute, VALUE_OCTETS_MAX } from './radius-packet.ts';

/** How a server is told of digest credentials. */
export type RadiusDialect = 'sterman' | 'rfc5090';

/** Of a text within Digest-Attributes: type and length stand before it. */
export const STERMAN_OCTETS_MAX = VALUE_OCTETS_MAX - 2;

const STERMAN_RESPONSE = 206;
const STERMAN_ATTRIBUTES = 207;
const RFC5090_RESPONSE = 103;
const RFC5090_AOR = 122;

/** The numbers of one value in both dialects, and where it is found. */
type Row = readonly [
  sterman: number,
  rfc5090: number,
  value: (presented: Presented, method: string) => string,
];

const ROWS: readonly Row[] = [
  [10, 115, ({ given }) => given.username],
  [1, 104, ({ realm }) => realm],
  [2, 105, ({ given }) => given.nonce],
  [3, 108, (_, method) => method],
  [4, 109, ({ given }) => given.uri],
  [5, 110, ({ given }) => given.qop ?? ''],
  [6, 111, ({ algorithm }) => algorithm],
  [8, 113, ({ given }) => given.cnonce ?? ''],
  [9, 114, ({ given }) => given.nc ?? ''],
];

/** Undefined when one of the values does not fit into an attribute: no server could be told of it. */
export function digestAttributes(
  presented: Presented,
  method: string,
  dialect: RadiusDialect,
): readonly RadiusAttribute[] | undefined {
  const { given } = presented;
  const userName = userNameOf(presented);
  const isSterman = dialect === 'sterman';
  const octetsMax = isSterman ? STERMAN_OCTETS_MAX : VALUE_OCTETS_MAX;
  const attributes: RadiusAttribute[] = [];
  for (const [sterman, rfc5090, valueOf] of ROWS) {
    const value = valueOf(presented, method);
    if (value.length > octetsMax) return undefined;
    if (value === '') continue; // An attribute without a value is forbidden. RFC 2865 §5
    attributes.push(isSterman ? withinDigest(sterman, value) : textAttribute(rfc5090, value));
  }
  const response = isSterman ? STERMAN_RESPONSE : RFC5090_RESPONSE;
  if (userName.length > VALUE_OCTETS_MAX || given.response.length > VALUE_OCTETS_MAX) return undefined;
  if (given.username === '' || given.response === '') return undefined;
  attributes.push(textAttribute(response, given.response));
  const aor = `sip:${userName}`;
  if (!isSterman && aor.length <= VALUE_OCTETS_MAX) attributes.push(textAttribute(RFC5090_AOR, aor));
  return [textAttribute(RADIUS_ATTRIBUTES.userName, userName), ...attributes];
}

/** `alice@example.com`, also for who gives the user alone: a server keeps users of many realms. */
function userNameOf({ given: { username }, realm }: Presented): string {
  return username.includes('@') ? username : `${username}@${realm}`;
}

function withinDigest(type: number, value: string): RadiusAttribute {
  return textAttribute(STERMAN_ATTRIBUTES, String.fromCharCode(type, value.length + 2) + value);
}
