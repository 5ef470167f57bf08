/** What a script gives to a service is looked at where it says so: a mistake is told with what may stand there. */
import { inspect } from 'node:util';
import { TandemError } from './errors.ts';

/** What Node's timers can wait. */
export const WAIT_MS_MAX = 2_147_483_647;

/** Throws INVALID unless these are options, and each has one of the names. */
export function checkNames(what: string, options: unknown, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw refused(what, `{ ${names.join(', ')} }`, options);
  for (const name of Object.keys(options))
    if (!names.includes(name)) throw refused(what, names.join(', '), name);
}

/** Throws INVALID unless it is a whole number from `least` to `most`; undefined is left out. */
export function checkWhole(what: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return;
  throw refused(what, `a whole number from ${least} to ${most}`, value);
}

/** The same of a time to wait. */
export function checkWait(what: string, ms: number | undefined, least = 1): void {
  if (ms === undefined || (typeof ms === 'number' && ms >= least && ms <= WAIT_MS_MAX)) return;
  throw refused(what, `milliseconds from ${least} to ${WAIT_MS_MAX}`, ms);
}

/** The same of one word of several. */
export function checkWord(what: string, word: string | undefined, words: readonly string[]): void {
  if (word === undefined || words.includes(word)) return;
  throw refused(what, `one of ${words.join(', ')}`, word);
}

/** Throws INVALID unless it is a URI that was parsed, and no text. */
export function checkUri(what: string, uri: unknown): void {
  if (typeof uri === 'object' && uri !== null && 'scheme' in uri) return;
  throw refused(what, "a Uri, as c.uri is and parseUri('sip:…') makes one,", uri);
}

/** Throws INVALID unless it is a number that ends. */
export function checkNumber(what: string, value: unknown): void {
  if (!Number.isFinite(value)) throw refused(what, 'a number', value);
}

/** `restMs of the pool gw: milliseconds from 1 to 2147483647 expected, not -5` */
export function refused(what: string, expected: string, came: unknown): TandemError {
  const shown = inspect(came, { depth: 1, breakLength: Infinity });
  return new TandemError('INVALID', `${what}: ${expected} expected, not ${shown}`);
}
