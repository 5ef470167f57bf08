/** The Contact of a redirection. RFC 3261 §8.3 */
import type { Target } from '../proxy/plan.ts';
import { printUri, type Uri } from '../sip/uri.ts';

/** All of them in one line. */
export function contactLine(to: readonly (Uri | Target)[]): readonly [string, string] {
  return ['Contact', to.map(contactOf).join(', ')];
}

/** `<sip:bob@192.0.2.12>;q=0.5` RFC 3261 §20.10: three decimals at most. */
function contactOf(to: Uri | Target): string {
  if (!('uri' in to)) return `<${printUri(to)}>`;
  const q = to.q === undefined ? '' : `;q=${Math.round(to.q * 1000) / 1000}`;
  return `<${to.uriText ?? printUri(to.uri)}>${q}`;
}
