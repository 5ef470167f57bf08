/**
 * What may stand in a field that operators and users fill in. Everything is checked here, once, before it reaches the
 * database or a header field: its length, its letters, and whether it is what it says it is.
 */
import { SipError, TandemError } from '../base/errors.ts';
import { parseUri, type Uri } from '../sip/uri.ts';
import { accountProblem, DOMAIN_LENGTH_MAX } from './account-name.ts';

/** OpenSIPS's width of a column with a URI. */
export const URI_LENGTH_MAX = 255;
/** Texts that a field shows in its refusal are cut there. */
const SHOWN_MAX = 80;

/** One field of a row. */
export interface Field<T> {
  /** What it is, in a few words: for the help of a command and for refusals. */
  readonly about: string;
  /** Whether it may be left out. */
  readonly optional: boolean;
  /** The value as rows have it; `given` is undefined when it was left out. Throws INVALID. */
  readonly read: (given: unknown, name: string) => T;
}

/** A field that must be there. */
export function field<T>(about: string, check: (text: string) => T | undefined): Field<T> {
  return { about, optional: false, read: (given, name) => checked(given, name, about, check) };
}

/** The same field, which may be left out: then it has this value. */
export function optional<T, D>({ about, read }: Field<T>, otherwise: D): Field<T | D> {
  return {
    about,
    optional: true,
    read: (given, name) => (given === undefined || given === null ? otherwise : read(given, name)),
  };
}

/** `alice@example.com`, the domain in lower case. */
export function account(about: string): Field<string> {
  return field(about, asAccount);
}

/** `alice@example.com`, or `example.com` for a whole domain. */
export function owner(about: string): Field<string> {
  return field(about, (text) => (text.includes('@') ? asAccount(text) : asDomain(text)));
}

/** A domain, in lower case. */
export function domainName(about: string): Field<string> {
  return field(about, asDomain);
}

/** A text for people: any letters of latin1, no control characters. */
export function words(about: string, charactersMax: number): Field<string> {
  return field(`${about}, ${charactersMax} characters at most`, (text) =>
    text.length <= charactersMax && isPrintable(text) ? text : undefined,
  );
}

/** A name that is written without quotes: letters, digits, `-`, `_` and `.`. */
export function label(about: string, charactersMax: number): Field<string> {
  return field(`${about}, 1 to ${charactersMax} letters, digits and -_.`, (text) =>
    text.length <= charactersMax && /^[\w.-]+$/.test(text) ? text : undefined,
  );
}

/** One of these words. */
export function oneOf<T extends string>(about: string, values: readonly T[]): Field<T> {
  return field(`${about}: ${values.join(', ')}`, (text) => values.find((value) => value === text));
}

/** A whole number between two limits. */
export function whole(about: string, least: number, most: number): Field<number> {
  return field(`${about}, ${least} to ${most}`, (text) => {
    const value = Number(text);
    return /^\d{1,15}$/.test(text) && value >= least && value <= most ? value : undefined;
  });
}

const YES = new Set(['true', 'yes', 'on', '1']);
const NO = new Set(['false', 'no', 'off', '0']);

/** Yes or no. */
export function yesOrNo(about: string): Field<boolean> {
  return field(`${about}: yes or no`, (text) => {
    const said = text.toLowerCase();
    return YES.has(said) ? true : NO.has(said) ? false : undefined;
  });
}

/** Where a call may go: a SIP or tel URI, an account, or what its owner would dial. */
export function callTarget(about: string): Field<string> {
  return field(`${about}: a SIP or tel URI, an account, or digits`, (text) =>
    text.length <= URI_LENGTH_MAX && targetUri(text, 'example.com') !== undefined ? text : undefined,
  );
}

const DIALLED = /^\+?[0-9*#]{1,32}$/;
/** What a URI may not bring along: it would change more than where a request goes. RFC 3261 §19.1.5 */
const HARMFUL_PARAMS = ['method', 'maddr'];

/** Such a target as a URI; digits belong to the owner's domain. Undefined when it is none. */
export function targetUri(text: string, domain: string): Uri | undefined {
  const isUri = /^(sips?|tel):/i.test(text);
  if (!isUri && !text.includes('@') && !DIALLED.test(text)) return undefined;
  try {
    const uri = parseUri(isUri ? text : `sip:${text.includes('@') ? text : `${escaped(text)}@${domain}`}`);
    if (uri.headers !== undefined || HARMFUL_PARAMS.some((name) => name in uri.params)) return undefined;
    return uri;
  } catch (error) {
    if (error instanceof SipError) return undefined;
    throw error;
  }
}

function escaped(dialled: string): string {
  return dialled.replaceAll('#', '%23');
}

/** `alice@example.com` in two. */
export function splitAccount(text: string): { readonly user: string; readonly domain: string } {
  const at = text.lastIndexOf('@');
  return { user: text.substring(0, Math.max(at, 0)), domain: text.substring(at + 1) };
}

function asAccount(text: string): string | undefined {
  const { user, domain } = splitAccount(text);
  return accountProblem(user, domain) === '' ? `${user}@${domain.toLowerCase()}` : undefined;
}

function asDomain(text: string): string | undefined {
  const isDomain = text.length <= DOMAIN_LENGTH_MAX && accountProblem('x', text) === '';
  return isDomain ? text.toLowerCase() : undefined;
}

function checked<T>(given: unknown, name: string, about: string, check: (text: string) => T | undefined): T {
  const isPlain = typeof given === 'string' || typeof given === 'number' || typeof given === 'boolean';
  const value = isPlain ? check(String(given)) : undefined;
  if (value !== undefined) return value;
  throw new TandemError(
    'INVALID',
    `${name}: expected ${about}; got ${isPlain ? shown(String(given)) : 'nothing'}`,
  );
}

/** Without control characters: this goes to a terminal. */
function shown(text: string): string {
  return text.length <= SHOWN_MAX
    ? JSON.stringify(text)
    : `${JSON.stringify(text.substring(0, SHOWN_MAX))} and more, ${text.length} characters`;
}

function isPrintable(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (c < 32 || (c >= 127 && c < 160) || c > 255) return false;
  }
  return true;
}
