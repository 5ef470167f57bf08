/** What was sent over a simulated network, in order: for ladders, and to compare two runs byte for byte. */
import type { Millis, StreamKind } from '../base/world.ts';

/**
 * What became of it: `lost` by chance, `cut` by a cut, `refused` because a NAT or a closed port did not let
 * it in. Chunks of a stream are always `sent`.
 */
export type Fate = 'sent' | 'lost' | 'cut' | 'refused';

/** One datagram, or one chunk of a stream. */
export interface TraceEntry {
  /** When it left. */
  readonly atMs: Millis;
  readonly transport: 'udp' | StreamKind;
  /** One number for each direction of a connection; 0 for UDP. */
  readonly stream: number;
  /** Addresses as they stand on the wire outside: `192.0.2.1:5060`. */
  readonly from: string;
  readonly to: string;
  /** The hosts themselves, behind whatever NAT. */
  readonly fromHost: string;
  readonly toHost: string;
  readonly text: string;
  fate: Fate;
}

const ENTRIES_MAX = 200_000;

/** What was sent, up to a limit. */
export class SimTrace {
  readonly entries: TraceEntry[] = [];
  /** Later entries are counted, not kept. */
  entriesMax = ENTRIES_MAX;
  notKept = 0;
  /** The number the next direction of a connection gets. */
  nextStream = 1;

  add(entry: TraceEntry): TraceEntry {
    if (this.entries.length < this.entriesMax) this.entries.push(entry);
    else this.notKept++;
    return entry;
  }
}

/** `0.005000 udp 192.0.2.1:5060 > 192.0.2.2:5060 lost`, a line end, the bytes. */
export function printEntry(entry: TraceEntry): string {
  const seconds = (entry.atMs / 1000).toFixed(6);
  return `${seconds} ${entry.transport} ${entry.from} > ${entry.to} ${entry.fate}\n${entry.text}`;
}
