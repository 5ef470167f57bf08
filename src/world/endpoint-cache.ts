import { Endpoint, intToIp4, ip4ToInt } from '../base/endpoint.ts';
import { limits } from './limits.ts';

const SLOT_MASK = limits.endpointSlots - 1;

/**
 * One Endpoint object a peer, so rooms above may compare by identity first, and no text is made per packet.
 * Direct-mapped: two peers that share a slot push each other out, and nothing else happens.
 */
export class EndpointCache {
  private readonly slots = Array.from<Endpoint | undefined>({ length: limits.endpointSlots });

  /** `ip4` as in {@link Endpoint}. */
  ofIp4(ip4: number, port: number): Endpoint {
    const slot = slotOf(ip4, port);
    const known = this.slots[slot];
    if (known !== undefined && known.ip4 === ip4 && known.port === port) return known;
    const endpoint = new Endpoint(intToIp4(ip4), port);
    this.slots[slot] = endpoint;
    return endpoint;
  }

  ofHost(host: string, port: number): Endpoint {
    const ip4 = ip4ToInt(host);
    if (ip4 !== 0) return this.ofIp4(ip4, port);
    const slot = slotOf(hashOf(host), port);
    const known = this.slots[slot];
    if (known !== undefined && known.port === port && known.host === host) return known;
    const endpoint = new Endpoint(host, port);
    this.slots[slot] = endpoint;
    return endpoint;
  }
}

function slotOf(address: number, port: number): number {
  const mixed = Math.imul(address ^ Math.imul(port, 0x9e3779b1), 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) & SLOT_MASK;
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}
