/**
 * What was dialled → a number of the world, by the rules of `[numbers]`: prefixes and lengths, nothing else. No
 * country's numbering plan is known here.
 *
 *   dialled          rule                                  with country_code 49, area_code 30
 *   +49 30 1234      as it is                              +49301234
 *   0049 30 1234     international_prefix                  +49301234
 *   030 1234         national_prefix                       +49301234
 *   1234567          area_code, from local_digits_min on   +49301234567
 */
import { checkUri } from '../base/options.ts';
import type { NumberService } from '../route/services.ts';
import type { Uri } from '../sip/uri.ts';

/** ITU-T E.164: digits of a number of the world, without the plus. */
export const E164_DIGITS_MAX = 15;
/** Fewer digits after the plus are no number of the world. */
export const E164_DIGITS_MIN = 7;

/** How people of one domain dial. */
export interface DialRules {
  /** `49`; empty: only what begins with a plus or the international prefix becomes a number of the world. */
  readonly countryCode: string;
  readonly areaCode: string;
  readonly internationalPrefix: string;
  readonly nationalPrefix: string;
  /** Shorter numbers without a prefix are extensions, not local numbers. */
  readonly localDigitsMin: number;
  readonly emergency: readonly string[];
  readonly shortCodes: readonly string[];
}

/** See {@link NumberService}. */
export class Numbers implements NumberService {
  private readonly rules: DialRules;
  private readonly byDomain: ReadonlyMap<string, DialRules>;

  constructor(rules: DialRules, byDomain: ReadonlyMap<string, DialRules> = new Map()) {
    this.rules = rules;
    this.byDomain = byDomain;
  }

  e164(dialled: Uri, domain?: string): string | undefined {
    const number = numberIn(dialled);
    if (number === undefined) return undefined;
    const rules = this.rulesOf(domain);
    if (isSpecial(rules, number)) return undefined;
    const digits = worldDigits(rules, number, dialled.params['phone-context']);
    if (digits === undefined || digits.length < E164_DIGITS_MIN || digits.length > E164_DIGITS_MAX)
      return undefined;
    return digits.startsWith('0') ? undefined : `+${digits}`;
  }

  isEmergency(dialled: Uri, domain?: string): boolean {
    const number = numberIn(dialled);
    if (number === undefined) return isSosService(dialled);
    return this.rulesOf(domain).emergency.includes(number);
  }

  isShortCode(dialled: Uri, domain?: string): boolean {
    const number = numberIn(dialled);
    return number !== undefined && this.rulesOf(domain).shortCodes.includes(number);
  }

  private rulesOf(domain: string | undefined): DialRules {
    return (domain === undefined ? undefined : this.byDomain.get(domain)) ?? this.rules;
  }
}

function isSpecial(rules: DialRules, number: string): boolean {
  return rules.emergency.includes(number) || rules.shortCodes.includes(number);
}

/** The digits after the plus; undefined when the rules make none of it. */
function worldDigits(
  rules: DialRules,
  number: string,
  context: string | true | undefined,
): string | undefined {
  const { internationalPrefix, nationalPrefix, countryCode, areaCode, localDigitsMin } = rules;
  if (number.includes('*') || number.includes('#')) return undefined;
  if (number.startsWith('+')) return number.substring(1);
  // RFC 3966 §5.1.5: a local number says in which part of the world it holds.
  if (typeof context === 'string' && context.startsWith('+')) return digitsOf(context) + number;
  if (internationalPrefix !== '' && number.startsWith(internationalPrefix))
    return number.substring(internationalPrefix.length);
  if (countryCode === '') return undefined;
  if (nationalPrefix !== '' && number.startsWith(nationalPrefix))
    return countryCode + number.substring(nationalPrefix.length);
  if (number.length < localDigitsMin) return undefined;
  // Where numbers have no national prefix, every number is written in full.
  if (nationalPrefix === '') return countryCode + number;
  return areaCode === '' ? undefined : countryCode + areaCode + number;
}

/** The user part without what people write between digits; undefined when it is a name. */
function numberIn(uri: Uri): string | undefined {
  checkUri('the number', uri);
  const { user } = uri;
  if (user === undefined) return undefined;
  let number = '';
  for (let at = 0; at < user.length; at++) {
    const c = user.charAt(at);
    if ((c >= '0' && c <= '9') || c === '*' || c === '#' || (c === '+' && number === '')) number += c;
    else if (c === ';') break; // Parameters of a telephone number within a SIP URI, RFC 3261 §19.1.6.
    else if (!'-.()'.includes(c)) return undefined;
  }
  return number === '' || number === '+' ? undefined : number;
}

function digitsOf(text: string): string {
  let digits = '';
  for (const c of text) if (c >= '0' && c <= '9') digits += c;
  return digits;
}

/** `urn:service:sos` is no URI of ours yet; phones that only know SIP write it as a user. RFC 5031 §4.2 */
function isSosService({ user }: Uri): boolean {
  return user?.toLowerCase() === 'sos';
}
