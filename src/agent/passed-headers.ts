/**
 * Which header fields of one leg may appear on the other. What belongs to the leg itself, or shows how it is routed,
 * stays: Via, Record-Route, Contact, Call-ID and their like.
 */
import type { HeaderLine } from '../dialog/dialog.ts';
import { fullName } from '../sip/header-table.ts';
import type { Headers } from '../sip/headers.ts';

/** Fields of the leg, of the hop, or of what we answer for ourselves. */
const OWN: ReadonlySet<string> = new Set(
  (
    'via from to call-id cseq contact route record-route max-forwards max-breadth content-length path ' +
    'service-route authorization proxy-authorization www-authenticate proxy-authenticate ' +
    'proxy-require require supported unsupported authentication-info allow session-expires min-se ' +
    'rseq rack expires timestamp user-agent server organization warning replaces refer-to referred-by ' +
    'refer-sub target-dialog event subscription-state content-type flow-timer security-client ' +
    'security-server security-verify p-associated-uri'
  ).split(' '),
);

/** Everything that is for the far end: identity, content fields, what extensions and scripts added. */
export function passedHeaders(headers: Headers): HeaderLine[] {
  const passed: HeaderLine[] = [];
  for (let place = 0; place < headers.index.length; place += 4) {
    const name = headers.nameAt(place);
    if (!OWN.has(fullName(name))) passed.push([name, headers.value(place)]);
  }
  return passed;
}

/** The same with the fields of the method that the far end needs to understand it. */
export function passedWith(headers: Headers, names: readonly string[]): HeaderLine[] {
  const more = names.flatMap((name) => headers.all(name).map((value): HeaderLine => [name, value]));
  return [...passedHeaders(headers), ...more];
}
