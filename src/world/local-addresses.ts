import { networkInterfaces } from 'node:os';
import { ip4ToInt } from '../base/endpoint.ts';
import type { Millis } from '../base/world.ts';
import { limits } from './limits.ts';

/** An address of ours, as `os.networkInterfaces` tells it. */
export interface OwnAddress {
  readonly address: string;
  readonly netmask: string;
  readonly family: string;
  readonly internal: boolean;
}

/** Which of our addresses a peer sees. The list is read anew every `limits.localAddressMs`. */
export class LocalAddresses {
  private readonly now: () => Millis;
  private own: readonly OwnAddress[] = [];
  private readUntil: Millis = -Infinity;

  constructor(now: () => Millis) {
    this.now = now;
  }

  for(to: string): string {
    if (this.now() >= this.readUntil) {
      this.own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
      this.readUntil = this.now() + limits.localAddressMs;
    }
    return localAddressFor(to, this.own);
  }
}

/** The address on the peer's own network; else the first one that leads outside; else loopback. */
export function localAddressFor(to: string, own: readonly OwnAddress[]): string {
  return to.includes(':') ? localIp6For(to, own) : localIp4For(to, own);
}

function localIp4For(to: string, own: readonly OwnAddress[]): string {
  if (to.startsWith('127.')) return '127.0.0.1';
  const outside = own.filter((one) => one.family === 'IPv4' && !one.internal);
  const peer = ip4ToInt(to);
  const near = outside.find(({ address, netmask }) => {
    const mask = ip4ToInt(netmask);
    return (ip4ToInt(address) & mask) === (peer & mask);
  });
  return (near ?? outside[0])?.address ?? '127.0.0.1';
}

function localIp6For(to: string, own: readonly OwnAddress[]): string {
  if (to === '::1') return '::1';
  const outside = own.filter((one) => one.family === 'IPv6' && !one.internal);
  // A link-local address means nothing beyond its link. RFC 4291 §2.5.6
  const global = outside.find((one) => !one.address.startsWith('fe80:'));
  return (global ?? outside[0])?.address ?? '::1';
}
