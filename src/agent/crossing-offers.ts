/**
 * Two sides that have both made an offer: whether each of the two can stand as the answer to the other. RFC 3264 §6
 *
 *   A ── offer a ──▶ us ◀── offer b ── B
 *   A ◀─ answer b ── us ── answer a ─▶ B
 */
const AS_IT_COMES: ReadonlySet<string> = new Set(['RTP/AVP', 'RTP/AVPF']);
/** RFC 3264 §6.1: how the answer to each of these is directed. */
const OPPOSITE: Readonly<Record<string, string>> = {
  sendrecv: 'sendrecv',
  sendonly: 'recvonly',
  recvonly: 'sendonly',
  inactive: 'inactive',
};
/** RFC 3551 §6: payload types below mean the same to everybody. */
const DYNAMIC_FROM = 96;
/** Streams of one description that are looked at. */
export const STREAMS_MAX = 32;

interface Stream {
  readonly kind: string;
  readonly isOn: boolean;
  readonly protocol: string;
  readonly formats: readonly string[];
  readonly codecs: Map<string, string>;
  direction: string;
  /** Keys that were made for an offer are no answer. RFC 4568 §5.1.2, RFC 5763 §5 */
  isKeyed: boolean;
}

/** True when both have the same streams, and a codec in common in each of them. */
export function mayCross(one: string, other: string): boolean {
  const ours = streamsOf(one);
  const theirs = streamsOf(other);
  if (ours.length === 0 || ours.length !== theirs.length || ours.length > STREAMS_MAX) return false;
  return ours.every((stream, at) => {
    const match = theirs[at];
    return match !== undefined && fit(stream, match);
  });
}

function fit(a: Stream, b: Stream): boolean {
  if (a.kind !== b.kind || a.protocol !== b.protocol || a.isOn !== b.isOn) return false;
  if (!a.isOn) return true;
  if (!AS_IT_COMES.has(a.protocol) || a.isKeyed || b.isKeyed) return false;
  if (OPPOSITE[a.direction] !== b.direction) return false;
  const shared = a.formats.filter((format) => b.formats.includes(format));
  return shared.length > 0 && shared.every((format) => meanTheSame(a, b, format));
}

function meanTheSame(a: Stream, b: Stream, format: string): boolean {
  const codec = a.codecs.get(format);
  return Number(format) < DYNAMIC_FROM || (codec !== undefined && codec === b.codecs.get(format));
}

function streamsOf(description: string): readonly Stream[] {
  const streams: Stream[] = [];
  let direction = 'sendrecv';
  let isKeyed = false;
  for (const line of description.split('\n').map((text) => text.trim())) {
    const stream = streams.at(-1);
    if (line.startsWith('m=')) {
      if (streams.length > STREAMS_MAX) break;
      streams.push(streamOf(line, direction, isKeyed));
    } else if (line.startsWith('a=crypto:') || line.startsWith('a=fingerprint:')) {
      if (stream === undefined) isKeyed = true;
      else stream.isKeyed = true;
    } else if (line.startsWith('a=') && line.substring(2) in OPPOSITE) {
      if (stream === undefined) direction = line.substring(2);
      else stream.direction = line.substring(2);
    } else if (line.startsWith('a=rtpmap:')) {
      const [format = '', codec = ''] = line.substring('a=rtpmap:'.length).split(' ');
      stream?.codecs.set(format, codec.toLowerCase());
    }
  }
  return streams;
}

function streamOf(line: string, direction: string, isKeyed: boolean): Stream {
  const [kind = '', port = '0', protocol = '', ...formats] = line.substring(2).split(' ');
  return {
    kind,
    isOn: Number.parseInt(port, 10) !== 0,
    protocol,
    formats,
    codecs: new Map(),
    direction,
    isKeyed,
  };
}
