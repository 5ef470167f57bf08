/** What an edit of header fields may not take from a message: whoever gets it could not read, route or answer it. */
import { SipError } from '../base/errors.ts';
import {
  CALL_ID,
  CONTACT,
  CONTENT_LENGTH,
  CSEQ,
  FROM,
  headerName,
  MAX_FORWARDS,
  TO,
  VIA,
} from './header-table.ts';
import { checkedValue, type Headers } from './headers.ts';
import { isWellFormedAddressList, tagOfAddress } from './name-addr.ts';

/** An edit that would have broken the message: nothing was changed. */
export class BrokenEdit extends SipError {
  constructor(why: string) {
    super('BAD_HEADER', 500, `an edit would break the message: ${why}`);
  }
}

/** What every message keeps. */
const KEPT =
  (1 << VIA) |
  (1 << CALL_ID) |
  (1 << CSEQ) |
  (1 << CONTENT_LENGTH) |
  (1 << FROM) |
  (1 << TO) |
  (1 << MAX_FORWARDS);
/** Whose new value is looked at. */
const GUARDED = KEPT | (1 << CONTACT);
const HOPS_MAX = 255;

/** Throws unless the message stays whole without the fields of this id. */
export function guardRemoval(headers: Headers, id: number): void {
  if ((KEPT & (1 << id)) !== 0 && headers.find(id) >= 0)
    throw new BrokenEdit(`${headerName(id)} cannot be removed`);
}

/** Throws unless the message stays whole with one field of this id more. */
export function guardAddition(headers: Headers, id: number, value: string | number): void {
  if ((GUARDED & (1 << id)) === 0) return;
  if ((KEPT & (1 << id)) !== 0 && headers.find(id) >= 0)
    throw new BrokenEdit(`there is a ${headerName(id)} already`);
  guardValue(headers, id, value);
}

/** Throws unless the message stays whole with this value. */
export function guardChange(headers: Headers, id: number, value: string | number): void {
  if ((GUARDED & (1 << id)) !== 0) guardValue(headers, id, value);
}

function guardValue(headers: Headers, id: number, given: string | number): void {
  const value = checkedValue(headerName(id), String(given));
  const why = faultOf(headers, id, value);
  if (why !== undefined) throw new BrokenEdit(`${headerName(id)} ${why}, not ${JSON.stringify(value)}`);
}

function faultOf(headers: Headers, id: number, value: string): string | undefined {
  const old = headers.raw(id);
  switch (id) {
    case VIA:
      return old === undefined ? undefined : 'stays as it came';
    case CALL_ID:
    case CSEQ:
      return old === undefined || old === value ? undefined : 'stays as it came';
    case CONTENT_LENGTH: {
      const length = headers.text.length - headers.bodyAt;
      return value === String(length) ? undefined : `is the length of the body, ${length}`;
    }
    case MAX_FORWARDS:
      return isNumberUpTo(HOPS_MAX, value) ? undefined : `is a number up to ${HOPS_MAX}`;
    case CONTACT:
      return value === '*' || isWellFormedAddressList(value, 0, value.length) ? undefined : 'is an address';
    default:
      return addressFault(value, old);
  }
}

function isNumberUpTo(most: number, value: string): boolean {
  const number = Number(value);
  return Number.isInteger(number) && number >= 0 && number <= most && value === String(number);
}

/** Name and URI may be others; by its tag the dialog is known. */
function addressFault(value: string, old: string | undefined): string | undefined {
  const tag = tagOfAddress(value, 0, value.length);
  if (tag === undefined) return 'is an address';
  const before = old === undefined ? tag : tagOfAddress(old, 0, old.length);
  if (tag === before) return undefined;
  return before === '' ? 'has no tag yet' : `keeps its tag ${before}`;
}
