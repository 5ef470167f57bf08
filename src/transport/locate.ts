/** Where a URI lives: transport, address and port. RFC 3263 §4, for one target at a time. */
import { isIpAddress } from '../base/endpoint.ts';
import type { Logger, Net } from '../base/world.ts';
import type { Uri } from '../sip/uri.ts';
import type { TransportName } from './flow.ts';
import type { Hop } from './transports.ts';

/** The hop at once when the URI holds an address; otherwise after a look-up. Undefined: it lives nowhere. */
export type Located = Hop | undefined | Promise<Hop | undefined>;

/** Finds hops. */
export class Locator {
  private readonly net: Net;
  private readonly log: Logger;

  constructor(net: Net, log: Logger) {
    this.net = net;
    this.log = log;
  }

  locate(uri: Uri): Located {
    const transport = transportOf(uri);
    if (transport === undefined) return undefined;
    if (isIpAddress(uri.host)) return { transport, host: uri.host, port: uri.port ?? 5060 };
    return this.lookUp(uri, transport);
  }

  private async lookUp(uri: Uri, transport: TransportName): Promise<Hop | undefined> {
    try {
      if (uri.port !== undefined) return await this.address(transport, uri.host, uri.port);
      const service = await this.service(uri.host, transport);
      return await this.address(transport, service?.target ?? uri.host, service?.port ?? 5060);
    } catch (error) {
      this.log.warn('a name could not be resolved', { name: uri.host, why: String(error) });
      return undefined;
    }
  }

  /** The SRV record to try first. RFC 2782: lowest priority, then weight. */
  private async service(
    host: string,
    transport: TransportName,
  ): Promise<{ target: string; port?: number } | undefined> {
    try {
      const records = await this.net.resolve(`_sip._${transport}.${host}`, 'SRV');
      const order = (
        a: { priority?: number; weight?: number },
        b: { priority?: number; weight?: number },
      ): number => (a.priority ?? 0) - (b.priority ?? 0) || (b.weight ?? 0) - (a.weight ?? 0);
      return [...records].sort(order)[0];
    } catch {
      return undefined; // No SRV record is no error: RFC 3263 §4.2 goes on with the address.
    }
  }

  private async address(transport: TransportName, name: string, port: number): Promise<Hop | undefined> {
    const records = await this.net.resolve(name, 'A').catch(() => this.net.resolve(name, 'AAAA'));
    const first = records[0];
    return first === undefined ? undefined : { transport, host: first.target, port };
  }
}

/** `transport=tcp`, or UDP. RFC 3263 §4.1 without NAPTR. Undefined: a transport that we do not speak. */
function transportOf(uri: Uri): TransportName | undefined {
  if (uri.scheme !== 'sip') return undefined;
  const wanted = uri.params['transport'];
  if (wanted === undefined) return 'udp';
  const name = String(wanted).toLowerCase();
  return name === 'udp' || name === 'tcp' ? name : undefined;
}
