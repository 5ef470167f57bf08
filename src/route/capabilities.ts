/** What we say of ourselves to who asks us by OPTIONS. RFC 3261 §11.2 */
import { fullName } from '../sip/header-table.ts';
import { registrarOptions } from '../sip/words.ts';

type HeaderLines = readonly (readonly [name: string, value: string])[];

/** Bodies are passed on as they are, whatever they hold; what we say in words is English. */
const ALWAYS: HeaderLines = [
  ['Accept', '*/*'],
  ['Accept-Encoding', 'identity'],
  ['Accept-Language', 'en'],
];

/** `given` and what it leaves out. `allow`: the methods that the script takes. */
export function withCapabilities(given: HeaderLines, allow: readonly string[]): HeaderLines {
  const names = new Set(given.map(([name]) => fullName(name)));
  const all = [['Allow', allow.join(', ')] as const, ...ALWAYS];
  if (allow.includes('REGISTER')) all.push(['Supported', registrarOptions.join(', ')]);
  return [...given, ...all.filter(([name]) => !names.has(fullName(name)))];
}
