/** Where a sleeping phone is woken: the parameters of its Contact URI. RFC 8599 §4.1 */
import type { Uri } from '../sip/uri.ts';

/** What a push service is told. */
export interface PushAddress {
  /** The service: `apns`, `fcm`, `webpush`. */
  readonly provider: string;
  /** Which application it is, in the service's own words. */
  readonly param: string | undefined;
  /** Which phone. */
  readonly prid: string;
}

/** Undefined when the URI names no phone to wake. */
export function pushAddressOf({ params }: Uri): PushAddress | undefined {
  const { 'pn-provider': provider, 'pn-param': param, 'pn-prid': prid } = params;
  if (typeof provider !== 'string' || typeof prid !== 'string') return undefined;
  return { provider: provider.toLowerCase(), param: typeof param === 'string' ? param : undefined, prid };
}

/** The service that a URI names, with or without a phone; undefined when it names none. */
export function pushProviderOf({ params }: Uri): string | undefined {
  const provider = params['pn-provider'];
  return typeof provider === 'string' ? provider.toLowerCase() : provider === undefined ? undefined : '';
}
