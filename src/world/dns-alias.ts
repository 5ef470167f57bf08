/** CNAME records of one answer, followed to where they lead. RFC 1034 §3.6.2 */
import type { DnsRecord, Millis } from '../base/world.ts';
import type { DnsAnswer } from './dns-message.ts';

/** Where a chain of aliases ends. */
export interface AliasChain {
  /** The last name of the chain: the one asked for when there is no alias. */
  readonly name: string;
  readonly aliases: number;
  /** The shortest TTL on the way; Infinity without aliases. */
  readonly leastMs: Millis;
  /** What that name has, in the order of the answer. */
  readonly records: readonly DnsRecord[];
}

/** Undefined when there are more aliases than `aliasesMax`: a circle, or a waste of time. */
export function followAliases(
  answers: readonly DnsAnswer[],
  asked: string,
  aliasesMax: number,
): AliasChain | undefined {
  let name = asked;
  let leastMs = Infinity;
  for (let aliases = 0; ; aliases++) {
    const alias = answers.find((answer) => answer.alias && answer.owner === name);
    if (alias === undefined) {
      const records = answers.filter((a) => !a.alias && a.owner === name).map((a) => a.record);
      return { name, aliases, leastMs, records };
    }
    if (aliases === aliasesMax) return undefined;
    name = alias.record.target;
    leastMs = Math.min(leastMs, alias.record.ttlMs);
  }
}
