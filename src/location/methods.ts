/** What a phone says in Allow, as the bit mask that the `methods` column of OpenSIPS has. RFC 3261 §20.5 */
import { ALLOW } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';

/** In the order of their bits. */
const METHODS = [
  'INVITE',
  'CANCEL',
  'ACK',
  'BYE',
  'INFO',
  'OPTIONS',
  'UPDATE',
  'REGISTER',
  'MESSAGE',
  'SUBSCRIBE',
  'NOTIFY',
  'PRACK',
  'REFER',
  'PUBLISH',
] as const;
const COMMA = 44;
const SPACE = 32;

/** Bits by the length of the method's name. */
const bitsByLength: number[][] = [];
for (const [bit, method] of METHODS.entries()) (bitsByLength[method.length] ??= []).push(bit);

/** Lines that are remembered at once: phones are of few models. */
export const ALLOW_LINES_MAX = 64;
/** Longer ones are read each time. */
export const ALLOW_LENGTH_MAX = 256;

/** Reads Allow: what all phones of one model say, only once. */
export class AllowLines {
  private readonly masks = new Map<string, number>();

  /** How many lines are remembered. */
  get remembered(): number {
    return this.masks.size;
  }

  /** Undefined without an Allow; methods that the mask has no bit for say nothing. */
  methodsIn(headers: Headers): number | undefined {
    let place = headers.find(ALLOW);
    if (place < 0) return undefined;
    let mask = 0;
    for (; place >= 0; place = headers.findFrom(ALLOW, place + 4)) mask |= this.maskOf(headers.value(place));
    return mask;
  }

  private maskOf(line: string): number {
    if (line.length > ALLOW_LENGTH_MAX) return maskOf(line);
    let mask = this.masks.get(line);
    if (mask !== undefined) return mask;
    mask = maskOf(line);
    if (this.masks.size === ALLOW_LINES_MAX) this.masks.clear();
    this.masks.set(line, mask);
    return mask;
  }
}

function maskOf(line: string): number {
  let mask = 0;
  for (let at = 0; at < line.length; at++) {
    let end = at;
    while (end < line.length && line.charCodeAt(end) !== COMMA && line.charCodeAt(end) !== SPACE) end++;
    const bits = bitsByLength[end - at];
    if (bits !== undefined) for (const bit of bits) if (line.startsWith(METHODS[bit]!, at)) mask |= 1 << bit;
    at = end;
  }
  return mask;
}
