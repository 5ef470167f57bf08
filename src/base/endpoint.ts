/**
 * One side of a flow: an IP address and a port. Immutable; compared by `equals` or by `key`.
 * `ip4` is the address as the four bytes of a sockaddr_in read little-endian, 0 when the address is IPv6.
 */
export class Endpoint {
  readonly host: string;
  readonly port: number;
  readonly ip4: number;
  readonly isIPv6: boolean;

  constructor(host: string, port: number) {
    this.host = host;
    this.port = port;
    this.ip4 = ip4ToInt(host);
    this.isIPv6 = host.includes(':');
  }

  /** Whether it is the same address and port; of IPv4 no text is looked at. */
  equals({ host, port, ip4 }: Endpoint): boolean {
    return port === this.port && ip4 === this.ip4 && (ip4 !== 0 || host === this.host);
  }

  /** As it stands in a sent-by or a URI: `192.0.2.7:5060`, `[2001:db8::1]:5060`. */
  get key(): string {
    return this.isIPv6 ? `[${this.host}]:${this.port}` : `${this.host}:${this.port}`;
  }
}

/**
 * `10.0.0.1` → its sockaddr bytes as a little-endian int32; 0 when the text is no dotted quad. A number with a zero in
 * front is none: `012.0.0.5` is 10.0.0.5 to whoever reads it as octal, as the C library does.
 */
export function ip4ToInt(host: string): number {
  let value = 0;
  let part = 0;
  let digits = 0;
  let parts = 0;
  for (let i = 0; i <= host.length; i++) {
    const c = i < host.length ? host.charCodeAt(i) : 46;
    if (c === 46) {
      if (digits === 0 || digits > 3 || part > 255 || parts === 4) return 0;
      value |= part << (8 * parts++);
      part = 0;
      digits = 0;
    } else if (c >= 48 && c <= 57) {
      if (part === 0 && digits > 0) return 0;
      part = part * 10 + c - 48;
      digits++;
    } else return 0;
  }
  return parts === 4 ? value : 0;
}

/** The inverse of {@link ip4ToInt}. */
export function intToIp4(value: number): string {
  return `${value & 255}.${(value >>> 8) & 255}.${(value >>> 16) & 255}.${value >>> 24}`;
}

/** Whether the text is a literal IPv4 or (without brackets) IPv6 address. */
export function isIpAddress(host: string): boolean {
  return isIp4(host) || isIp6(host);
}

/** Whether the text is a dotted quad. */
export function isIp4(host: string): boolean {
  return host === '0.0.0.0' || ip4ToInt(host) !== 0;
}

/** RFC 4291 §2.2: up to eight groups, one `::`, an IPv4 tail allowed. */
export function isIp6(host: string): boolean {
  if (host.length < 2 || host.length > 45 || !host.includes(':')) return false;
  const halves = host.split('::');
  if (halves.length > 2) return false;
  let groups = 0;
  for (const [half, text] of halves.entries()) {
    if (text === '') continue;
    const parts = text.split(':');
    for (const [i, part] of parts.entries()) {
      const last = half === halves.length - 1 && i === parts.length - 1;
      if (last && isIp4(part)) groups += 2;
      else if (/^[0-9a-f]{1,4}$/i.test(part)) groups += 1;
      else return false;
    }
  }
  return halves.length === 2 ? groups <= 7 : groups === 8;
}
