import { limits } from './limits.ts';

const MAX = limits.sendBatch;
const WAVE_SLOTS = 1_024;
const GROUP_SLOTS = 512;
const NONE = -1;

/**
 * The order in which a batch of datagrams leaves, and which of them share one GSO send.
 *
 * The wave of a datagram is the number of earlier ones of its peer and `order` in the batch. Waves leave one
 * after the other, and a group is of one peer, one size and one wave: so two datagrams with the same
 * `order` are never in one group, and never swapped.
 *
 *   queued      A100 B100 A100' C100 A90        (letter: order, number: size, all to one peer)
 *   wave 0      [A100 B100 C100]
 *   wave 1      [A100']
 *   wave 2      [A90]
 */
export class SendPlan {
  count = 0;
  groups = 0;
  readonly ip4 = new Int32Array(MAX);
  readonly port = new Int32Array(MAX);
  readonly length = new Int32Array(MAX);
  /** Datagrams in the order of leaving; group g ends before `ends[g]`. */
  readonly sequence = new Int32Array(MAX);
  readonly ends = new Int32Array(MAX);

  private readonly wave = new Int32Array(MAX);
  private waves = 0;
  private batch = 0;
  /** By hash of peer and order: the batch and wave seen last. Two with one hash only make one wave more. */
  private readonly waveBatch = new Int32Array(WAVE_SLOTS).fill(NONE);
  private readonly waveHash = new Int32Array(WAVE_SLOTS);
  private readonly waveLast = new Int32Array(WAVE_SLOTS);

  /** Groups as linked lists of datagrams, waves as linked lists of groups. */
  private readonly nextInGroup = new Int32Array(MAX);
  private readonly groupFirst = new Int32Array(MAX);
  private readonly groupLast = new Int32Array(MAX);
  private readonly groupCount = new Int32Array(MAX);
  private readonly nextInWave = new Int32Array(MAX);
  private readonly waveFirst = new Int32Array(MAX);
  private readonly waveTail = new Int32Array(MAX);
  /** By hash of peer, size and wave: a group that may be right; compared before it is used. */
  private readonly groupAt = new Int32Array(GROUP_SLOTS);

  add(ip4: number, port: number, length: number, order: number): void {
    const i = this.count++;
    this.ip4[i] = ip4;
    this.port[i] = port;
    this.length[i] = length;
    const wave = this.nextWave(mix(ip4, port, order));
    this.wave[i] = wave;
    if (wave >= this.waves) this.waves = wave + 1;
  }

  /** One group a datagram, in the order they came. */
  arrangePlain(): void {
    for (let i = 0; i < this.count; i++) this.sequence[i] = i;
    this.groups = 0;
    this.split(0);
  }

  /** Groups for GSO. */
  arrangeGrouped(): void {
    this.groups = 0;
    this.waveFirst.fill(NONE, 0, this.waves);
    for (let i = 0; i < this.count; i++) this.group(i);
    let leaving = 0;
    let end = 0;
    for (let wave = 0; wave < this.waves; wave++) {
      for (let g = this.waveFirst[wave]!; g !== NONE; g = this.nextInWave[g]!) {
        for (let i = this.groupFirst[g]!; i !== NONE; i = this.nextInGroup[i]!) this.sequence[leaving++] = i;
        this.ends[end++] = leaving;
      }
    }
  }

  /** Undoes the grouping from this group on; the order stays. */
  split(group: number): void {
    const start = this.startOf(group);
    for (let s = start; s < this.count; s++) this.ends[group + s - start] = s + 1;
    this.groups = group + this.count - start;
  }

  startOf(group: number): number {
    return group === 0 ? 0 : this.ends[group - 1]!;
  }

  clear(): void {
    this.count = 0;
    this.groups = 0;
    this.waves = 0;
    this.batch = (this.batch + 1) & 0x3fffffff;
  }

  /** Slots of earlier batches are free, so at most a quarter is taken and the search is short. */
  private nextWave(hash: number): number {
    let slot = hash & (WAVE_SLOTS - 1);
    while (this.waveBatch[slot] === this.batch && this.waveHash[slot] !== hash)
      slot = (slot + 1) & (WAVE_SLOTS - 1);
    const wave = this.waveBatch[slot] === this.batch ? this.waveLast[slot]! + 1 : 0;
    this.waveBatch[slot] = this.batch;
    this.waveHash[slot] = hash;
    this.waveLast[slot] = wave;
    return wave;
  }

  private group(i: number): void {
    this.nextInGroup[i] = NONE;
    const length = this.length[i]!;
    const slot = mix(this.ip4[i]!, this.port[i]!, length + (this.wave[i]! << 16)) & (GROUP_SLOTS - 1);
    const known = this.groupAt[slot]!;
    if (this.mayJoin(i, known)) {
      this.nextInGroup[this.groupLast[known]!] = i;
      this.groupLast[known] = i;
      this.groupCount[known]!++;
      return;
    }
    const g = this.groups++;
    this.groupAt[slot] = g;
    this.groupFirst[g] = i;
    this.groupLast[g] = i;
    this.groupCount[g] = 1;
    this.appendToWave(g, this.wave[i]!);
  }

  private mayJoin(i: number, g: number): boolean {
    if (g >= this.groups) return false;
    const first = this.groupFirst[g]!;
    const length = this.length[i]!;
    const count = this.groupCount[g]!;
    return (
      length === this.length[first] &&
      this.wave[i] === this.wave[first] &&
      this.ip4[i] === this.ip4[first] &&
      this.port[i] === this.port[first] &&
      length > 0 &&
      length <= limits.gsoSegmentBytes &&
      count < limits.gsoSegments &&
      (count + 1) * length <= limits.gsoBytes
    );
  }

  private appendToWave(g: number, wave: number): void {
    this.nextInWave[g] = NONE;
    if (this.waveFirst[wave] === NONE) this.waveFirst[wave] = g;
    else this.nextInWave[this.waveTail[wave]!] = g;
    this.waveTail[wave] = g;
  }
}

function mix(ip4: number, port: number, rest: number): number {
  let hash = Math.imul(ip4 ^ Math.imul(port, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(rest, 0xc2b2ae35);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}
